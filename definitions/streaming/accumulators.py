"""Accumulators compiled for the fold: whether an event goes into one, and with which value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import TypeAlias

import msgspec

from definitions.model import Field, Path, PropertyFilter, Root, Scalar
from definitions.plan.accumulators import Accumulator as Planned
from definitions.streaming.scalars import is_number, number, scalar
from definitions.streaming.states import AnyState, type_of
from definitions.streaming.values import ORDERINGS, compile_comparisons, compile_path
from schemas.records import Event

_decode_object = msgspec.json.Decoder(dict[str, object]).decode


class OpenParts:
    """The open parts of an event, each parsed when it is first read; what is no JSON object counts as empty."""

    def __init__(self, event: Event) -> None:
        self._event = event

    @cached_property
    def properties(self) -> Mapping[str, object]:
        return _parse(self._event.properties)

    @cached_property
    def traits(self) -> Mapping[str, object]:
        return _parse(self._event.traits)

    @cached_property
    def context(self) -> Mapping[str, object]:
        return _parse(self._event.context)


Filter: TypeAlias = Callable[[OpenParts], bool]


@dataclass(frozen=True, slots=True)
class Accumulator:
    """What is kept of a profile's events under `key`.

    `born`: the version of the definitions since which it has existed; events that are stamped below it come by a seed.
    `filters`: an event of the right name counts if it passes all. `value`: what is kept of it; None for the event that
    has none, which does not count. `is_mistyped`: whether an event that does not count has a value of a wrong type.
    """

    key: str
    planned: Planned
    born: int
    new_state: type[AnyState] = field(compare=False)
    filters: tuple[Filter, ...] = field(compare=False, repr=False)
    value: Callable[[OpenParts], Scalar | None] | None = field(compare=False, repr=False)
    is_mistyped: Filter | None = field(compare=False, repr=False)

    def matches(self, parts: OpenParts) -> bool:
        """Return whether an event counts, whose type and name do."""
        for passes in self.filters:  # noqa: SIM110 - runs for every event, and a generator would double its cost
            if not passes(parts):
                return False
        return True


def state_key(planned: Planned, born: int) -> str:
    """Return the key of the state of an accumulator that was born at a version."""
    return f"{planned.id}@{born}" if born else planned.id


def compile_accumulator(planned: Planned, born: int = 0) -> Accumulator:
    """Return an accumulator as the fold uses it."""
    return Accumulator(
        key=state_key(planned, born),
        planned=planned,
        born=born,
        new_state=type_of(planned),
        filters=tuple(map(compile_filter, planned.events.where)),
        value=None if planned.of is None else _compile_value(planned.of, planned.numbers),
        is_mistyped=_compile_mistyped(planned),
    )


def compile_filter(each: PropertyFilter) -> Filter:
    """Return whether an event passes a filter."""
    read, passes = _reader(each.root, each.path), compile_comparisons(each.comparisons)
    return lambda parts: passes(read(parts))


def _compile_value(of: Field, numbers: bool) -> Callable[[OpenParts], Scalar | None]:
    read, take = _reader(of.root, of.path), number if numbers else scalar
    return lambda parts: take(read(parts))


def _compile_mistyped(planned: Planned) -> Filter | None:
    numeric = [
        _reader(each.root, each.path)
        for each in planned.events.where
        if any(comparison.operator in ORDERINGS for comparison in each.comparisons)
    ]
    if planned.of is not None and planned.numbers:
        numeric.append(_reader(planned.of.root, planned.of.path))
    if not numeric:
        return None

    def is_mistyped(parts: OpenParts) -> bool:
        return any((value := read(parts)) is not None and not is_number(value) for read in numeric)

    return is_mistyped


def _reader(root: Root, path: Path) -> Callable[[OpenParts], object]:
    open_part, read = attrgetter(root), compile_path(path)
    return lambda parts: read(open_part(parts))


def _parse(text: str) -> Mapping[str, object]:
    try:
        return _decode_object(text)
    except (ValueError, RecursionError):
        return {}
