"""Aggregates compiled to values at a time: of the newest events of a window, or of a total."""

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from definitions.model import Aggregate, AggregateComparison, Measure, Scalar, Window
from definitions.plan import needs
from definitions.plan.accumulators import MAX_VALUES
from definitions.streaming.counts import after
from definitions.streaming.keys import KeyOf
from definitions.streaming.scalars import fitting, number, rank, rank_of_text
from definitions.streaming.states import (
    MAX_SUMMAND,
    Calls,
    Ends,
    Entry,
    Newest,
    Spans,
    Times,
    Values,
    millionths,
    type_of,
)
from definitions.streaming.subject import NEVER, Evaluation, Subject, Value
from definitions.streaming.times import text_of
from definitions.streaming.values import compile_test

_LOOKAHEAD = 8
"""How many changes of a windowed aggregate are looked at to find the one that changes the answer of a comparison."""
_MILLION = 1e6
_NEWEST = (Times, Newest, Spans)
_NONE: Value = (None, NEVER)
_OF_THE_LAST = frozenset({Measure.LAST, Measure.LAST_AT})
_ZERO = frozenset({Measure.COUNT, Measure.SUM, Measure.DISTINCT})

Events: TypeAlias = Sequence[Any]
"""Entries, or times where nothing but the times of events is asked for; in their order."""
Rest: TypeAlias = Callable[[int], object]
"""Returns the value of events without so many of the oldest: less than all, and no fewer than it was asked before."""


def value_of_nothing(aggregate: Aggregate) -> object:
    """Return what comparisons see of an aggregate of no events; nobody is shown it."""
    return 0 if aggregate.measure in _ZERO else None


def compile_aggregate(aggregate: Aggregate, key_of: KeyOf) -> Callable[[Subject, int], Value]:
    """Return the value of an aggregate as a trait shows it: None if it is of no events."""
    (need,) = needs(aggregate)
    key, window, measure = key_of(need), aggregate.window, aggregate.measure
    total, rest_of = _TOTALS[measure], _RESTS[measure]
    value_of = _OF_ALL.get(measure) or (lambda events: rest_of(events)(0))
    concerned = -1 if measure in _OF_THE_LAST else 0

    def evaluate_total(subject: Subject, _now: int) -> Value:
        state = subject.state(key)
        return _NONE if state is None else (total(state), NEVER)

    def evaluate(subject: Subject, now: int) -> Value:
        state = subject.state(key)
        if not isinstance(state, _NEWEST):
            return _NONE
        events = _within(state, window, subject, now)
        if not events:
            return _NONE
        return value_of(events), _first_change(events[concerned], window, subject, now)

    if not issubclass(type_of(need), _NEWEST):
        return evaluate_total
    if window.session or window.ms is None:
        return evaluate
    within_ms = window.ms

    def evaluate_within(subject: Subject, now: int) -> Value:  # the commonest window
        state = subject.state(key)
        if not isinstance(state, _NEWEST):
            return _NONE
        events = _since(state, now - within_ms)
        return (value_of(events), _time(events[concerned]) + within_ms) if events else _NONE

    return evaluate_within


def compile_aggregate_comparison(
    comparison: AggregateComparison, key_of: KeyOf
) -> Callable[[Subject, int], Evaluation]:
    """Return whether the value of an aggregate passes all comparisons at a time."""
    aggregate, test = comparison.aggregate, compile_test(comparison.comparisons)
    (need,) = needs(aggregate)
    key, window = key_of(need), aggregate.window
    rest_of, total = _RESTS[aggregate.measure], _TOTALS[aggregate.measure]
    nothing = value_of_nothing(aggregate)

    def evaluate(subject: Subject, now: int) -> Evaluation:
        state = subject.state(key)
        if not isinstance(state, _NEWEST):
            return test(nothing if state is None else total(state), now)
        events = _within(state, window, subject, now)
        rest = rest_of(events)
        holds, until = test(rest(0) if events else nothing, now)
        for looked, (at, gone) in enumerate(_changes(events, window, subject, now)):
            if at >= until:
                break
            then, until = test(rest(gone) if gone < len(events) else nothing, at)
            if looked == _LOOKAHEAD or then is not holds:
                return holds, at
        return holds, until

    return evaluate


def _within(state: Times | Newest | Spans, window: Window, subject: Subject, now: int) -> Events:
    """Return the newest events in a window."""
    return _since(state, after(window, subject, now))


def _since(state: Times | Newest | Spans, begins: int) -> Events:
    """Return the newest events after a time."""
    if not isinstance(state, Newest):
        times = state.times
        return times[max(bisect_right(times, begins), len(times) - MAX_VALUES) :]
    entries = state.entries
    gone = bisect_right(entries, begins, key=_time) if entries and entries[0][0] <= begins else 0
    gone = max(gone, len(entries) - MAX_VALUES)
    return entries[gone:] if gone else entries


def _changes(events: Events, window: Window, subject: Subject, now: int) -> Iterator[tuple[int, int]]:
    """Yield the times at which fewer of the events are in the window, and how many are gone then."""
    bounds = subject.session(now) if window.session else None
    ends_at = NEVER if bounds is None else bounds.ends_at
    if window.ms is not None:
        for gone, event in enumerate(events, start=1):
            at = _time(event) + window.ms
            if at >= ends_at:
                break
            if gone == len(events) or _time(events[gone]) > _time(event):
                yield at, gone
    if events and ends_at < NEVER:
        yield ends_at, len(events)


def _first_change(oldest: Any, window: Window, subject: Subject, now: int) -> int:
    """Return when the oldest of some events leaves the window."""
    leaves_at = NEVER if window.ms is None else _time(oldest) + window.ms
    bounds = subject.session(now) if window.session else None
    return leaves_at if bounds is None else min(leaves_at, bounds.ends_at)


def _time(event: Any) -> int:
    return event if isinstance(event, int) else event[0]


def _values(events: Events) -> list[Any]:
    return [event[-1] for event in events]


def _of_sum(total: int) -> float | int | None:
    return number(float(total) / _MILLION)


def _average(total: int, count: int) -> float | int | None:
    return number(float(total) / count / _MILLION) if count else None


def _rests_of_sums(events: Events) -> list[tuple[int, int]]:
    """Return the sum of millionths and the number of summands, of the newest event, the newest two, and so on."""
    summands = (
        (millionths(value), 1) if -MAX_SUMMAND <= value <= MAX_SUMMAND else (0, 0)
        for value in reversed(_values(events))
    )
    return list(accumulate(summands, lambda rest, summand: (rest[0] + summand[0], rest[1] + summand[1])))


def _rest_of_sum(events: Events) -> Rest:
    rests = _rests_of_sums(events)
    return lambda gone: _of_sum(rests[~gone][0])


def _rest_of_average(events: Events) -> Rest:
    rests = _rests_of_sums(events)
    return lambda gone: _average(*rests[~gone])


def _rest_of_end(choose: Callable[[Any, Any], Any]) -> Callable[[Events], Rest]:
    def rest_of(events: Events) -> Rest:
        rests = list(accumulate(reversed(_values(events)), choose))
        return lambda gone: rests[~gone]

    return rest_of


def _keys(events: Events) -> list[Any]:
    """Return values such that equal ones of JSON are equal, and no others: Python holds True and 1 for the same."""
    values = _values(events)
    if bool not in set(map(type, values)):
        return values
    return [(value,) if isinstance(value, bool) else value for value in values]


def _value_of(key: Any) -> Scalar:
    value: Scalar = key[0] if isinstance(key, tuple) else key
    return value


def _order_of(keys: Collection[Any]) -> Callable[[Any], Any] | None:
    """Return what orders keys as `rank` does; None if they compare so by themselves."""
    types = set(map(type, keys))
    return None if types <= {str} or types <= {int, float} else lambda key: rank(_value_of(key))


def _rest_of_distinct(events: Events) -> Rest:
    gone_by = sorted({key: index for index, key in enumerate(_keys(events))}.values())
    return lambda gone: len(gone_by) - bisect_left(gone_by, gone)


def _rest_of_values(events: Events) -> Rest:
    newest = {key: index for index, key in enumerate(_keys(events))}
    in_order = [(_value_of(key), newest[key]) for key in sorted(newest, key=_order_of(newest))]
    return lambda gone: fitting([value for value, index in in_order if index >= gone])


def _rest_of_most_frequent(events: Events) -> Rest:
    keys = _keys(events)
    counts, counted_from = Counter(keys), 0

    def rest(gone: int) -> object:
        nonlocal counted_from
        counts.subtract(keys[counted_from:gone])
        counted_from = gone
        most = max(counts.values())
        candidates = [key for key, count in counts.items() if count == most]
        return _value_of(min(candidates, key=_order_of(candidates)))

    return rest


def _most_frequent(counts: Mapping[str, int]) -> object:
    most = max(counts.values(), default=0)
    return json.loads(min((text for text, count in counts.items() if count == most), key=rank_of_text))


_RESTS: Mapping[Measure, Callable[[Events], Rest]] = {
    Measure.COUNT: lambda events: lambda gone: len(events) - gone,
    Measure.SUM: _rest_of_sum,
    Measure.AVERAGE: _rest_of_average,
    Measure.MIN: _rest_of_end(min),
    Measure.MAX: _rest_of_end(max),
    Measure.FIRST: lambda events: lambda gone: events[gone][-1],
    Measure.LAST: lambda events: lambda _gone: events[-1][-1],
    Measure.FIRST_AT: lambda events: lambda gone: text_of(_time(events[gone])),
    Measure.LAST_AT: lambda events: lambda _gone: text_of(_time(events[-1])),
    Measure.DISTINCT: _rest_of_distinct,
    Measure.MOST_FREQUENT: _rest_of_most_frequent,
    Measure.VALUES: _rest_of_values,
    Measure.UNION: _rest_of_values,
}
"""The values of events: each is looked at once, however many rests are asked for."""


def _sum(events: Events) -> object:
    return _of_sum(sum([millionths(event[-1]) for event in events if -MAX_SUMMAND <= event[-1] <= MAX_SUMMAND]))


_OF_ALL: Mapping[Measure, Callable[[Events], object]] = {
    Measure.COUNT: len,
    Measure.SUM: _sum,
    Measure.MIN: lambda events: min(_values(events)),
    Measure.MAX: lambda events: max(_values(events)),
    Measure.DISTINCT: lambda events: len(set(_keys(events))),
}
"""The values of all events, where there is a shorter way to them than by `_RESTS`."""


def _value_of_end(entry: Entry | None) -> object:
    return None if entry is None else entry[-1]


def _first_at(state: Calls | Ends) -> object:
    first_at = state.first_at if isinstance(state, Calls) else state.first and state.first[0]
    return None if first_at is None else text_of(first_at)


def _last_at(state: Calls | Ends) -> object:
    last_at = state.last_at if isinstance(state, Calls) else state.last and state.last[0]
    return None if last_at is None else text_of(last_at)


def _sorted_values(state: Values) -> object:
    return fitting([json.loads(text) for text in sorted(state.counts, key=rank_of_text)])


_TOTALS: Mapping[Measure, Callable[[Any], object]] = {
    Measure.COUNT: lambda state: state.number,
    Measure.SUM: lambda state: _of_sum(state.millionths),
    Measure.AVERAGE: lambda state: _average(state.millionths, state.number),
    Measure.MIN: lambda state: state.least,
    Measure.MAX: lambda state: state.greatest,
    Measure.FIRST: lambda state: _value_of_end(state.first),
    Measure.LAST: lambda state: _value_of_end(state.last),
    Measure.FIRST_AT: _first_at,
    Measure.LAST_AT: _last_at,
    Measure.DISTINCT: lambda state: len(state.counts),
    Measure.MOST_FREQUENT: lambda state: _most_frequent(state.counts),
    Measure.VALUES: _sorted_values,
    Measure.UNION: _sorted_values,
}
"""The value of the state of one or more events."""
