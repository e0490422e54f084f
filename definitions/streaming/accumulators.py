"""What must be remembered of a profile's events to decide conditions; remembering is left to the fold."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from definitions.model import Comparison, EventCount, EventMatcher, PropertyFilter, Scalar
from definitions.streaming.values import compile_comparisons, compile_path

Matches: TypeAlias = Callable[[str, str | None, Mapping[str, object]], bool]


@dataclass(frozen=True, slots=True)
class Accumulator:
    """The times of a profile's newest events of one kind.

    `id` names what is counted, not the window or segment that asks: windows of many segments share one accumulator, and
    it outlives their renaming. The newest `keep` times are needed, each for `retain_ms` after its event.
    `matches(event_type, event_name, properties)` says whether an event counts; without `needs_properties` the
    properties are not looked at and may be empty.
    """

    id: str
    keep: int
    retain_ms: int
    needs_properties: bool
    events: EventMatcher
    matches: Matches = field(compare=False, repr=False)


def accumulators_of(counts: Iterable[EventCount]) -> tuple[Accumulator, ...]:
    """One accumulator for each kind of event that is counted, large enough for every count; ordered by id."""
    by_id: dict[str, list[EventCount]] = {}
    for count in counts:
        by_id.setdefault(accumulator_id(count.events), []).append(count)
    return tuple(_accumulator(identity, uses) for identity, uses in sorted(by_id.items()))


def accumulator_id(events: EventMatcher) -> str:
    """A stable id of what a matcher counts, whatever the order and notation of its filters."""
    canonical = (events.type, events.name, sorted(_canonical_filter(each) for each in events.where))
    return hashlib.blake2b(msgspec.json.encode(canonical), digest_size=8).hexdigest()


def _accumulator(identity: str, uses: list[EventCount]) -> Accumulator:
    events = uses[0].events
    return Accumulator(
        id=identity,
        keep=max(count.at_least for count in uses),
        retain_ms=max(count.within_ms for count in uses),
        needs_properties=bool(events.where),
        events=events,
        matches=_compile(events),
    )


def _compile(events: EventMatcher) -> Matches:
    filters = tuple((compile_path(each.path), compile_comparisons(each.comparisons)) for each in events.where)

    def matches(event_type: str, event_name: str | None, properties: Mapping[str, object]) -> bool:
        if events.type is not None and event_type != events.type:
            return False
        if events.name is not None and event_name != events.name:
            return False
        for read, passes in filters:  # noqa: SIM110 - runs for every event, and a generator would double its cost
            if not passes(read(properties)):
                return False
        return True

    return matches


def _canonical_filter(each: PropertyFilter) -> tuple[tuple[str, ...], list[tuple[str, list[str]]]]:
    return each.path, sorted(_canonical_comparison(comparison) for comparison in each.comparisons)


def _canonical_comparison(comparison: Comparison) -> tuple[str, list[str]]:
    operands = comparison.operand if isinstance(comparison.operand, tuple) else (comparison.operand,)
    return comparison.operator.value, sorted({_canonical_scalar(operand) for operand in operands})


def _canonical_scalar(operand: Scalar) -> str:
    if isinstance(operand, float) and operand.is_integer():
        operand = int(operand)
    return msgspec.json.encode(operand).decode()
