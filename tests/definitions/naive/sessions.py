"""Sessions of a profile, and their facts."""

from collections.abc import Mapping

from definitions.model import SESSION_FACTS
from tests.definitions.naive.lives import Happened, Life, past
from tests.definitions.naive.values import value_at

GAP_MS = 30 * 60 * 1000
LONGEST_FACT = 200


def sessions(life: Life, now: int) -> list[list[Happened]]:
    """The events of each session, in their order."""
    found: list[list[Happened]] = []
    for event in past(life, now):
        if found and event.at - found[-1][-1].at < GAP_MS:
            found[-1].append(event)
        else:
            found.append([event])
    return found


def session(which: str, life: Life, now: int) -> list[Happened]:
    """The events of a session, in their order; none where there is no such session."""
    found = sessions(life, now)
    if not found:
        return []
    if which == "first":
        return found[0]
    has_ended = now - found[-1][-1].at >= GAP_MS
    return [] if which == "current" and has_ended else found[-1]


FACTS = {"entry_page": "page"}


def session_facts(which: str, life: Life, now: int) -> Mapping[str, str]:
    """The facts of the session's earliest event that has any; the page that it was entered on is `page` of that."""
    for event in session(which, life, now):
        facts = {name: value_at(event.context, ("facts", FACTS.get(name, name))) for name in SESSION_FACTS}
        texts = {name: fact[:LONGEST_FACT] for name, fact in facts.items() if isinstance(fact, str) and fact}
        if texts:
            return texts
    return {}
