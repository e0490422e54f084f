"""Aggregates of events."""

import json
from collections.abc import Sequence
from itertools import accumulate

from definitions.model import Aggregate, Measure, Scalar, Window
from tests.definitions.naive.events import counted, value_of, values_of
from tests.definitions.naive.lives import Happened, Life
from tests.definitions.naive.times import as_text
from tests.definitions.naive.values import kind, rank

NEWEST = 1_000
FIRST_VALUES = 200
LARGEST_LIST = 8_192
LARGEST_IN_SUM = 10.0**12


def contributing(aggregate: Aggregate, life: Life, now: int) -> list[Happened]:
    """The events that an aggregate is of, in their order."""
    events = counted(aggregate.events, aggregate.window, life, now)
    if aggregate.of is not None:
        events = [event for event in events if values_of(aggregate, event)]
        if aggregate.measure in {Measure.SUM, Measure.AVERAGE, Measure.MIN, Measure.MAX}:
            events = [event for event in events if kind(value_of(aggregate.of, event)) == "number"]
    is_bounded = aggregate.window != Window() or aggregate.events.sessions
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
    ranks = sorted({rank(value) for value in values})
    if aggregate.window == Window():
        ranks = ranks[:FIRST_VALUES]
    distinct = [next(value for value in values if rank(value) == each) for each in ranks]
    match aggregate.measure:
        case Measure.DISTINCT:
            return len(distinct)
        case Measure.VALUES | Measure.UNION:
            return fitting(distinct) or None
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


def fitting(values: Sequence[Scalar]) -> list[Scalar]:
    """The longest beginning of a list whose JSON text has at most 8 KiB: brackets, values, and commas between them."""
    totals = [2 + total + number for number, total in enumerate(accumulate(map(bytes_of_value, values)))]
    return [value for value, total in zip(values, totals, strict=True) if total <= LARGEST_LIST]


def bytes_of_value(value: Scalar) -> int:
    if kind(value) != "number":
        return len(json.dumps(value, ensure_ascii=False).encode())
    is_whole = float(value) == int(value) and abs(int(value)) <= 2**53
    return len(str(int(value))) if is_whole else 24
