"""Which accumulators count an event of one type and name: each filter is asked once, and equalities are looked up."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from definitions.model import Operator, Period, PropertyFilter, Scalar
from definitions.streaming.accumulators import (
    Accumulator,
    Filter,
    OpenParts,
    compile_reader,
    has_no_number,
    numeric_readers,
)
from definitions.streaming.scalars import is_number
from definitions.streaming.values import as_double

Looked: TypeAlias = tuple[bool, Scalar]
"""A scalar such that equal ones of JSON are equal, and no others."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Accumulators with the same filters. `numeric`: read what these compare with numbers."""

    filters: tuple[Filter, ...]
    numeric: tuple[Callable[[OpenParts], object], ...]
    accumulators: tuple[Accumulator, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """The accumulators that may count events of one type and name.

    `always`: those without a filter. `by_value`: by what they want to equal the value that is read. `others`: the rest.
    """

    always: tuple[Accumulator, ...]
    by_value: tuple[tuple[Callable[[OpenParts], object], Mapping[Looked, tuple[_Group, ...]]], ...]
    others: tuple[_Group, ...]

    def passed(self, parts: OpenParts, drop: Callable[[Iterable[str]], None]) -> list[Accumulator]:
        """Return those that count an event; `drop` hears the keys of those whose filters find no number."""
        passed = [*self.always]
        for read, groups in self.by_value:
            value = read(parts)
            if isinstance(value, str | int | float):
                for group in groups.get(_looked(value), ()):
                    _pass(group, parts, passed, drop)
        for group in self.others:
            _pass(group, parts, passed, drop)
        return passed


NO_GATE = Gate((), (), ())


def compile_gate(accumulators: Iterable[Accumulator]) -> Gate:
    """Return the gate of accumulators that all may count such an event."""
    always: list[Accumulator] = []
    by_filters: defaultdict[tuple[Period, tuple[PropertyFilter, ...]], list[Accumulator]] = defaultdict(list)
    for accumulator in accumulators:
        events = accumulator.planned.events
        (by_filters[events.occurred, events.where] if accumulator.filters else always).append(accumulator)
    by_value: defaultdict[tuple[str, tuple[str, ...]], defaultdict[Looked, list[_Group]]]
    by_value = defaultdict(lambda: defaultdict(list))
    others = []
    for (_, where), counting in by_filters.items():
        group = _Group(counting[0].filters, tuple(numeric_readers(where)), tuple(counting))
        wanted = _first_equality(where)
        if wanted is None:
            others.append(group)
        else:
            by_value[wanted[0].root, wanted[0].path][_looked(wanted[1])].append(group)
    looked_up = (
        (compile_reader(root, path), {value: tuple(groups) for value, groups in values.items()})  # type: ignore[arg-type]
        for (root, path), values in by_value.items()
    )
    return Gate(tuple(always), tuple(looked_up), tuple(others))


def _pass(group: _Group, parts: OpenParts, passed: list[Accumulator], drop: Callable[[Iterable[str]], None]) -> None:
    for passes in group.filters:
        if not passes(parts):
            if has_no_number(parts, group.numeric):
                drop(accumulator.key for accumulator in group.accumulators)
            return
    passed += group.accumulators


def _first_equality(where: tuple[PropertyFilter, ...]) -> tuple[PropertyFilter, Scalar] | None:
    for each in where:
        for comparison in each.comparisons:
            if comparison.operator is Operator.EQUALS and not isinstance(comparison.operand, tuple):
                return each, comparison.operand
    return None


def _looked(value: Scalar) -> Looked:
    return isinstance(value, bool), as_double(value) if is_number(value) else value
