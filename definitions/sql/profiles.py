"""Columns of profiles: what is gathered of the events of each, and what follows from that."""

from definitions.sql.columns import Columns, Sql, sql
from definitions.sql.events import PLACE, Events
from definitions.sql.literals import literal


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

    def aggregate(self, template: str, *parts: Sql | str) -> Sql:
        """Name an aggregate of the events of a profile."""
        text = sql(template, *parts).text
        return Sql(self._grouped.setdefault(text, f"g{len(self._grouped)}"))

    def column(self, template: str, *parts: Sql | str) -> Sql:
        """Name an expression over aggregates and other such columns."""
        return self._columns(sql(template, *parts))

    def named(self, expression: Sql) -> Sql:
        """Name an expression."""
        return self._columns(expression)

    def shown(self, trait: str) -> Sql:
        """Name the tuple of a trait's value as the profile shows it now."""
        self._reads_shown = True
        return self.column("value_of(JSONExtractRaw(shown, {0}), shown)", literal(trait))

    def inside(self, ms: int | None, matching: Sql) -> Sql:
        """Whether an event matches and lies in a window of time."""
        return matching if ms is None else sql(f"{{0}} AND at > {self.now - ms}", matching)

    def gathered(self, matching: Sql, value: Sql | None, newest: int) -> Sql:
        """The newest events: each its place, and its value or 0; in their order."""
        gathered = self.aggregate(f"groupArrayIf(({PLACE}, {{1}}), {{0}})", matching, value or "0")
        return self.column("arraySlice(arraySort({0}), {1})", gathered, str(-newest))

    def selected(self, source: str, shown: str = "") -> str:
        """Return a query for the profile ids and all that was asked for.

        `shown`: a query for `profile_id` and `shown`, the JSON text of the traits that profiles show.
        """
        grouped = "".join(f", {text} AS {name}" for text, name in self._grouped.items())
        events = self.events.selected(source)
        profiles = f"SELECT profile_id{grouped}\nFROM (\n{events}\n)\nGROUP BY profile_id"
        if self._reads_shown:
            profiles = (
                f"SELECT *\nFROM (\n{profiles}\n) AS profiles\nLEFT ANY JOIN (\n{shown}\n) AS known USING (profile_id)"
            )
        return self._columns.selected(profiles)
