"""Which events a definition is about, and what it sees of each."""

from collections.abc import Mapping

from definitions.model import Aggregate, EventMatcher, Field, Measure, Scalar, Window
from tests.definitions.naive.lives import Happened, Life, past
from tests.definitions.naive.sessions import session, sessions
from tests.definitions.naive.values import compare, value_at

LONGEST_TEXT = 256


def inside(window: Window, life: Life, now: int) -> list[Happened]:
    events = past(life, now)
    if window.session:
        events = session("current", life, now)
    return [event for event in events if window.ms is None or event.at > now - window.ms]


def counted(matcher: EventMatcher, window: Window, life: Life, now: int) -> list[Happened]:
    """The events in a window that a definition is about; of sessions their first ones."""
    if matcher.sessions:
        begun = [each[0] for each in sessions(life, now)]
        return [event for event in begun if window.ms is None or event.at > now - window.ms]
    return [event for event in inside(window, life, now) if matches(matcher, event)]


def matches(matcher: EventMatcher, event: Happened) -> bool:
    is_called = any(call.type in {None, event.type} and call.name in {None, event.name} for call in matcher.calls)
    since, before = matcher.occurred.since, matcher.occurred.before
    if (since is not None and event.at < since) or (before is not None and event.at >= before):
        return False
    return (is_called or not matcher.calls) and all(
        compare(comparison, value_at(opened(each.root, event), each.path), event.at)
        for each in matcher.where
        for comparison in each.comparisons
    )


def opened(root: str, event: Happened) -> Mapping[str, object]:
    return {"properties": event.properties, "traits": event.traits, "context": event.context}[root]


def value_of(of: Field, event: Happened) -> Scalar | None:
    """The scalar that an aggregate sees."""
    return scalar_of(value_at(opened(of.root, event), of.path))


def scalar_of(value: object) -> Scalar | None:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else None
    return value if isinstance(value, int | float) else None


def values_of(aggregate: Aggregate, event: Happened) -> list[Scalar]:
    """What an aggregate sees of an event: of a union all scalars of a list, otherwise one at most."""
    assert aggregate.of is not None
    sent = value_at(opened(aggregate.of.root, event), aggregate.of.path)
    listed = sent if aggregate.measure is Measure.UNION and isinstance(sent, list) else [sent]
    return [value for each in listed if (value := scalar_of(each)) is not None]
