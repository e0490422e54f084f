"""Columns of profiles: what is gathered of the events of each, and what follows from that."""

from definitions.sql.columns import Columns, SqlText, sql
from definitions.sql.events import EVENT_ORDER, Events
from definitions.sql.literals import literal

MANY_EVENTS = 10_000
"""Whoever has more is a busy profile: of its events no more are gathered than will be kept, which takes longer."""
IS_BUSY = "is_busy"
_FALLING_ID = "bitNot(concat(hex(id), ' '))"
"""Falls where the id rises, in the order of bytes: behind the space no text goes on where another one ends."""


class Profiles:
    """Collects aggregates over the events of a profile, and expressions over these.

    `now`: the time (ms) as of which all holds.
    """

    def __init__(self, events: Events, now: int) -> None:
        self.events = events
        self.now = now
        self._grouped: dict[str, str] = {}
        self._columns = Columns("c")
        self._reads_shown = False
        self._reads_statements = False
        self._asks_who_is_busy = False

    def aggregate(self, template: str, *parts: SqlText | str) -> SqlText:
        """Name an aggregate of the events of a profile."""
        text = sql(template, *parts).text
        return SqlText(self._grouped.setdefault(text, f"g{len(self._grouped)}"))

    def column(self, template: str, *parts: SqlText | str) -> SqlText:
        """Name an expression over aggregates and other such columns."""
        return self._columns(sql(template, *parts))

    def named(self, expression: SqlText) -> SqlText:
        """Name an expression."""
        return self._columns(expression)

    def shown(self, trait: str) -> SqlText:
        """Name the tuple of a trait's value as the profile shows it now."""
        self._reads_shown = True
        return self.column("value_of(JSONExtractRaw(shown, {0}), shown)", literal(trait))

    def statement(self, purpose: str, channel: str) -> SqlText:
        """Name the tuple of what counts for a purpose and a channel, either may be ALL: its status and its time."""
        self._reads_statements = True
        return self.column("statements[{0}]", literal(f"{purpose}|{channel}"))

    def inside(self, ms: int | None, matching: SqlText) -> SqlText:
        """Say in SQL whether an event matches and lies in a window of time."""
        return matching if ms is None else sql(f"{{0}} AND at > {self.now - ms}", matching)

    def gathered(self, matching: SqlText, value: SqlText | None, newest: int) -> SqlText:
        """Return the newest events: of each what orders it, and its value or 0; in order."""
        few, many = self.busy(matching)
        gathered = self.aggregate(f"groupArrayIf(({EVENT_ORDER}, {{1}}), {{0}})", few, value or "0")
        order = f"(-at, -ordinal, {_FALLING_ID}, id, {{1}})"
        falling = self.aggregate(f"groupArraySortedIf({newest})({order}, {{0}})", many, value or "0")
        return self.column(
            "arraySlice(arraySort(arrayConcat({0}, arrayMap(x -> ((-x.1, -x.2, x.4), x.5), {1}))), {2})",
            gathered,
            falling,
            str(-newest),
        )

    def busy(self, matching: SqlText) -> tuple[SqlText, SqlText]:
        """Say in SQL whether an event matches and is of a profile with few events; and whether of one with many."""
        self._asks_who_is_busy = True
        return sql(f"{{0}} AND NOT {IS_BUSY}", matching), sql(f"{{0}} AND {IS_BUSY}", matching)

    def selected(self, source: str, shown: str = "", statements: str = "") -> str:
        """Return a query for the profile ids and all that was asked for.

        `shown`: a query for `profile_id` and `shown`, the JSON text of the traits that profiles show. `statements`: one
        for `profile_id` and `statements`, see `definitions.sql.consent`.
        """
        grouped = "".join(f", {text} AS {name}" for text, name in self._grouped.items())
        events = self.events.selected(_with_busy(source) if self._asks_who_is_busy else source)
        profiles = f"SELECT profile_id{grouped}\nFROM (\n{events}\n)\nGROUP BY profile_id"
        joined = [(self._reads_shown, shown, "known"), (self._reads_statements, statements, "said")]
        for is_read, query, name in joined:
            if is_read:
                profiles = (
                    f"SELECT *\nFROM (\n{profiles}\n) AS profiles"
                    f"\nLEFT ANY JOIN (\n{query}\n) AS {name} USING (profile_id)"
                )
        return self._columns.selected(profiles)


def _with_busy(source: str) -> str:
    """Say of each event whether its profile has many: of all events of a profile the same."""
    busy = f"SELECT profile_id FROM (\n{source}\n) GROUP BY profile_id HAVING count() > {MANY_EVENTS}"  # noqa: S608 - our own
    return f"SELECT *, profile_id IN (\n{busy}\n) AS {IS_BUSY}\nFROM (\n{source}\n)"
