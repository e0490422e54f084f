"""Which accumulators count an event of one type and name: filters are asked once, equalities and limits looked up."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
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
from definitions.streaming.values import FLOORS, ORDERINGS, as_double, cuts_of

Looked: TypeAlias = tuple[bool, Scalar]
"""A scalar such that equal ones of JSON are equal, and no others."""
_Place: TypeAlias = tuple[str, tuple[str, ...]]
"""The open part of an event, and the path in it, that a filter reads."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Accumulators with the same filters. `numeric`: read what these compare with numbers."""

    filters: tuple[Filter, ...]
    numeric: tuple[Callable[[OpenParts], object], ...]
    accumulators: tuple[Accumulator, ...]


@dataclass(frozen=True, slots=True)
class _Limits:
    """Accumulators of which the only filter compares a number with one limit.

    `from_floor` count it from a floor on, `below_ceiling` below a ceiling; each in the order of its floor or ceiling.
    `keys`: of those with the same filter, by filter.
    """

    read: Callable[[OpenParts], object]
    floors: tuple[float, ...]
    from_floor: tuple[Accumulator, ...]
    ceilings: tuple[float, ...]
    below_ceiling: tuple[Accumulator, ...]
    keys: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """The accumulators that may count events of one type and name.

    `always`: those without a filter. `by_limit`: by the limit with which they compare the value that is read.
    `by_value`: by what they want to equal the value that is read. `others`: the rest.
    """

    always: tuple[Accumulator, ...]
    by_limit: tuple[_Limits, ...]
    by_value: tuple[tuple[Callable[[OpenParts], object], Mapping[Looked, tuple[_Group, ...]]], ...]
    others: tuple[_Group, ...]

    def passed(self, parts: OpenParts, drop: Callable[[Iterable[str]], None]) -> list[Accumulator]:
        """Return those that count an event; `drop` hears the keys of those whose filters find no number."""
        passed = [*self.always]
        for limits in self.by_limit:
            value = limits.read(parts)
            if is_number(value):
                number = as_double(value)
                passed += limits.from_floor[: bisect_right(limits.floors, number)]
                passed += limits.below_ceiling[bisect_right(limits.ceilings, number) :]
            elif value is not None:
                for keys in limits.keys:
                    drop(keys)
        for read, groups in self.by_value:
            value = read(parts)
            if isinstance(value, str | int | float):
                for group in groups.get(_looked(value), ()):
                    _pass(group, parts, passed, drop)
        for group in self.others:
            _pass(group, parts, passed, drop)
        return passed


NO_GATE = Gate((), (), (), ())


def compile_gate(accumulators: Iterable[Accumulator]) -> Gate:
    """Return the gate of accumulators that all may count such an event."""
    always: list[Accumulator] = []
    by_filters: defaultdict[tuple[Period, tuple[PropertyFilter, ...]], list[Accumulator]] = defaultdict(list)
    for accumulator in accumulators:
        events = accumulator.planned.events
        (by_filters[events.occurred, events.where] if accumulator.filters else always).append(accumulator)
    by_place: defaultdict[_Place, list[tuple[PropertyFilter, list[Accumulator]]]] = defaultdict(list)
    by_value: defaultdict[_Place, defaultdict[Looked, list[_Group]]] = defaultdict(lambda: defaultdict(list))
    others = []
    for (occurred, where), counting in by_filters.items():
        group = _Group(counting[0].filters, tuple(numeric_readers(where)), tuple(counting))
        wanted = _first_equality(where)
        if occurred == Period() and _has_one_limit(where):
            by_place[where[0].root, where[0].path].append((where[0], counting))
        elif wanted is not None:
            by_value[wanted[0].root, wanted[0].path][_looked(wanted[1])].append(group)
        else:
            others.append(group)
    looked_up = (
        (compile_reader(root, path), {value: tuple(groups) for value, groups in values.items()})  # type: ignore[arg-type]
        for (root, path), values in by_value.items()
    )
    return Gate(tuple(always), tuple(map(_limits, by_place.values())), tuple(looked_up), tuple(others))


def _limits(filters: list[tuple[PropertyFilter, list[Accumulator]]]) -> _Limits:
    """Sort accumulators by the limits of their filters, which read the same place."""
    floors: list[tuple[float, Accumulator]] = []
    ceilings: list[tuple[float, Accumulator]] = []
    for each, counting in filters:
        ((comparison,), (cut,)) = each.comparisons, cuts_of(each.comparisons[0])
        (floors if comparison.operator in FLOORS else ceilings).extend((cut, accumulator) for accumulator in counting)
    floors.sort(key=itemgetter(0))
    ceilings.sort(key=itemgetter(0))
    return _Limits(
        compile_reader(filters[0][0].root, filters[0][0].path),
        tuple(cut for cut, _ in floors),
        tuple(accumulator for _, accumulator in floors),
        tuple(cut for cut, _ in ceilings),
        tuple(accumulator for _, accumulator in ceilings),
        tuple(tuple(accumulator.key for accumulator in counting) for _, counting in filters),
    )


def _has_one_limit(where: tuple[PropertyFilter, ...]) -> bool:
    if len(where) != 1 or len(where[0].comparisons) > 1:
        return False
    (comparison,) = where[0].comparisons
    return comparison.operator in ORDERINGS and len(cuts_of(comparison)) == 1


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
