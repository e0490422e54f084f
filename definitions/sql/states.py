"""States of accumulators by SQL: the same that folding the events makes, but for what `trim` will drop.

Only the events that some accumulator looks for are read; a profile without any is not there.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from definitions.model import Scalar
from definitions.plan.accumulators import MAX_DISTINCT, Accumulator
from definitions.sql.aggregates import MAX_SUMMAND, MILLIONTHS, counted
from definitions.sql.columns import SqlText, sql
from definitions.sql.events import EVENT_ORDER, Events, called
from definitions.sql.functions import WITH_FUNCTIONS
from definitions.sql.profiles import Profiles
from definitions.sql.sessions import spans
from definitions.streaming.scalars import number, scalar
from definitions.streaming.states import (
    AnyState,
    Calls,
    EventOrder,
    Numbers,
    Spans,
    Times,
    Values,
    newest_of,
    total_of,
    type_of,
    values_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

States: TypeAlias = dict[str, AnyState]
"""By the id of the accumulator."""

_Tuple: TypeAlias = dict[str, object]


class StatesQuery:
    """The states of some accumulators. Compiles; asking is left to others.

    `since`: a time (ms) that no profile will be evaluated before; events that have left every window by then are not
    read.
    """

    def __init__(self, accumulators: Sequence[Accumulator], since: int | None = None) -> None:
        self._accumulators = tuple(accumulators)
        self._since = since
        self._profiles = Profiles(Events(), now=0)
        self._columns = [self._compile(accumulator) for accumulator in self._accumulators]

    def wanted(self) -> str:
        """Return the condition on `type`, `name` and `occurred_at` of the events that are looked for."""
        return f"({' OR '.join(map(self._wanted, self._accumulators))})"

    def _wanted(self, accumulator: Accumulator) -> str:
        calls = called(accumulator.events.calls)
        if self._since is None or accumulator.retain_ms is None:
            return calls
        return f"({calls} AND occurred_at > fromUnixTimestamp64Milli({self._since - accumulator.retain_ms}, 'UTC'))"

    def selected(self, source: str) -> str:
        """Return the query for one row of each profile, in order of ids, of a source of events as `events` has it."""
        named = ", ".join(f"{column.text} AS a{number}" for number, column in enumerate(self._columns))
        counted = self._profiles.selected(source)
        is_any = " OR ".join(f"({self._is_any(number)})" for number in range(len(self._columns)))
        selected = f"SELECT profile_id, {named}\nFROM (\n{counted}\n)\nWHERE {is_any}\nORDER BY profile_id"
        return f"WITH {WITH_FUNCTIONS}\n{selected}"

    def read(self, batch: "pa.RecordBatch") -> Iterator[tuple[str, States]]:
        """Yield each profile of an answer, with the states that are not empty."""
        columns = [batch.column(f"a{number}").to_pylist() for number in range(len(self._accumulators))]
        for row, profile_id in enumerate(batch.column("profile_id").to_pylist()):
            states = {
                accumulator.id: state
                for accumulator, column in zip(self._accumulators, columns, strict=True)
                if (state := _read(accumulator, column[row])) is not None
            }
            yield profile_id, states

    def _compile(self, accumulator: Accumulator) -> SqlText:  # noqa: PLR0911 - one for each kind of state
        events, of = self._profiles.events, accumulator.of
        if accumulator.keeping == "members":
            assert of is not None, accumulator
            members = events.members(accumulator.events, of)
            return self._counted(events.matching(accumulator.events), members)
        matching = events.with_value(accumulator.events, of, accumulator.numbers)
        if self._since is not None and accumulator.retain_ms is not None:
            matching = events.column(sql(f"{{0}} AND at > {self._since - accumulator.retain_ms}", matching))
        value = None if of is None else events.value(accumulator.events, of)
        kind = type_of(accumulator)
        if kind is Spans:
            return spans(self._profiles, matching, accumulator.keep)
        if kind is Times:
            times = f"arrayMap(x -> -x, groupArraySortedIf({accumulator.keep})(-at, {{0}}))"
            return self._profiles.aggregate(times, matching)
        if accumulator.keeping == "newest":
            return self._profiles.gathered(matching, value, accumulator.keep)
        if kind is Calls:
            return self._profiles.aggregate("(countIf({0}), minIf(at, {0}), maxIf(at, {0}))", matching)
        assert value is not None, accumulator
        if kind is Values:
            return self._counted(matching, sql("[{0}]", value))
        return self._numbers(matching, value) if kind is Numbers else self._ends(matching, value)

    def _counted(self, matching: SqlText, values: SqlText) -> SqlText:
        """How often each of the values occurred: of few events by gathering all values, of many by counting at once."""
        profiles, (few, many) = self._profiles, self._profiles.busy(matching)
        gathered = profiles.aggregate("groupArrayArrayIf({1}, {0})", few, values)
        of_few = sql("arrayMap(x -> (x, countEqual({1}, x)), {0})", counted(gathered, profiles), gathered)
        summed = profiles.aggregate("sumMapIf({1}, arrayMap(x -> toUInt64(1), {1}), {0})", many, values)
        of_many = sql(f"arraySlice(arrayZip({{0}}.1, {{0}}.2), 1, {MAX_DISTINCT})", summed)
        return profiles.column("arrayConcat({0}, {1})", of_few, of_many)

    def _numbers(self, matching: SqlText, value: SqlText) -> SqlText:
        summand = f"{{0}} AND abs({{1}}.2) <= {MAX_SUMMAND}"
        return self._profiles.aggregate(
            f"(countIf({{0}}), countIf({summand}), toString(sumIf({MILLIONTHS.format('{1}.2')}, {summand})),"
            " minIf({1}.2, {0}), maxIf({1}.2, {0}))",
            matching,
            value,
        )

    def _ends(self, matching: SqlText, value: SqlText) -> SqlText:
        event = f"({EVENT_ORDER}, {{1}})"
        return self._profiles.aggregate(
            f"(countIf({{0}}), argMinIf({event}, {EVENT_ORDER}, {{0}}), argMaxIf({event}, {EVENT_ORDER}, {{0}}))",
            matching,
            value,
        )

    def _is_any(self, number: int) -> str:
        is_total = self._accumulators[number].keeping == "total"
        return f"a{number}.1 > 0" if is_total else f"notEmpty(a{number})"


def _read(accumulator: Accumulator, column: object) -> AnyState | None:
    kind = type_of(accumulator)
    if accumulator.keeping == "total":
        return _read_total(accumulator, kind, list(cast("_Tuple", column).values()))
    rows = cast("Sequence[object]", column)
    if not rows:
        return None
    if kind is Times:
        return Times(cast("list[int]", rows)[::-1])
    if kind is Spans:
        return Spans([cast("tuple[int, int]", tuple(cast("_Tuple", row).values())) for row in rows])
    if kind is Values:
        counted = [tuple(cast("_Tuple", row).values()) for row in rows]
        return values_of((_known(value), cast("int", count)) for value, count in counted)
    return newest_of(accumulator, [_event(row, accumulator) for row in rows])


def _read_total(accumulator: Accumulator, kind: type[AnyState], parts: list[object]) -> AnyState | None:
    count = cast("int", parts[0])
    if not count:
        return None
    if kind is Numbers:
        least, greatest = number(parts[3]), number(parts[4])
        summands, millionths = cast("int", parts[1]), int(cast("str", parts[2]))
        return total_of(accumulator, summands, millionths=millionths, least=least, greatest=greatest)
    if kind is Calls:
        first, last = ((EventOrder(cast("int", time)), None) for time in parts[1:])
        return total_of(accumulator, count, first=first, last=last)
    first_event, last_event = (_event(part, accumulator) for part in parts[1:])
    return total_of(accumulator, count, first=first_event, last=last_event)


def _event(row: object, accumulator: Accumulator) -> tuple[EventOrder, Scalar | None]:
    order, value = cast("_Tuple", row).values()
    return EventOrder(*cast("_Tuple", order).values()), None if accumulator.of is None else _known(value)  # type: ignore[arg-type]


def _known(value: object) -> Scalar:
    kind, double, text = cast("_Tuple", value).values()
    read = scalar(text if kind == 1 else double if kind == 2 else bool(double))
    assert read is not None, value
    return read
