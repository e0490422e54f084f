"""With what an event was made: device, system, browser, and whether by a robot."""

from admission.facts.agents import MAX_USER_AGENT_LENGTH, Agent, device_of_system, hinted, is_bot, read_agent
from admission.facts.values import FactObject, text_of
from settings import FactSettings


class VisitorReader:
    """Reads it of a context; what the context says itself comes before its user agent, and that before the header's."""

    def __init__(self, settings: FactSettings) -> None:
        self._reads_agent = "agent" not in settings.off
        self._reads_bot = "bot" not in settings.off

    def read(self, context: FactObject) -> dict[str, str | bool]:
        """Return the facts by name. `context`: `userAgent` and hints as they were sent, and the `header` User-Agent."""
        sent = text_of(context, "userAgent") or text_of(context, "header")
        user_agent = sent[:MAX_USER_AGENT_LENGTH].strip()
        facts: dict[str, str | bool] = {}
        if self._reads_agent:
            said, shown = hinted(context), read_agent(user_agent) if user_agent else Agent()
            facts |= Agent(*(ours or theirs for ours, theirs in zip(said, shown, strict=True)))._asdict()
            facts["device"] = facts["device"] or device_of_system(str(facts["system"]))
        if user_agent and self._reads_bot:
            facts["is_bot"] = is_bot(user_agent)
            if facts["is_bot"] and self._reads_agent:
                facts["device"] = "bot"
        return facts
