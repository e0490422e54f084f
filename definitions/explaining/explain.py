"""The tree of an explanation: each part of a condition, whether it holds, until when, what it sees, and the events.

Pure: over a `PastProfile`. Finding the past is the warehouse's, showing the tree the command's and the API's.
"""

from collections.abc import Sequence

import msgspec

from definitions.explaining.past import PastProfile
from definitions.explaining.wording import aggregate_in_words, in_words
from definitions.model import (
    Aggregate,
    AggregateComparison,
    AllOf,
    AnyOf,
    Condition,
    EventCount,
    Leaf,
    Not,
    Rule,
    SessionComparison,
    Statistical,
    Trait,
    TraitComparison,
    Window,
)
from definitions.model import Sequence as EventSequence
from definitions.plan import needs
from definitions.streaming.aggregates import compile_aggregate
from definitions.streaming.conditions import compile_condition
from definitions.streaming.keys import Kept, KeyOf
from definitions.streaming.subject import NEVER
from definitions.streaming.times import text_of
from definitions.streaming.values import value_within
from schemas.records import Event

EVENTS_SHOWN = 10


class ShownEvent(msgspec.Struct, frozen=True):
    """An event that counted. `value`: what the definition reads of it; None if nothing."""

    message_id: str
    source: str
    type: str
    event: str | None
    occurred_at: str | None
    value: object = None


class Explained(msgspec.Struct, frozen=True):
    """One part of a definition as of now.

    `says`: in words. `until`: when it may change by itself; None: never. `value`: what it sees, such as a number or a
    trait. `events`: the newest that count, of `counted`.
    """

    says: str
    holds: bool
    until: str | None = None
    value: object = None
    events: tuple[ShownEvent, ...] = ()
    counted: int = 0
    parts: tuple["Explained", ...] = ()


class ExplainedTrait(msgspec.Struct, frozen=True):
    """The value of a trait as of now, and of what it is made; `until`: when it may change by itself."""

    says: str
    value: object
    until: str | None
    events: tuple[ShownEvent, ...] = ()
    counted: int = 0
    parts: tuple[Explained, ...] = ()


def explain_condition(condition: Condition, past: PastProfile) -> Explained:
    """Explain a condition and all its parts."""
    holds, until = _evaluated(condition, past)
    match condition:
        case AllOf():
            parts = tuple(explain_condition(each, past) for each in condition.conditions)
            return Explained("all of", holds, until, parts=parts)
        case AnyOf():
            parts = tuple(explain_condition(each, past) for each in condition.conditions)
            return Explained("any of", holds, until, parts=parts)
        case Not():
            return Explained("not", holds, until, parts=(explain_condition(condition.condition, past),))
        case _:
            return _explained_leaf(condition, holds, until, past)


def explain_trait(trait: Trait, past: PastProfile) -> ExplainedTrait:
    """Explain the value of a trait; of a rule, the cases down to the one that holds."""
    item = next((item for item in past.program.traits if item.name == trait.name), None)
    value, until = (past.trait(trait.name), NEVER) if item is None else item.evaluate(past, past.now)
    match trait.value:
        case Statistical(aggregate=aggregate):
            counted = _in_window(aggregate, aggregate.window, past)
            says = aggregate_in_words(aggregate)
            return ExplainedTrait(says, value, _shown(until), _newest(counted, aggregate, past), len(counted))
        case Rule(cases=cases):
            parts: list[Explained] = []
            for case in cases:
                parts.append(explain_condition(case.when, past))
                if parts[-1].holds:
                    break
            return ExplainedTrait("the first case that holds", value, _shown(until), parts=tuple(parts))
        case _:
            return ExplainedTrait("delivered by a query", value, None)


def _explained_leaf(leaf: Leaf, holds: bool, until: str | None, past: PastProfile) -> Explained:
    says = in_words(leaf)
    match leaf:
        case EventCount():
            counted = _in_window(leaf, leaf.window, past)
            return Explained(says, holds, until, len(counted), _newest(counted, leaf, past), len(counted))
        case AggregateComparison(aggregate=aggregate):
            counted = _in_window(aggregate, aggregate.window, past)
            value = compile_aggregate(aggregate, _key_of(past))(past, past.now).value
            return Explained(says, holds, until, value, _newest(counted, aggregate, past), len(counted))
        case EventSequence():
            found = {event.message_id: event for need in needs(leaf) for event in past.matching(need)}
            counted = sorted(found.values(), key=_order)
            return Explained(says, holds, until, None, _newest(counted, leaf, past), len(counted))
        case TraitComparison():
            return Explained(says, holds, until, value_within(past.trait(leaf.path[0]), leaf.path[1:]))
        case SessionComparison():
            return Explained(says, holds, until, past.fact(leaf.session, leaf.fact, past.now))
        case _:
            return Explained(says, holds, until)


def _evaluated(condition: Condition, past: PastProfile) -> tuple[bool, str | None]:
    holds, until = compile_condition(condition, _key_of(past))(past, past.now)
    return holds, _shown(until)


def _key_of(past: PastProfile) -> KeyOf:
    return Kept(past.program.accumulators, None).key_of


def _in_window(asked: EventCount | Aggregate, window: Window, past: PastProfile) -> list[Event]:
    """Return the events that count, in order."""
    (need,) = needs(asked)
    begins = -NEVER if window.ms is None else past.now - window.ms
    if window.session:
        session = past.session(past.now)
        if session is None:
            return []
        begins = max(begins, session.started_at - 1)
    return [event for event in past.matching(need) if event.occurred_at > begins]


def _newest(events: Sequence[Event], asked: Leaf | Aggregate, past: PastProfile) -> tuple[ShownEvent, ...]:
    wanted = needs(asked)
    shown = events[-EVENTS_SHOWN:][::-1]
    return tuple(
        ShownEvent(
            event.message_id,
            event.source,
            event.type,
            event.event,
            text_of(event.occurred_at),
            past.value_of(event, wanted[0]) if len(wanted) == 1 else None,
        )
        for event in shown
    )


def _shown(until: int) -> str | None:
    return None if until >= NEVER else text_of(until)


def _order(event: Event) -> tuple[int, int, str]:
    return event.occurred_at, event.ordinal, event.message_id
