"""Which accumulators count an event of one type and name: filters are evaluated once, or looked up by value."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias, get_args

from definitions.model import Field, Operator, Period, PropertyFilter, Scalar
from definitions.streaming.accumulators import (
    CompiledAccumulator,
    Filter,
    OpenParts,
    compile_reader,
    has_no_number,
    numeric_readers,
)
from definitions.streaming.scalars import is_number
from definitions.streaming.values import FLOORS, ORDERINGS, as_double, thresholds_of
from schemas.records import EventType

_EVENT_TYPES = frozenset(get_args(EventType))

Looked: TypeAlias = tuple[bool, Scalar]
"""A scalar such that equal ones of JSON are equal, and no others."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Accumulators with the same filters. `numeric`: read what these compare with numbers."""

    filters: tuple[Filter, ...]
    numeric: tuple[Callable[[OpenParts], object], ...]
    accumulators: tuple[CompiledAccumulator, ...]


@dataclass(frozen=True, slots=True)
class _Thresholds:
    """Accumulators of which the only filter compares a number with one threshold.

    `from_floor` count it from their threshold on, `below_ceiling` below theirs; these, sorted, are `floors` and
    `ceilings`. `keys`: of those with the same filter, by filter.
    """

    read: Callable[[OpenParts], object]
    floors: tuple[float, ...]
    from_floor: tuple[CompiledAccumulator, ...]
    ceilings: tuple[float, ...]
    below_ceiling: tuple[CompiledAccumulator, ...]
    keys: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """The accumulators that may count events of one type and name.

    `always`: those without a filter. `by_threshold`: by what they compare the number with that is read.
    `by_value`: by what they want to equal the value that is read. `others`: the rest.
    """

    always: tuple[CompiledAccumulator, ...]
    by_threshold: tuple[_Thresholds, ...]
    by_value: tuple[tuple[Callable[[OpenParts], object], Mapping[Looked, tuple[_Group, ...]]], ...]
    others: tuple[_Group, ...]

    def passed(self, parts: OpenParts, drop: Callable[[Iterable[str]], None]) -> list[CompiledAccumulator]:
        """Return those that count an event; `drop` hears the keys of those whose filters find no number."""
        passed = [*self.always]
        for compared in self.by_threshold:
            value = compared.read(parts)
            if is_number(value):
                number = as_double(value)
                passed += compared.from_floor[: bisect_right(compared.floors, number)]
                passed += compared.below_ceiling[bisect_right(compared.ceilings, number) :]
            elif value is not None:
                for keys in compared.keys:
                    drop(keys)
        for read, groups in self.by_value:
            value = read(parts)
            if isinstance(value, str | int | float):
                for group in groups.get(_looked(value), ()):
                    _pass(group, parts, passed, drop)
        for group in self.others:
            _pass(group, parts, passed, drop)
        return passed


_NO_GATE = Gate((), (), (), ())


class Gates:
    """The gates of accumulators: a call has one of its own if one of them names it, which is made when it is met."""

    def __init__(self, accumulators: Sequence[CompiledAccumulator]) -> None:
        self._accumulators = accumulators
        self._by_call: defaultdict[tuple[str | None, str | None], list[int]] = defaultdict(list)  # None: any
        for index, each in enumerate(accumulators):
            for call in {(call.type, call.name) for call in each.planned.events.calls} or {(None, None)}:
                self._by_call[call].append(index)
        self._made: dict[tuple[str, str | None], Gate] = {}

    def of(self, event_type: str, event_name: str | None) -> Gate:
        """Return the accumulators that may count an event of a type and name."""
        gate = self._made.get((event_type, event_name))
        return self._find(event_type, event_name) if gate is None else gate

    def _find(self, event_type: str, event_name: str | None) -> Gate:
        if event_type not in _EVENT_TYPES:
            return _NO_GATE
        call = (event_type, event_name if (event_type, event_name) in self._by_call else None)
        if call not in self._made:
            self._made[call] = compile_gate(self._counting(*call))
        return self._made[call]

    def _counting(self, event_type: str, event_name: str | None) -> Iterator[CompiledAccumulator]:
        calls = {(event_type, event_name), (event_type, None), (None, event_name), (None, None)}
        indexes = {index for call in calls for index in self._by_call.get(call, ())}
        return (self._accumulators[index] for index in sorted(indexes))


def compile_gate(accumulators: Iterable[CompiledAccumulator]) -> Gate:
    """Return the gate of accumulators that all may count such an event."""
    always: list[CompiledAccumulator] = []
    by_filters: defaultdict[tuple[Period, tuple[PropertyFilter, ...]], list[CompiledAccumulator]] = defaultdict(list)
    for accumulator in accumulators:
        events = accumulator.planned.events
        (by_filters[events.occurred, events.where] if accumulator.filters else always).append(accumulator)
    by_threshold: defaultdict[Field, list[tuple[PropertyFilter, list[CompiledAccumulator]]]] = defaultdict(list)
    by_value: defaultdict[Field, defaultdict[Looked, list[_Group]]] = defaultdict(lambda: defaultdict(list))
    others = []
    for (occurred, where), counting in by_filters.items():
        group = _Group(counting[0].filters, tuple(numeric_readers(where)), tuple(counting))
        wanted = _first_equality(where)
        if occurred == Period() and _has_one_threshold(where):
            by_threshold[Field(where[0].path, where[0].root)].append((where[0], counting))
        elif wanted is not None:
            by_value[Field(wanted[0].path, wanted[0].root)][_looked(wanted[1])].append(group)
        else:
            others.append(group)
    looked_up = (
        (compile_reader(field.root, field.path), {value: tuple(groups) for value, groups in values.items()})
        for field, values in by_value.items()
    )
    sorted_ = (_sorted_by_threshold(field, filters) for field, filters in by_threshold.items())
    return Gate(tuple(always), tuple(sorted_), tuple(looked_up), tuple(others))


def _sorted_by_threshold(field: Field, filters: list[tuple[PropertyFilter, list[CompiledAccumulator]]]) -> _Thresholds:
    """Sort accumulators by the thresholds of their filters, all of which read a field."""
    floors: list[tuple[float, CompiledAccumulator]] = []
    ceilings: list[tuple[float, CompiledAccumulator]] = []
    for each, counting in filters:
        (comparison,) = each.comparisons
        (threshold,) = thresholds_of(comparison)
        thresholds = floors if comparison.operator in FLOORS else ceilings
        thresholds += ((threshold, accumulator) for accumulator in counting)
    floors.sort(key=itemgetter(0))
    ceilings.sort(key=itemgetter(0))
    return _Thresholds(
        compile_reader(field.root, field.path),
        tuple(threshold for threshold, _ in floors),
        tuple(accumulator for _, accumulator in floors),
        tuple(threshold for threshold, _ in ceilings),
        tuple(accumulator for _, accumulator in ceilings),
        tuple(tuple(accumulator.key for accumulator in counting) for _, counting in filters),
    )


def _has_one_threshold(where: tuple[PropertyFilter, ...]) -> bool:
    if len(where) != 1 or len(where[0].comparisons) > 1:
        return False
    (comparison,) = where[0].comparisons
    return comparison.operator in ORDERINGS and len(thresholds_of(comparison)) == 1


def _pass(
    group: _Group, parts: OpenParts, passed: list[CompiledAccumulator], drop: Callable[[Iterable[str]], None]
) -> None:
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
