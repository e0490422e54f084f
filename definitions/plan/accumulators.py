"""What must be remembered of a profile's events: the fewest accumulators for all definitions, each with a stable id.

Remembering is left to the fold, and reading them to `streaming` and `sql`. Bounds are part of the meaning, so that all
engines answer alike for a profile with more events than are kept (docs/decisions/0033).
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from definitions.model import (
    SESSION_GAP_MS,
    Aggregate,
    AggregateComparison,
    Comparison,
    Definitions,
    EventCount,
    EventMatcher,
    Field,
    Leaf,
    Measure,
    PropertyFilter,
    Scalar,
    Segment,
    Sequence,
    Statistical,
    Trait,
    Trigger,
    Window,
)
from definitions.plan.conditions import conditions_of, leaves

MAX_VALUES = 1_000
"""An aggregate in a window, and a count of equal values, are of the newest so many matching events in it."""
MAX_STEP_EVENTS = 100
"""A sequence is looked for among the newest so many events of each step."""
MAX_DISTINCT = 200
"""Of an aggregate without a window the values that come first in their order are kept, so many of them."""
MAX_LIST_BYTES = 8 * 1024
"""Of a list the first values whose JSON text has no more are kept."""
LONG_NUMBER_BYTES = 24
"""So many are taken for a number that is not whole or beyond 2^53: its notation differs, and none is longer."""

MAX_SESSIONS = 1_100
"""Of sessions, of which the newest 1,000 count, so many are kept: a late event may make one of two."""

ID_LENGTH = 8
"""Of an id, which every state has with it, so many characters: of 10,000 two are the same once in 5 million sets."""

Keeping: TypeAlias = Literal["newest", "total", "values", "members", "sessions"]
_NUMERIC = frozenset({Measure.SUM, Measure.AVERAGE, Measure.MIN, Measure.MAX})
_ORDERED = frozenset({Measure.FIRST, Measure.LAST, Measure.MOST_FREQUENT, Measure.VALUES})
_OF_VALUES = frozenset({Measure.DISTINCT, Measure.MOST_FREQUENT, Measure.VALUES})


class Accumulator(msgspec.Struct, frozen=True):
    """What is kept of the matching events of a profile.

    newest: of the newest `keep` (by time, ordinal, then message id), each for `retain_ms` after it (None: for ever),
    its time and its value at `of`; if `ordered`, what orders it, too.
    total: number, sum, least, greatest, first and last value and time of all.
    values: how often each value occurred.
    members: how many events had each value in the list at `of`; a scalar is a list of one.
    sessions: when each of the newest `keep` sessions of these events began and ended, for `retain_ms` after its end.

    `of`: only events with a scalar there count, with `numbers` only those with a number. `id` names what is kept, not
    the windows and definitions that ask: they share it, and it outlives their renaming. `keep`, `retain_ms` and
    `ordered` are no part of it: they are enough for all who ask.
    """

    id: str
    keeping: Keeping
    events: EventMatcher
    of: Field | None = None
    numbers: bool = False
    keep: int = 0
    retain_ms: int | None = None
    ordered: bool = False


def accumulators_of(definitions: Definitions) -> tuple[Accumulator, ...]:
    """Return one accumulator for everything that is asked for, large enough for all who ask; ordered by id."""
    wanted: dict[str, Accumulator] = {}
    for need in _all_needs(definitions):
        known = wanted.get(need.id)
        wanted[need.id] = need if known is None else _enlarged(known, need)
    return tuple(wanted[identity] for identity in sorted(wanted))


def needs(leaf: Leaf | Aggregate) -> tuple[Accumulator, ...]:
    """Return what one leaf of a condition, or one aggregate, must have; of a sequence in the order of its steps.

    A step with `without` has two: its own events, then the others.
    """
    match leaf:
        case EventCount():
            return (_for_count(leaf),)
        case AggregateComparison():
            return needs(leaf.aggregate)
        case Aggregate():
            return (_for_aggregate(leaf),)
        case Sequence():
            return tuple(_for_sequence(leaf))
        case _:
            return ()


def _all_needs(definitions: Definitions) -> Iterator[Accumulator]:
    everything: tuple[Segment | Trait | Trigger, ...]
    everything = (*definitions.segments, *definitions.traits, *definitions.triggers)
    for defined in everything:
        for condition in conditions_of(defined):
            for leaf in leaves(condition):
                yield from needs(leaf)
    for trait in definitions.traits:
        if isinstance(trait.value, Statistical):
            yield from needs(trait.value.aggregate)


def _for_count(count: EventCount) -> Accumulator:
    window = count.window
    if count.events.sessions:
        return _for_sessions(window)
    if count.same is not None:
        return _newest(count.events, count.same, MAX_VALUES, window.ms)
    if window.ms is None and not window.session:
        return _named("total", count.events)
    keep = max(count.at_least or 0, 0 if count.at_most is None else count.at_most + 1, 1)
    return _newest(count.events, None, keep, window.ms)


def _for_aggregate(aggregate: Aggregate) -> Accumulator:
    events, of, measure, window = aggregate.events, aggregate.of, aggregate.measure, aggregate.window
    numbers = measure in _NUMERIC
    if events.sessions:
        return _for_sessions(window)
    if window.ms is not None or window.session:
        keep = 1 if measure in {Measure.LAST, Measure.LAST_AT} else MAX_VALUES
        return _newest(events, of, keep, window.ms, numbers, ordered=measure in _ORDERED)
    if measure is Measure.UNION:
        return _named("members", events, of)
    return _named("values" if measure in _OF_VALUES else "total", events, of, numbers)


def _for_sessions(window: Window) -> Accumulator:
    # A session that ended less than its gap before the window may yet take in the first one of the window.
    retain_ms = None if window.ms is None else window.ms + SESSION_GAP_MS
    return msgspec.structs.replace(_named("sessions", EventMatcher()), keep=MAX_SESSIONS, retain_ms=retain_ms)


def _for_sequence(sequence: Sequence) -> Iterator[Accumulator]:
    for number, step in enumerate(sequence.steps):
        later = [each.within_ms for each in sequence.steps[number + 1 :]]
        retain_ms = _retained(sequence, later)
        # What contradicts may lie as early as just behind the event of the step before.
        contradicting_ms = _retained(sequence, [step.within_ms, *later])
        yield _newest(
            step.events, sequence.same, MAX_STEP_EVENTS, contradicting_ms if step.absent else retain_ms, ordered=True
        )
        if step.without is not None:
            yield _newest(step.without, sequence.same, MAX_STEP_EVENTS, contradicting_ms, ordered=True)


def _retained(sequence: Sequence, gaps: list[int | None]) -> int | None:
    return None if None in gaps else sequence.within_ms + sum(gap or 0 for gap in gaps)


def _newest(  # noqa: PLR0913, PLR0917 - an accumulator, field by field
    events: EventMatcher,
    of: Field | None,
    keep: int,
    retain_ms: int | None,
    numbers: bool = False,
    ordered: bool = False,
) -> Accumulator:
    named = _named("newest", events, of, numbers)
    return msgspec.structs.replace(named, keep=keep, retain_ms=retain_ms, ordered=ordered)


def _named(keeping: Keeping, events: EventMatcher, of: Field | None = None, numbers: bool = False) -> Accumulator:
    canonical = (keeping, _canonical_events(events), of, numbers)
    digest = hashlib.blake2b(msgspec.json.encode(canonical), digest_size=ID_LENGTH * 6 // 8).digest()
    return Accumulator(urlsafe_b64encode(digest).decode(), keeping, events, of, numbers)


def _enlarged(known: Accumulator, need: Accumulator) -> Accumulator:
    is_endless = known.retain_ms is None or need.retain_ms is None
    return msgspec.structs.replace(
        known,
        keep=max(known.keep, need.keep),
        retain_ms=None if is_endless else max(known.retain_ms or 0, need.retain_ms or 0),
        ordered=known.ordered or need.ordered,
    )


def _canonical_events(events: EventMatcher) -> tuple[object, ...]:
    calls = sorted({(call.type, call.name) for call in events.calls}, key=str)
    return calls, sorted(map(_canonical_filter, events.where)), events.occurred


def _canonical_filter(each: PropertyFilter) -> tuple[str, tuple[str, ...], list[tuple[str, list[str]]]]:
    return each.root, each.path, sorted(_canonical_comparison(comparison) for comparison in each.comparisons)


def _canonical_comparison(comparison: Comparison) -> tuple[str, list[str]]:
    operands = comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)
    return comparison.operator.value, sorted({_canonical_scalar(operand) for operand in operands})


def _canonical_scalar(operand: Scalar) -> str:
    if isinstance(operand, float) and operand.is_integer():
        operand = int(operand)
    return msgspec.json.encode(operand).decode()
