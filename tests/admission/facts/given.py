"""Events whose contexts show something, and their facts."""

import json
from typing import Any

from admission.facts.events import NO_REQUESTER, FactReader, Requester
from schemas.records import Event, EventType, Identifier
from settings import FactSettings

READER = FactReader()
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WINDOWS} Chrome/126.0.0.0 Safari/537.36"


def event(type: EventType = "track", properties: object = None, **context: Any) -> Event:
    """An event with this context, Unicode as it is."""
    return Event(
        "main", "web", "m1", type, "Viewed", 1, None, 1, (Identifier("user_id", "ann"),),
        properties=json.dumps(properties or {}, ensure_ascii=False), context=json.dumps(context, ensure_ascii=False),
    )  # fmt: skip


def facts_of(sent: Event, connection: Requester = NO_REQUESTER, **settings: object) -> dict[str, object]:
    """The facts of an event, by a workspace with these settings; its own context stays as it was."""
    reader = FactReader(FactSettings(**settings)) if settings else READER  # type: ignore[arg-type]
    context = json.loads(reader.with_facts(sent, connection).context)
    facts: dict[str, object] = context.pop("facts", {})
    before = json.loads(sent.context)
    before.pop("facts", None)
    assert context == before
    assert "" not in facts.values()
    return facts


def shown(names: str, **context: Any) -> list[object]:
    """Of the facts of a context, those named; None for one that is not known."""
    facts = facts_of(event(**context))
    return [facts.get(name) for name in names.split()]
