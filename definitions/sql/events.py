"""Columns of events: the values that definitions read of them, and whether an event is one that they look for.

The source has the columns `profile_id`, `at` (ms), `ordinal`, `id`, `type`, `name` and `source`, and as JSON texts
`properties`, `traits` and `context`, which are parsed for the events that may be looked for, and for no others.
"""

from collections.abc import Mapping

from definitions.model import Call, EventMatcher, Field, Path, Period, Root
from definitions.plan.accumulators import MAX_DISTINCT
from definitions.sql.columns import Columns, SqlText, joined, sql
from definitions.sql.literals import literal
from definitions.sql.values import passes

EVENT_ORDER = "(at, ordinal, id)"
"""Where an event lies in the total order."""
MAX_TEXT_LENGTH = 256
MAX_TRAIT_BYTES = 8 * 1024
_ALWAYS = "1"
_IS_SCALAR = f"({{0}}.1 BETWEEN 1 AND 3 AND lengthUTF8({{0}}.3) <= {MAX_TEXT_LENGTH})"


class Events:
    """Collects what is read of events."""

    def __init__(self) -> None:
        self._columns = Columns("e")
        self._documents: dict[tuple[Root, Path], tuple[str, dict[str, None]]] = {}

    def matching(self, events: EventMatcher) -> SqlText:
        """Say in SQL whether an event is one of these."""
        condition = called(events.calls)
        conditions = [] if condition == _ALWAYS else [SqlText(condition)]
        conditions += _in_period(events.occurred)
        for each in events.where:
            conditions.append(passes(self._value(each.root, each.path, condition), each.comparisons, now=0))
        return self._columns(joined(" AND ", conditions, _ALWAYS))

    def value(self, events: EventMatcher, of: Field) -> SqlText:
        """Return the tuple of the value there, of events that are looked for."""
        return self._value(of.root, of.path, called(events.calls))

    def with_value(self, events: EventMatcher, of: Field | None, numbers: bool = False) -> SqlText:
        """Say in SQL whether an event is one of these, and has a value for an aggregate."""
        matching = self.matching(events)
        if of is None:
            return matching
        value = self.value(events, of)
        if numbers:
            return self._columns(sql("{0} AND {1}.1 = 2", matching, value))
        return self._columns(sql(f"{{0}} AND {_IS_SCALAR.format('{1}')}", matching, value))

    def members(self, events: EventMatcher, of: Field) -> SqlText:
        """Return the tuples of the values in the list there, each once, in order; a scalar is a list of one."""
        raw, value = self._raw(of.root, of.path, called(events.calls)), self.value(events, of)
        listed = sql(
            f"if(startsWith({{0}}, '['), arrayMap(x -> value_of(x, {of.root}), JSONExtractArrayRaw({{0}})), [{{1}}])",
            raw,
            value,
        )
        scalars = sql(f"arrayFilter(x -> {_IS_SCALAR.format('x')}, {{0}})", listed)
        return self._columns(sql(f"arraySlice(arraySort(arrayDistinct({{0}})), 1, {MAX_DISTINCT})", scalars))

    def trait(self, path: Path) -> tuple[SqlText, SqlText]:
        """Return the tuple of the value at a path of sent traits, and whether an event writes its first name."""
        calls = "type = 'identify'"
        written = self._raw("traits", path[:1], calls)
        is_written = self._columns(sql(f"{{0}} != '' AND length({{0}}) <= {MAX_TRAIT_BYTES}", written))
        return self._value("traits", path, calls), is_written

    def column(self, expression: SqlText) -> SqlText:
        """Name an expression over events."""
        return self._columns(expression)

    def selected(self, source: str) -> str:
        """Return a query for the columns of the source and all that were asked for."""
        documents = ", ".join(
            f"{_raw_text(root, path, gates)} AS {name}" for (root, path), (name, gates) in self._documents.items()
        )
        return self._columns.selected(f"SELECT *, {documents}\nFROM (\n{source}\n)" if documents else source)

    def _value(self, root: Root, path: Path, condition: str) -> SqlText:
        return self._columns(sql("value_of({0}, {1})", self._raw(root, path, condition), root))

    def _raw(self, root: Root, path: Path, condition: str) -> SqlText:
        name, gates = self._documents.setdefault((root, path), (f"d{len(self._documents)}", {}))
        gates[condition] = None
        return SqlText(name)


def priority_of(priorities: Mapping[str, int]) -> SqlText:
    """Return the rank of an event's source among writes of one time."""
    ranked = {source: priority for source, priority in priorities.items() if priority}
    if not ranked:
        return SqlText("0")
    sources = f"[{', '.join(map(literal, ranked))}]"
    return SqlText(f"transform(source, {sources}, {list(ranked.values())}::Array(Int64), 0::Int64)")


def _in_period(period: Period) -> list[SqlText]:
    since = [] if period.since is None else [SqlText(f"at >= {period.since}")]
    return since if period.before is None else [*since, SqlText(f"at < {period.before}")]


def called(calls: tuple[Call, ...]) -> str:
    """Return the condition on `type` and `name` of these calls."""
    alternatives = [
        " AND ".join(
            [
                *([] if call.type is None else [f"type = {literal(call.type)}"]),
                *([] if call.name is None else [f"ifNull(name = {literal(call.name)}, 0)"]),
            ]
        )
        for call in calls
    ]
    if not alternatives or "" in alternatives:
        return _ALWAYS
    return f"({' OR '.join(f'({each})' for each in alternatives)})"


def _raw_text(root: Root, path: Path, gates: dict[str, None]) -> str:
    raw = f"JSONExtractRaw({root}, {', '.join(map(literal, path))})"
    if _ALWAYS in gates:
        return raw
    return f"if({' OR '.join(gates)}, {raw}, '')"
