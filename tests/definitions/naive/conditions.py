"""Conditions and traits, which read each other."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from definitions.model import (
    AggregateComparison,
    AllOf,
    AnyOf,
    Condition,
    ConsentComparison,
    EventCount,
    Expression,
    Function,
    InSegment,
    Literally,
    Mining,
    Not,
    Rule,
    Sample,
    SessionComparison,
    Statistical,
    Trait,
    TraitComparison,
    TraitValue,
)
from definitions.model import Sequence as EventSequence
from tests.definitions.naive.aggregates import NEWEST, aggregate_value
from tests.definitions.naive.consent import answer
from tests.definitions.naive.events import counted, value_of
from tests.definitions.naive.lives import Life, past
from tests.definitions.naive.sequences import completions_in_window
from tests.definitions.naive.sessions import session_facts
from tests.definitions.naive.times import as_time, utc
from tests.definitions.naive.values import kind, passes, rank, value_at

DAY_MS = 24 * 3600 * 1000


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
        case ConsentComparison(purpose, channel, wanted):
            said = answer(life, purpose, channel, now)
            if wanted == "allowed":
                return said == "granted" or (
                    said == "unknown" and life.definitions.consent.defaults[purpose] == "opt_out"
                )
            return said == wanted


def count_holds(count: EventCount, life: Life, now: int) -> bool:
    matching = counted(count.events, count.window, life, now)
    if count.same is None:
        return lies_between(len(matching), count)
    ranks = [rank(value) for event in matching if (value := value_of(count.same, event)) is not None]
    newest = ranks[-NEWEST:]
    return any(lies_between(newest.count(each), count) for each in newest)


def lies_between(number: int, count: EventCount) -> bool:
    return (count.at_least is None or number >= count.at_least) and (count.at_most is None or number <= count.at_most)


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
