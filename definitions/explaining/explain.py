"""The tree of an explanation: each part of a condition, whether it holds, until when, what it sees, and the events.

Pure: over a `PastProfile`. Finding the past is the warehouse's, showing the tree the command's and the API's.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from definitions.explaining.completions import completions
from definitions.explaining.lasting import Lasting, lasting
from definitions.explaining.past import PastProfile
from definitions.explaining.wording import aggregate_in_words, expression_in_words, in_words
from definitions.model import (
    Aggregate,
    AggregateComparison,
    AllOf,
    AnyOf,
    Condition,
    ConsentComparison,
    EventCount,
    Expression,
    Leaf,
    Literally,
    Not,
    Rule,
    SessionComparison,
    Statistical,
    Trait,
    TraitComparison,
    Window,
)
from definitions.model import Sequence as EventSequence
from definitions.paths import path_of, path_text
from definitions.plan import needs, paths_in
from definitions.plan.accumulators import MAX_VALUES
from definitions.streaming.aggregates import compile_aggregate
from definitions.streaming.conditions import compile_condition
from definitions.streaming.counts import after
from definitions.streaming.keys import KeyOf, keys_of
from definitions.streaming.times import text_of
from definitions.streaming.values import value_within
from schemas.consent import ALL, ConsentStatement, statement_in_words, status_of
from schemas.records import Event

EVENTS_SHOWN = 10
MISTYPED_SHOWN = 3
SENT = "sent by identify calls; no definition computes it"


class ShownEvent(msgspec.Struct, frozen=True):
    """An event that counted, or did not. `value`: what the definition reads of it; None if nothing."""

    message_id: str
    source: str
    type: str
    event: str | None
    occurred_at: str | None
    value: object = None


class Explained(msgspec.Struct, frozen=True):
    """One part of a definition as of now.

    `says`: in words. `same`: of a count of equal values the one that is shown, the most frequent of those that make it
    hold, or of all. `until`: when it changes if no event comes; None: never. `at_least`: then or later, since nothing
    nearer was found. `value`: what it sees, such as a number or a trait. `events`: the newest that count, of `counted`.
    `mistyped`: the newest that do not, or not wholly, because of the type of the value shown; of `mistyped_counted`.
    """

    says: str
    holds: bool
    until: str | None = None
    at_least: bool = False
    value: object = None
    events: tuple[ShownEvent, ...] = ()
    counted: int = 0
    mistyped: tuple[ShownEvent, ...] = ()
    mistyped_counted: int = 0
    parts: tuple["Explained", ...] = ()
    same: object = None


class ReadTrait(msgspec.Struct, frozen=True):
    """A trait that an expression reads, by its path, and its value; None where it is not set."""

    trait: str
    value: object


class ExplainedTrait(msgspec.Struct, frozen=True):
    """The value of a trait as of now, and of what it is made; what a condition has as well is the same.

    `parts`: of a rule, the cases down to the one that holds. `reads`: what the expression of the value reads.
    """

    says: str
    value: object
    until: str | None = None
    at_least: bool = False
    events: tuple[ShownEvent, ...] = ()
    counted: int = 0
    mistyped: tuple[ShownEvent, ...] = ()
    mistyped_counted: int = 0
    parts: tuple[Explained, ...] = ()
    reads: tuple[ReadTrait, ...] = ()


def explain_condition(condition: Condition, past: PastProfile) -> Explained:
    """Explain a condition and all its parts."""
    evaluate = compile_condition(condition, _key_of(past))
    lasts = lasting(lambda subject: evaluate(subject, subject.now), past)
    explained = partial(Explained, holds=bool(lasts.answer), until=lasts.until, at_least=lasts.at_least)
    match condition:
        case AllOf():
            return explained("all of", parts=tuple(explain_condition(each, past) for each in condition.conditions))
        case AnyOf():
            return explained("any of", parts=tuple(explain_condition(each, past) for each in condition.conditions))
        case Not():
            return explained("not", parts=(explain_condition(condition.condition, past),))
        case _:
            return _explained_leaf(condition, explained, past)


def explain_trait(trait: Trait, past: PastProfile) -> ExplainedTrait:
    """Explain the value of a trait; of a rule, the cases down to the one that holds."""
    lasts = _lasting_value(trait.name, past)
    explained = partial(ExplainedTrait, value=lasts.answer, until=lasts.until, at_least=lasts.at_least)
    match trait.value:
        case Statistical(aggregate=aggregate):
            return explained(aggregate_in_words(aggregate), **_counted(aggregate, aggregate.window, past))
        case Rule() as rule:
            parts, expression = _cases(rule, past)
            says = _rule_in_words(rule, parts, expression)
            reads = () if expression is None else _reads(expression, past)
            return explained(says, parts=parts, reads=reads)
        case _:
            return explained("found by its query")


def _cases(rule: Rule, past: PastProfile) -> tuple[tuple[Explained, ...], Expression | None]:
    """Return the cases down to the one that holds, and the expression whose value the rule has."""
    parts: list[Explained] = []
    for case in rule.cases:
        parts.append(explain_condition(case.when, past))
        if parts[-1].holds:
            return tuple(parts), case.then
    return tuple(parts), rule.otherwise


def _rule_in_words(rule: Rule, parts: Sequence[Explained], expression: Expression | None) -> str:
    holds = bool(parts) and parts[-1].holds
    if rule.cases and (expression is None or isinstance(expression, Literally)):
        return "the first case that holds" if holds else "no case holds"
    words = "no value" if expression is None else expression_in_words(expression)
    if not rule.cases:
        return words
    return f"{words}, by the first case that holds" if holds else f"{words}, as no case holds"


def _reads(expression: Expression, past: PastProfile) -> tuple[ReadTrait, ...]:
    """Return the traits of an expression, each once."""
    paths = dict.fromkeys(paths_in(expression))
    return tuple(ReadTrait(path_text(path), value_within(past.trait(path[0]), path[1:])) for path in paths)


def _lasting_value(name: str, past: PastProfile) -> Lasting:
    item = next((item for item in past.program.traits if item.name == name), None)
    if item is None:
        return Lasting(past.trait(name), None)
    return lasting(lambda subject: item.evaluate(subject, subject.now), past)


def explain_sent(name: str, past: PastProfile) -> ExplainedTrait | None:
    """Explain a trait that no definition computes, by its name or a path in it; None if it is not set."""
    for path in ((name,), path_of(name) or ()):
        value = value_within(past.trait(path[0]), path[1:])
        if value is not None:
            sent = [event for event in past.events if past.sent_by(event, path) is not None]
            newest = tuple(shown_event(event, past.sent_by(event, path)) for event in sent[-EVENTS_SHOWN:][::-1])
            return ExplainedTrait(SENT, value, events=newest, counted=len(sent))
    return None


def _explained_leaf(  # noqa: PLR0911 - one for each form
    leaf: Leaf, explained: Callable[..., Explained], past: PastProfile
) -> Explained:
    explained = partial(explained, in_words(leaf))
    match leaf:
        case EventCount():
            counted = _counted(leaf, leaf.window, past)
            same = counted["events"][0].value if leaf.same is not None and counted["events"] else None
            return explained(value=counted["counted"], same=same, **counted)
        case AggregateComparison(aggregate=aggregate):
            value, _ = compile_aggregate(aggregate, _key_of(past))(past, past.now)
            return explained(value=value, **_counted(aggregate, aggregate.window, past))
        case EventSequence():
            return explained(**_completed(leaf, past))
        case TraitComparison():
            return explained(value=value_within(past.trait(leaf.path[0]), leaf.path[1:]))
        case SessionComparison():
            return explained(value=past.fact(leaf.session, leaf.fact, past.now))
        case ConsentComparison():
            return explained(value=_status(leaf, past), **_statements(leaf, past))
        case _:
            return explained()


def _key_of(past: PastProfile) -> KeyOf:
    return keys_of(past.program.accumulators)


def _counted(leaf: Leaf | Aggregate, window: Window, past: PastProfile) -> Mapping[str, Any]:
    """Return the fields of an explanation that are about events."""
    wanted, begins = needs(leaf), after(window, past, past.now)
    matching = {id(event): event for need in wanted for event in past.matching(need)}
    counted = sorted((event for event in matching.values() if event.occurred_at > begins), key=_order)
    if isinstance(leaf, EventCount) and leaf.same is not None:
        counted = _alike(leaf, counted[-MAX_VALUES:], lambda event: past.value_of(event, wanted[0]))
    mistyped = past.mistyped(wanted, begins)
    return {
        "events": tuple(
            shown_event(event, past.value_of(event, wanted[0]) if len(wanted) == 1 else None)
            for event in counted[-EVENTS_SHOWN:][::-1]
        ),
        "counted": len(counted),
        "mistyped": tuple(shown_event(event, value) for event, value in mistyped[-MISTYPED_SHOWN:][::-1]),
        "mistyped_counted": len(mistyped),
    }


def _completed(sequence: EventSequence, past: PastProfile) -> Mapping[str, Any]:
    """Return how often a sequence was completed in its window, and by which events; without any, those of its steps."""
    found, fields = completions(sequence, past), _counted(sequence, Window(), past)
    events = sorted({id(event): event for each in found for event in each.events}.values(), key=_order)
    if not found:
        return {**fields, "value": 0}
    shown = tuple(map(shown_event, events[-EVENTS_SHOWN:][::-1]))
    return {**fields, "value": len(found), "events": shown, "counted": len(events)}


def _alike(count: EventCount, events: Sequence[Event], value_of: Callable[[Event], object]) -> list[Event]:
    """Return the events of one value: the most frequent of those that are as often as is asked, else of all."""
    groups: defaultdict[tuple[bool, object], list[Event]] = defaultdict(list)
    for event in events:
        value = value_of(event)
        groups[isinstance(value, bool), value].append(event)
    least, most = count.at_least or 0, len(events) if count.at_most is None else count.at_most
    return max(groups.values(), key=lambda group: (least <= len(group) <= most, len(group)), default=[])


def _status(leaf: ConsentComparison, past: PastProfile) -> str:
    status = status_of(past.consent, leaf.purpose, leaf.channel)
    default = past.program.consent.defaults.get(leaf.purpose, "")
    return f"unknown, by default {default}" if leaf.answer == "allowed" and status == "unknown" else status


def _statements(leaf: ConsentComparison, past: PastProfile) -> Mapping[str, Any]:
    """Return the fields of an explanation that are about statements: each with its event, the narrowest first."""
    said = [
        _stating(statement, statement_in_words(purpose, channel, statement), past)
        for purpose, channel, statement in past.consent.applying(leaf.purpose, leaf.channel or ALL)
    ]
    return {"events": tuple(said), "counted": len(said)}


def _stating(statement: ConsentStatement, words: str, past: PastProfile) -> ShownEvent:
    """Return the event of a statement; of one that was not read, what the statement says of it."""
    event = next((each for each in past.events if each.message_id == statement.event), None)
    if event is not None:
        return shown_event(event, words)
    return ShownEvent(statement.event, statement.source, "", None, text_of(statement.since), words)


def shown_event(event: Event, value: object = None) -> ShownEvent:
    """Return an event as explanations show it; `value`: what is read of it."""
    occurred_at = text_of(event.occurred_at)
    return ShownEvent(event.message_id, event.source, event.type, event.event, occurred_at, value)


def _order(event: Event) -> tuple[int, int, str]:
    return event.occurred_at, event.ordinal, event.message_id
