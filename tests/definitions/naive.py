"""The language once more, by plain recomputation over all events of a profile: what both engines must agree with.

Written from docs/decisions/0033 alone, and as plainly as possible: nothing is remembered, everything is looked for.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from definitions.model import (
    SESSION_FACTS,
    Aggregate,
    AggregateComparison,
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    Definitions,
    EventCount,
    EventMatcher,
    Expression,
    Field,
    Function,
    InSegment,
    Literally,
    Measure,
    Mining,
    Not,
    Operator,
    Rule,
    Sample,
    Scalar,
    SessionComparison,
    Statistical,
    Step,
    Trait,
    TraitComparison,
    TraitValue,
    Window,
)
from definitions.model import Sequence as EventSequence

GAP_MS = 30 * 60 * 1000
DAY_MS = 24 * 3600 * 1000
NEWEST = 1_000
NEWEST_OF_STEP = 100
FIRST_VALUES = 200
LONGEST_TEXT = 256
LARGEST_IN_SUM = 10.0**12
LONGEST_FACT = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Happened(NamedTuple):
    """One event of a profile."""

    at: int
    type: str
    name: str | None
    properties: Mapping[str, object] = {}
    traits: Mapping[str, object] = {}
    context: Mapping[str, object] = {}
    ordinal: int = 0
    message_id: str = ""
    source: str = "web"


@dataclass(frozen=True)
class Life:
    """A profile: all its events, in any order, each once, and the definitions for its workspace and kind.

    `priorities`: of sources, as their traits outrank others of the same time. `sent`: the traits that were sent, in
    place of those in the identify calls. `mined`: the value of each trait that a query yields.
    """

    events: Sequence[Happened]
    definitions: Definitions = field(default_factory=Definitions)
    profile_id: str = ""
    priorities: Mapping[str, int] = field(default_factory=dict)
    sent: Mapping[str, object] | None = None
    mined: Mapping[str, object] = field(default_factory=dict)


def members(life: Life, now: int) -> set[str]:
    """Names of the segments that the profile is in; none before its first event."""
    if not past(life, now):
        return set()
    return {segment.name for segment in life.definitions.segments if holds(segment.when, life, now)}


def shown_traits(life: Life, now: int) -> dict[str, object]:
    """The defined traits that the profile shows, by name."""
    shown = {}
    for trait in life.definitions.traits:
        is_of_nothing = isinstance(trait.value, Statistical) and not contributing(trait.value.aggregate, life, now)
        value = trait_value(trait, life, now)
        if value is not None and not is_of_nothing:
            shown[trait.name] = value
    return shown


def past(life: Life, now: int) -> list[Happened]:
    """The events up to now, in their total order."""
    return sorted((event for event in life.events if event.at <= now), key=place)


def place(event: Happened) -> tuple[int, int, str]:
    return event.at, event.ordinal, event.message_id


# Conditions


def holds(condition: Condition, life: Life, now: int) -> bool:  # noqa: PLR0911 - one for each form
    match condition:
        case AllOf():
            return all(holds(inner, life, now) for inner in condition.conditions)
        case AnyOf():
            return any(holds(inner, life, now) for inner in condition.conditions)
        case Not():
            return not holds(condition.condition, life, now)
        case EventCount():
            return count_holds(condition, life, now)
        case AggregateComparison():
            return passes(condition.comparisons, aggregate_value(condition.aggregate, life, now), now)
        case EventSequence():
            return completions_in_window(condition, life, now) >= condition.at_least
        case TraitComparison():
            return passes(
                condition.comparisons, value_at(known_traits(condition.path[0], life, now), condition.path), now
            )
        case SessionComparison():
            return passes(condition.comparisons, session_facts(condition.session, life, now).get(condition.fact), now)
        case InSegment():
            (segment,) = (each for each in life.definitions.segments if each.name == condition.name)
            return holds(segment.when, life, now)
        case Sample():
            digest = hashlib.md5(f"{condition.salt}|{life.profile_id}".encode()).hexdigest()  # noqa: S324 - no secret
            return int(digest[:8], 16) % 1000 < condition.permille


def count_holds(count: EventCount, life: Life, now: int) -> bool:
    matching = [event for event in inside(count.window, life, now) if matches(count.events, event)]
    if count.same is None:
        return lies_between(len(matching), count)
    ranks = [rank(value) for event in matching if (value := value_of(count.same, event)) is not None]
    newest = ranks[-NEWEST:]
    return any(lies_between(newest.count(each), count) for each in newest)


def lies_between(number: int, count: EventCount) -> bool:
    return (count.at_least is None or number >= count.at_least) and (count.at_most is None or number <= count.at_most)


# Events


def inside(window: Window, life: Life, now: int) -> list[Happened]:
    events = past(life, now)
    if window.session:
        events = session("current", life, now)
    return [event for event in events if window.ms is None or event.at > now - window.ms]


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


def value_at(values: object, path: Sequence[str]) -> object:
    if not path:
        return values
    return value_at(values.get(path[0]), path[1:]) if isinstance(values, Mapping) else None


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


# Aggregates


def contributing(aggregate: Aggregate, life: Life, now: int) -> list[Happened]:
    """The events that an aggregate is of, in their order."""
    events = [event for event in inside(aggregate.window, life, now) if matches(aggregate.events, event)]
    if aggregate.of is not None:
        events = [event for event in events if values_of(aggregate, event)]
        if aggregate.measure in {Measure.SUM, Measure.AVERAGE, Measure.MIN, Measure.MAX}:
            events = [event for event in events if kind(value_of(aggregate.of, event)) == "number"]
    is_bounded = aggregate.window.ms is not None or aggregate.window.session
    return events[-NEWEST:] if is_bounded else events


def aggregate_value(aggregate: Aggregate, life: Life, now: int) -> object:  # noqa: PLR0911 - one for each measure
    events = contributing(aggregate, life, now)
    match aggregate.measure:
        case Measure.COUNT:
            return len(events)
        case Measure.FIRST_AT:
            return as_text(events[0].at) if events else None
        case Measure.LAST_AT:
            return as_text(events[-1].at) if events else None
    assert aggregate.of is not None
    values = [value for event in events for value in values_of(aggregate, event)]
    if aggregate.window.ms is None and not aggregate.window.session:
        counted = sorted({rank(value) for value in values})[:FIRST_VALUES]
    else:
        counted = sorted({rank(value) for value in values})
    distinct = [next(value for value in values if rank(value) == each) for each in counted]
    match aggregate.measure:
        case Measure.DISTINCT:
            return len(distinct)
        case Measure.VALUES | Measure.UNION:
            return distinct or None
        case Measure.MOST_FREQUENT:
            ranks = [rank(value) for value in values]
            return max(distinct, key=lambda value: ranks.count(rank(value)), default=None)
        case Measure.FIRST:
            return values[0] if values else None
        case Measure.LAST:
            return values[-1] if values else None
    return number_of(aggregate.measure, [float(value) for value in values])


def number_of(measure: Measure, numbers: Sequence[float]) -> float | None:
    millionths = [round(number * 1e6) for number in numbers if abs(number) <= LARGEST_IN_SUM]
    match measure:
        case Measure.SUM:
            return float(sum(millionths)) / 1e6
        case Measure.AVERAGE:
            return float(sum(millionths)) / len(millionths) / 1e6 if millionths else None
        case Measure.MIN:
            return min(numbers, default=None)
        case _:
            return max(numbers, default=None)


# Sequences


def completions_in_window(sequence: EventSequence, life: Life, now: int) -> int:
    return sum(now - sequence.within_ms < at <= now for at in completions(sequence, life, now))


def completions(sequence: EventSequence, life: Life, now: int) -> list[int]:
    """The time of each completion."""
    *present, last = sequence.steps
    if not last.absent:
        present.append(last)
    ends = [
        event
        for event in newest_of(present[-1].events, sequence, life, now)
        if leads_to(event, present, sequence, life, now)
    ]
    if not last.absent:
        return [end.at for end in ends]
    assert last.within_ms is not None
    candidates = newest_of(last.events, sequence, life, now)
    return [
        end.at + last.within_ms
        for end in ends
        if not any(
            place(end) < place(other) and other.at < end.at + last.within_ms and is_same(sequence, end, other)
            for other in candidates
        )
    ]


def newest_of(matcher: EventMatcher, sequence: EventSequence, life: Life, now: int) -> list[Happened]:
    events = [event for event in past(life, now) if matches(matcher, event)]
    if sequence.same is not None:
        events = [event for event in events if value_of(sequence.same, event) is not None]
    return events[-NEWEST_OF_STEP:]


def is_same(sequence: EventSequence, one: Happened, other: Happened) -> bool:
    if sequence.same is None:
        return True
    value, other_value = value_of(sequence.same, one), value_of(sequence.same, other)
    assert value is not None
    assert other_value is not None
    return rank(value) == rank(other_value)


def leads_to(event: Happened, steps: Sequence[Step], sequence: EventSequence, life: Life, now: int) -> bool:
    """Whether events of the steps before the last one lead to an event of that one."""
    *before, step = steps
    if not before:
        return True
    against = [] if step.without is None else newest_of(step.without, sequence, life, now)
    return any(
        place(earlier) < place(event)
        and (step.within_ms is None or event.at - earlier.at < step.within_ms)
        and is_same(sequence, earlier, event)
        and not any(
            place(earlier) < place(other) < place(event) and is_same(sequence, other, event) for other in against
        )
        and leads_to(earlier, before, sequence, life, now)
        for earlier in newest_of(before[-1].events, sequence, life, now)
    )


# Sessions


def session(which: str, life: Life, now: int) -> list[Happened]:
    """The events of a session, in their order; none where there is no such session."""
    sessions: list[list[Happened]] = []
    for event in past(life, now):
        if sessions and event.at - sessions[-1][-1].at < GAP_MS:
            sessions[-1].append(event)
        else:
            sessions.append([event])
    if not sessions:
        return []
    if which == "first":
        return sessions[0]
    has_ended = now - sessions[-1][-1].at >= GAP_MS
    return [] if which == "current" and has_ended else sessions[-1]


FACTS = {"entry_page": "page"}


def session_facts(which: str, life: Life, now: int) -> Mapping[str, str]:
    """The facts of the session's earliest event that has any; the page that it was entered on is `page` of that."""
    for event in session(which, life, now):
        facts = {name: value_at(event.context, ("facts", FACTS.get(name, name))) for name in SESSION_FACTS}
        texts = {name: fact[:LONGEST_FACT] for name, fact in facts.items() if isinstance(fact, str) and fact}
        if texts:
            return texts
    return {}


# Traits


def known_traits(name: str, life: Life, now: int) -> Mapping[str, object]:
    """The trait of a name, if it is set: a defined one comes before one that was sent."""
    for trait in life.definitions.traits:
        if trait.name == name:
            return {name: trait_value(trait, life, now)}
    return sent_traits(life, now)


def sent_traits(life: Life, now: int) -> Mapping[str, object]:
    if life.sent is not None:
        return life.sent
    writes = [event for event in past(life, now) if event.type == "identify"]
    writes.sort(key=lambda event: (event.at, life.priorities.get(event.source, 0), event.ordinal, event.message_id))
    return {name: value for event in writes for name, value in event.traits.items()}


def trait_value(trait: Trait, life: Life, now: int) -> object:
    match trait.value:
        case Statistical():
            return aggregate_value(trait.value.aggregate, life, now)
        case Mining():
            return life.mined.get(trait.name)
        case Rule():
            for case in trait.value.cases:
                if holds(case.when, life, now):
                    return evaluate(case.then, life, now)
            return None if trait.value.otherwise is None else evaluate(trait.value.otherwise, life, now)


def evaluate(expression: Expression, life: Life, now: int) -> object:
    match expression:
        case Literally():
            return expression.value
        case TraitValue():
            return value_at(known_traits(expression.path[0], life, now), expression.path)
        case Function():
            return call(expression.name, [evaluate(each, life, now) for each in expression.arguments], now)


def call(name: str, arguments: Sequence[object], now: int) -> object:
    if name == "coalesce":
        return next((each for each in arguments if each is not None), None)
    if name == "length":
        return len(arguments[0]) if isinstance(arguments[0], list) else None
    if name in {"days_since", "age"}:
        time = as_time(arguments[0])
        return None if time is None else (now - time) // DAY_MS if name == "days_since" else years(time, now)
    if any(kind(each) != "number" for each in arguments):
        return None
    numbers = [float(each) for each in arguments]  # type: ignore[arg-type]
    try:
        result = FUNCTIONS[name](*numbers)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    return result if abs(result) < float("inf") else None


FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "add": lambda left, right: left + right,
    "subtract": lambda left, right: left - right,
    "multiply": lambda left, right: left * right,
    "divide": lambda left, right: left / right,
    "negate": lambda number: -number,
    "floor": lambda number: float(number // 1),
    "min": lambda *numbers: min(numbers),
    "max": lambda *numbers: max(numbers),
    "round": lambda number, digits: round(number * 10.0**digits) / 10.0**digits,
}


def years(born: int, now: int) -> int:
    birth, today = utc(born), utc(now)
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))


# Values


def kind(value: object) -> str:
    """JSON's own kinds, in which true is no number and 1 is 1.0."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def rank(value: Scalar) -> tuple[int, str | float]:
    """What orders values, and is equal for equal ones."""
    if isinstance(value, str):
        return 0, value
    return (2 if isinstance(value, bool) else 1), float(value)


def same(left: object, right: object) -> bool:
    if kind(left) == "number" == kind(right):
        return float(left) == float(right)  # type: ignore[arg-type]
    return kind(left) == kind(right) and left == right


def passes(comparisons: Sequence[Comparison], value: object, now: int) -> bool:
    return all(compare(comparison, value, now) for comparison in comparisons)


def compare(comparison: Comparison, value: object, now: int = 0) -> bool:
    operand = comparison.operand
    if comparison.operator is Operator.EXISTS:
        return operand is (value is not None)
    if value is None:
        return False
    if comparison.operator is Operator.CONTAINS_ANY:
        assert isinstance(operand, tuple)
        return any(contains(value, each) for each in operand)
    if isinstance(operand, tuple):
        return any(same(value, each) for each in operand) is (comparison.operator is Operator.IN)
    answers = {
        Operator.EQUALS: lambda: same(value, operand),
        Operator.NOT_EQUALS: lambda: not same(value, operand),
        Operator.CONTAINS: lambda: contains(value, operand),
        Operator.NOT_CONTAINS: lambda: not contains(value, operand),
        Operator.ENDS_WITH: lambda: isinstance(value, str) and value[::-1].startswith(str(operand)[::-1]),
        Operator.MATCHES: lambda: isinstance(value, str) and finds(str(operand), value),
        Operator.STARTS_WITH: lambda: isinstance(value, str) and value[: len(str(operand))] == operand,
        Operator.GREATER_THAN: lambda: order(value, operand) == 1,
        Operator.GREATER_OR_EQUAL: lambda: order(value, operand) in (0, 1),
        Operator.LESS_THAN: lambda: order(value, operand) == -1,
        Operator.LESS_OR_EQUAL: lambda: order(value, operand) in (0, -1),
    }
    answer = answers.get(comparison.operator)
    return answer() if answer is not None else compare_times(comparison, as_time(value), now)


def finds(pattern: str, text: str) -> bool:
    """As RE2 does: a dot is a line break as well, and `$` the end alone."""
    return re.search(pattern.replace("$", r"\Z"), text, re.DOTALL) is not None


def contains(value: object, operand: object) -> bool:
    if isinstance(value, list):
        return any(same(item, operand) for item in value)
    return isinstance(value, str) and isinstance(operand, str) and value.find(operand) >= 0


def order(value: object, operand: object) -> int | None:
    """-1, 0 or 1; None for what has no order."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    assert isinstance(operand, int | float)
    return (float(value) > float(operand)) - (float(value) < float(operand))


# Times


def compare_times(comparison: Comparison, time: int | None, now: int) -> bool:
    operand = comparison.operand
    assert isinstance(operand, int)
    if time is None:
        return False
    return {
        Operator.BEFORE: time < operand,
        Operator.AFTER: time > operand,
        Operator.WITHIN_LAST: now - operand < time <= now,
        Operator.LONGER_AGO_THAN: time <= now - operand,
        Operator.WITHIN_NEXT: now < time <= now + operand,
    }[comparison.operator]


TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)


def as_time(value: object) -> int | None:
    """The time (ms) that a text says."""
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    day, hours, minutes, seconds, decimals, offset = found.groups()
    zone = "+0000" if offset in {None, "Z"} else offset.replace(":", "").ljust(5, "0")
    clock = f"{hours or '00'}:{minutes or '00'}:{seconds or '00'}"
    milliseconds = (decimals or "").ljust(3, "0")[:3]
    try:
        moment = datetime.strptime(f"{day} {clock}.{milliseconds} {zone}", "%Y-%m-%d %H:%M:%S.%f %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (moment - EPOCH) // timedelta(milliseconds=1)


def utc(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)


def as_text(ms: int) -> str:
    return f"{utc(ms):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"
