"""Counts events of all profiles together, by value: queries for the intervals at which they count (0041).

The source has the columns `profile_id`, `at` (ms), `type`, `name` and `source`, and as JSON texts `properties`,
`traits` and `context`.
"""

from typing import NamedTuple

from definitions.across.grid import tick_ms, usual_step_ms, usual_until, usual_windows
from definitions.model import AcrossTrigger
from definitions.sql.columns import SqlText
from definitions.sql.events import Events
from definitions.sql.functions import WITH_FUNCTIONS
from definitions.sql.literals import literal
from definitions.sql.values import NOTHING

# What ends at a time sorts before what begins at it, so that no sum between the two is larger than that of any time.
_LARGEST = """arrayMax(arrayCumSum(change -> change.2, arraySort(arrayConcat(
    arrayMap(span -> (toInt64(span.1), toInt64(span.3)), spans),
    arrayMap(span -> (toInt64(span.2), -toInt64(span.3)), spans)))))"""


class Between(NamedTuple):
    """A time (ms): events count that are behind `after`, up to `until`."""

    after: int
    until: int


class _Grid(NamedTuple):
    """Times `step` apart, from `first` to `last`, at each of which what lies less than `length` before it counts."""

    first: int
    last: int
    step: int
    length: int

    def begins(self, time: str) -> str:
        """The first of the times at which something counts."""
        return f"greatest({_at_or_after(time, self.step)}, {self.first})"

    def ends(self, time: str) -> str:
        """The first of the times behind those at which it counts."""
        return f"least({_at_or_after(f'{time} + {self.length}', self.step)}, {self.last + self.step})"


class AcrossQuery:
    """The queries of one trigger for the ticks from `first` to `last`."""

    def __init__(self, trigger: AcrossTrigger, first: int, last: int) -> None:
        self._trigger = trigger
        self._first = first
        self._last = last

    @property
    def window(self) -> Between:
        """Which events the windows need."""
        return Between(self._first - self._trigger.within_ms, self._last)

    @property
    def period(self) -> Between:
        """Which events the usual needs."""
        grid = self._usual_grid()
        return Between(grid.first - grid.length, grid.last)

    def names(self) -> str:
        """Return a condition on the column `event` that holds for all events that count: it prunes by the key."""
        calls = self._trigger.events.calls
        names = [call.name for call in calls if call.name is not None]
        if not calls or len(names) < len(calls):
            return "1"
        return f"event IN ({', '.join(map(literal, names))})"

    def numbers(self, source: str, at_least: int, most: int) -> str:
        """Return the query for value, begin, end and number, of the values with the largest numbers at any tick.

        `at_least`: so many must count at some tick or other.
        """
        grid = _Grid(self._first, self._last, tick_ms(self._trigger), self._trigger.within_ms)
        return self._query(self._matching(source), "at", grid, at_least, most)

    def usual_numbers(self, source: str, most: int) -> str:
        """Return the same for the windows of the usual, by the end of the period."""
        window_end = _at_or_after("at", self._trigger.within_ms)
        events = f"SELECT value, profile_id, {window_end} AS window_end\nFROM (\n{self._matching(source)}\n)"
        if self._trigger.counts == "people":
            events = f"SELECT DISTINCT *\nFROM (\n{events}\n)"
        return self._query(events, "window_end", self._usual_grid(), 1, most, once=False)

    def _usual_grid(self) -> _Grid:
        usual = self._trigger.exceeds
        assert usual is not None
        first, last = (usual_until(self._trigger, usual, tick) for tick in (self._first, self._last))
        length = usual_windows(self._trigger, usual) * self._trigger.within_ms
        return _Grid(first, last, usual_step_ms(self._trigger, usual), length)

    def _matching(self, source: str) -> str:
        events, same = Events(), self._trigger.same
        matching = events.with_value(self._trigger.events, same)
        value = SqlText(NOTHING) if same is None else events.value(self._trigger.events, same)
        selected = events.selected(source)
        return f"SELECT {value.text} AS value, profile_id, at\nFROM (\n{selected}\n) WHERE {matching.text}"

    def _query(  # noqa: PLR0913, PLR0917 - one statement, part by part
        self, events: str, time: str, grid: _Grid, at_least: int, most: int, once: bool = True
    ) -> str:
        people = self._trigger.counts == "people" and once
        who = ", profile_id" if people else ""
        counted = (
            f"SELECT value{who}, {grid.begins(time)} AS begins, {grid.ends(time)} AS ends, count() AS number\n"
            f"FROM (\n{events}\n) GROUP BY value{who}, begins, ends HAVING begins < ends"
        )
        if people:
            counted = _each_once(counted)
        by_value = (
            f"SELECT value, groupArray((begins, ends, number)) AS spans\nFROM (\n{counted}\n)\n"
            f"GROUP BY value HAVING sum(number) >= {at_least}"
        )
        return (
            f"WITH {WITH_FUNCTIONS}\nSELECT value.1 AS kind, value.2 AS number, value.3 AS text, spans\nFROM (\n"
            f"SELECT value, spans, {_LARGEST} AS largest\nFROM (\n{by_value}\n)\n"
            f"WHERE largest >= {at_least} ORDER BY largest DESC, value LIMIT {most}\n)"
        )


def _each_once(counted: str) -> str:
    """Of each person the intervals without what they have in common: at each time it counts once."""
    before = "lagInFrame(ends, 1, toInt64(0)) OVER (PARTITION BY value, profile_id ORDER BY begins, ends)"
    cut = f"SELECT value, greatest(begins, {before}) AS begun, ends\nFROM (\n{counted}\n)"
    return (
        f"SELECT value, begun AS begins, ends, count() AS number\nFROM (\n{cut}\n) WHERE begun < ends"
        " GROUP BY value, begun, ends"
    )


def _at_or_after(time: str, step: int) -> str:
    return f"({time} + positiveModulo(-({time}), {step}))"
