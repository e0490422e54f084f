"""Accumulators compiled for the fold: whether an event goes into one, and with which value."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TypeAlias, get_args

import msgspec

from definitions.model import EventMatcher, Field, Path, Period, PropertyFilter, Root
from definitions.plan.accumulators import Accumulator
from definitions.streaming.scalars import is_number, members, number, scalar
from definitions.streaming.states import AnyState, Scalars, type_of
from definitions.streaming.values import ORDERINGS, compile_comparisons, compile_path
from schemas.records import Event

_PARTS = frozenset(get_args(Root))
_decode_object = msgspec.json.Decoder(dict[str, object]).decode


class OpenParts:
    """The open parts of an event, each parsed when it is first read; what is no JSON object counts as empty."""

    properties: Mapping[str, object]
    traits: Mapping[str, object]
    context: Mapping[str, object]

    def __init__(self, event: Event) -> None:
        self.occurred_at = event.occurred_at
        self._event = event

    def __getattr__(self, part: str) -> Mapping[str, object]:
        """Parse a part that was not read yet. A `cached_property` would take a lock, which costs more than parsing."""
        if part not in _PARTS:
            raise AttributeError(part)
        parsed = _parse(getattr(self._event, part))
        setattr(self, part, parsed)
        return parsed


Filter: TypeAlias = Callable[[OpenParts], bool]


@dataclass(frozen=True, slots=True)
class CompiledAccumulator:
    """What is kept of a profile's events under `key`.

    `born`: the version of the definitions since which it has existed; events that are stamped below it come by a seed.
    `filters`: an event of the right call counts if it passes all. `value`: what is kept of it; None for one that has
    none there, which does not count after all. It is mistyped if there is something else than a number, or than scalars
    in a list.
    """

    key: str
    planned: Accumulator
    born: int
    new_state: type[AnyState] = field(compare=False)
    filters: tuple[Filter, ...] = field(compare=False, repr=False)
    value: Callable[[OpenParts], Scalars | None] | None = field(compare=False, repr=False)
    is_mistyped: Filter | None = field(compare=False, repr=False)

    def matches(self, parts: OpenParts) -> bool:
        """Return whether an event of the right call counts."""
        return all(passes(parts) for passes in self.filters)


def state_key(planned: Accumulator, born: int) -> str:
    """Return the key of the state of an accumulator that was born at a version."""
    return f"{planned.id}@{born}" if born else planned.id


def compile_accumulator(planned: Accumulator, born: int = 0) -> CompiledAccumulator:
    """Return an accumulator as the fold uses it."""
    of, is_mistyped, value = planned.of, None, None
    if of is not None:
        value = _compile_value(of, planned)
        is_mistyped = _compile_mistyped(of, planned)
    filters = compile_filters(planned.events)
    return CompiledAccumulator(state_key(planned, born), planned, born, type_of(planned), filters, value, is_mistyped)


def compile_filters(events: EventMatcher) -> tuple[Filter, ...]:
    """Return what an event of the right call must pass."""
    filters = tuple(map(_compile_filter, events.where))
    return filters if events.occurred == Period() else (_compile_period(events.occurred), *filters)


def _compile_period(period: Period) -> Filter:
    since = -math.inf if period.since is None else period.since
    before = math.inf if period.before is None else period.before
    return lambda parts: since <= parts.occurred_at < before


def _compile_filter(each: PropertyFilter) -> Filter:
    read, passes = compile_reader(each.root, each.path), compile_comparisons(each.comparisons)
    return lambda parts: passes(read(parts))


def compile_reader(root: Root, path: Path) -> Callable[[OpenParts], object]:
    """Return the value at a path of an open part of an event."""
    open_part, (first, *rest) = attrgetter(root), path
    if not rest:
        return lambda parts: open_part(parts).get(first)
    read = compile_path(path)
    return lambda parts: read(open_part(parts))


def numeric_readers(where: Iterable[PropertyFilter]) -> Iterator[Callable[[OpenParts], object]]:
    """Yield what reads the values that filters compare with numbers."""
    for each in where:
        if any(comparison.operator in ORDERINGS for comparison in each.comparisons):
            yield compile_reader(each.root, each.path)


def has_no_number(parts: OpenParts, numeric: Iterable[Callable[[OpenParts], object]]) -> bool:
    """Return whether there is something else than a number where one is looked for."""
    return any((value := read(parts)) is not None and not is_number(value) for read in numeric)


def _compile_value(of: Field, planned: Accumulator) -> Callable[[OpenParts], Scalars | None]:
    take: Callable[[object], Scalars | None]
    take = members if planned.keeping == "members" else number if planned.numbers else scalar
    open_part, (first, *rest) = attrgetter(of.root), of.path
    if not rest:
        return lambda parts: take(open_part(parts).get(first))
    read = compile_reader(of.root, of.path)
    return lambda parts: take(read(parts))


def _compile_mistyped(of: Field, planned: Accumulator) -> Filter | None:
    read = compile_reader(of.root, of.path)
    if planned.keeping == "members":
        return lambda parts: _has_more_than_scalars(read(parts))
    if planned.numbers:
        return lambda parts: (value := read(parts)) is not None and not is_number(value)
    return None


def _has_more_than_scalars(value: object) -> bool:
    listed = value if isinstance(value, list) else [value]
    return any(isinstance(each, list | dict) for each in listed)


def _parse(text: str) -> Mapping[str, object]:
    try:
        return _decode_object(text)
    except (ValueError, RecursionError):
        return {}
