"""The oracle: the same answers by plain recomputation over all events, sharing no code with the fold."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from schemas.records import Event, Session, SessionFacts

MINUTE = 60_000
PRIORITY = {"site": 1, "crm": 2}


class NaiveSession(NamedTuple):
    started_at: int
    ended_at: int
    events: int
    entry_url: str | None
    facts: SessionFacts | None


class Digits(str):
    """A number as it is written."""


def exact(text: str) -> object:
    """The value of a JSON text, with the digits of its numbers."""
    return json.loads(text, parse_float=Digits, parse_int=Digits)


def traits(events: Sequence[Event]) -> dict[str, object]:
    values: dict[str, object] = {}
    for event in sorted(
        events, key=lambda event: (event.occurred_at, PRIORITY[event.source], event.ordinal, event.message_id)
    ):
        if event.type == "identify":
            values.update(exact(event.traits))  # type: ignore[call-overload]
    return {name: value for name, value in values.items() if value is not None}


def counters(events: Sequence[Event]) -> dict[str, int]:
    return dict(Counter(event.event or event.type for event in events))


def shown(session: Session) -> NaiveSession:
    """What the fold has published, to compare."""
    return NaiveSession(session.started_at, session.ended_at, session.events, session.entry_url, session.facts)


def sessions(events: Sequence[Event]) -> list[NaiveSession]:
    groups: list[list[Event]] = []
    for event in sorted(events, key=lambda event: event.occurred_at):
        if groups and event.occurred_at - groups[-1][-1].occurred_at < 30 * MINUTE:
            groups[-1].append(event)
        else:
            groups.append([event])
    return [
        NaiveSession(
            group[0].occurred_at,
            group[-1].occurred_at,
            len(group),
            min(
                ((event.occurred_at, event.ordinal, url) for event in group if (url := _url(event))),
                default=(0, 0, None),
            )[-1],
            facts(group),
        )
        for group in groups
    ]


def facts(session: Sequence[Event]) -> SessionFacts | None:
    """Those of the first event, in the total order, that has any."""
    for event in sorted(session, key=lambda event: (event.occurred_at, event.ordinal, event.message_id)):
        sent = json.loads(event.context).get("facts")
        texts = {name: text for name, text in sent.items() if isinstance(text, str)} if isinstance(sent, dict) else {}
        if any(texts.values()):
            return SessionFacts(**{"entry_page" if name == "page" else name: text for name, text in texts.items()})
    return None


def session_facts(which: str, events: Sequence[Event], now: int) -> SessionFacts | None:
    """Those of the current, first or last session; empty ones of a session without any."""
    groups: list[list[Event]] = []
    for event in sorted(events, key=lambda event: event.occurred_at):
        if groups and event.occurred_at - groups[-1][-1].occurred_at < 30 * MINUTE:
            groups[-1].append(event)
        else:
            groups.append([event])
    if not groups or (which == "current" and now - groups[-1][-1].occurred_at >= 30 * MINUTE):
        return None
    return facts(groups[0 if which == "first" else -1]) or SessionFacts()


def segments(events: Sequence[Event], now: int) -> set[str]:
    """The segments of `definitions.py`, said once more in plain words."""

    def seen(name: str, minutes: int) -> int:
        return sum(event.event == name and now - minutes * MINUTE < event.occurred_at <= now for event in events)

    big = [event for event in events if event.event == "Buy" and isinstance(_amount(event), int)]
    big = [event for event in big if (_amount(event) or 0) >= 10 and now - 120 * MINUTE < event.occurred_at <= now]
    is_pro = traits(events).get("plan") == "pro"
    answers = {
        "buyers": len(big) >= 2,
        "frequent": seen("View", 60) >= 3,
        "pro": is_pro,
        "pro_or_viewing": is_pro or seen("View", 60) >= 1,
        "quiet": seen("View", 90) == 0,
    }
    return {name for name, holds in answers.items() if holds}


def transitions(events: Sequence[Event], until: int) -> list[tuple[str, str, int]]:
    """All changes for events in the order of time, found by asking at every time at which anything can change."""
    inside: set[str] = set()
    changes: list[tuple[str, str, int]] = []

    def evaluate(past: Sequence[Event], now: int) -> None:
        nonlocal inside
        holding = segments(past, now)
        changes.extend((name, "entered" if name in holding else "exited", now) for name in sorted(holding ^ inside))
        inside = holding

    instants = {event.occurred_at + minutes * MINUTE for event in events for minutes in (0, 60, 90, 120)}
    for now in sorted(instant for instant in instants if instant <= until):
        before = [event for event in events if event.occurred_at < now]
        if before:
            evaluate(before, now)
        arriving = [event for event in events if event.occurred_at == now]
        for count in range(1, len(arriving) + 1):
            evaluate(before + arriving[:count], now)
    return changes


def _properties(event: Event) -> dict[str, object]:
    try:
        properties = json.loads(event.properties)
    except ValueError:
        return {}
    return properties if isinstance(properties, dict) else {}


def _amount(event: Event) -> int | None:
    amount = _properties(event).get("amount")
    return amount if isinstance(amount, int) else None


def _url(event: Event) -> str | None:
    page = json.loads(event.context).get("page")
    own = _properties(event).get("url") if event.type in {"page", "screen"} else None
    for url in (own, page.get("url") if isinstance(page, dict) else None):
        if isinstance(url, str) and url:
            return url
    return None
