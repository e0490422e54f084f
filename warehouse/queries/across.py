"""Counts the events of all profiles together, by value, for triggers across persons (docs/decisions/0041).

A query reads the hours and names that it needs. Whether all has come by the tick is the caller's matter.
"""

import json
from math import isfinite
from typing import NamedTuple, cast

import msgspec

from definitions.across import (
    Course,
    Memory,
    Usuals,
    at_or_before,
    decoded_value,
    evaluate,
    meaning_of,
    tick_ms,
    usual_until,
)
from definitions.across.numbers import Spans, spans_of
from definitions.model import AcrossTrigger, Scalar
from definitions.sql.across import AcrossQuery, Between
from warehouse.client import Warehouse
from warehouse.queries.values import literal

MOST_VALUES = 10_000
"""Of more values that reach `at_least` in a range of ticks those count that have the largest numbers at any of them."""
MOST_USUAL_VALUES = 100_000

_COLUMNS = """toUnixTimestamp64Milli(occurred_at) AS at, profile_id, type, event AS name, source,
    properties_text AS properties, traits_text AS traits, context_text AS context"""
_WHERE = """workspace = {workspace} AND profile_kind != 'account' AND {names}
    AND occurred_at > fromUnixTimestamp64Milli({after}) AND occurred_at <= fromUnixTimestamp64Milli({until})"""
# Whose an event is now is looked up where people are counted, and nowhere else: the join costs more than the count.
_EVENTS = f"""SELECT {_COLUMNS} FROM onefold.raw_events FINAL WHERE {_WHERE}
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final_exact_mode = 0"""
_OF_PEOPLE = f"SELECT {_COLUMNS} FROM onefold.current_events WHERE {_WHERE}"
# Rows that are replaced or left out count here as well, so there are no fewer. It costs a tenth of counting by value.
_ROWS = f"SELECT count() AS number FROM onefold.raw_events WHERE {_WHERE} SETTINGS final = 0"
_FIRST_EVENT = """
SELECT toUnixTimestamp64Milli(min(occurred_at)) AS at, count() AS events FROM onefold.raw_events
WHERE workspace = {workspace:String} AND intDiv(toUnixTimestamp64Milli(occurred_at), 3600000) = (
    SELECT intDiv(toUnixTimestamp64Milli(occurred_at), 3600000) AS hour FROM onefold.raw_events
    WHERE workspace = {workspace:String} ORDER BY workspace, hour LIMIT 1)
SETTINGS final = 0
"""
_LATEST_EVENT = """
SELECT toUnixTimestamp64Milli(max(occurred_at)) AS at, count() AS events FROM onefold.raw_events
WHERE workspace = {workspace:String} AND received_at <= fromUnixTimestamp64Milli({received:Int64})
SETTINGS final = 0
"""
_FIRED = """
SELECT fired_at, across AS value, payload_text AS payload FROM onefold.triggers FINAL
WHERE workspace = {workspace:String} AND trigger = {trigger:String} AND profile_id = ''
ORDER BY fired_at DESC, value LIMIT 10
"""
_EXACT = 2**53
_FOR_EVER = 4_102_444_800_000  # the year 2100


class TriggerTicks(NamedTuple):
    """A trigger in a workspace, at the ticks from `first` to `last` (ms)."""

    trigger: AcrossTrigger
    workspace: str
    first: int
    last: int


def find_numbers(warehouse: Warehouse, ticks: TriggerTicks, at_least: int, most: int = MOST_VALUES) -> Spans:
    """Count what lies in the windows, of values of which at least so many count at some of the ticks."""
    query = AcrossQuery(ticks.trigger, ticks.first, ticks.last)
    return _spans(warehouse, query.numbers(_source(ticks, query, query.window), at_least, most))


def find_usuals(warehouse: Warehouse, ticks: TriggerTicks) -> Usuals | None:
    """Find what is usual at the ticks; None if the trigger does not compare with it."""
    usual = ticks.trigger.exceeds
    if usual is None:
        return None
    query = AcrossQuery(ticks.trigger, ticks.first, ticks.last)
    spans = _spans(warehouse, query.usual_numbers(_source(ticks, query, query.period), MOST_USUAL_VALUES))
    return Usuals(ticks.trigger, usual, spans, first_event_at(warehouse, ticks.workspace))


class UsualsKept:
    """The usual of each trigger, as long as it is of the same period, so that a tick does not read the past anew."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[tuple[str, int, int], Usuals]] = {}

    def find(self, warehouse: Warehouse, ticks: TriggerTicks) -> Usuals | None:
        """Return what is usual at the ticks, as `find_usuals` does."""
        trigger, usual = ticks.trigger, ticks.trigger.exceeds
        if usual is None:
            return None
        first, last = (usual_until(trigger, usual, tick) for tick in (ticks.first, ticks.last))
        period, key = (meaning_of(trigger), first, last), (ticks.workspace, trigger.name)
        kept_of, kept = self._kept.get(key, (None, None))
        if kept is None or kept_of != period:
            kept = find_usuals(warehouse, ticks)
            assert kept is not None
            self._kept[key] = period, kept
        return kept


def find_firings(
    warehouse: Warehouse,
    ticks: TriggerTicks,
    memory: Memory | None,
    *,
    fires_from: int | None = 0,
    kept: UsualsKept | None = None,
) -> Course:
    """Evaluate a range of ticks, of whatever the warehouse has now; see `evaluate`.

    A range of too many values is queried by halves, down to the length of the window: shorter ones have hardly fewer.
    """
    trigger, first, last = ticks.trigger, ticks.first, ticks.last
    kept = kept or UsualsKept()
    spans = find_numbers(warehouse, ticks, trigger.at_least, MOST_VALUES) if _may_hold(warehouse, ticks) else {}
    if len(spans) < MOST_VALUES or last - first <= trigger.within_ms:
        usuals = kept.find(warehouse, ticks) if spans else None
        return evaluate(trigger, memory, first, last, spans, usuals, fires_from=fires_from)
    step = tick_ms(trigger)
    middle = first + at_or_before((last - first) // 2, step)
    earlier = ticks._replace(last=middle)
    begun = find_firings(warehouse, earlier, memory, fires_from=fires_from, kept=kept)
    later = ticks._replace(first=middle + step)
    ended = find_firings(warehouse, later, begun.memory, fires_from=fires_from, kept=kept)
    return Course(begun.firings + ended.firings, ended.memory)


def first_event_at(warehouse: Warehouse, workspace: str) -> int | None:
    """Find when (ms) the first event of a workspace was; None if there is none."""
    return _time(warehouse, _FIRST_EVENT, {"workspace": workspace})


def latest_event_at(warehouse: Warehouse, workspace: str, received: int | None = None) -> int | None:
    """Find when (ms) the latest event was, of those received by a time or of all; None if there is none."""
    until = str(_FOR_EVER if received is None else received)
    return _time(warehouse, _LATEST_EVENT, {"workspace": workspace, "received": until})


class PastFiring(msgspec.Struct, frozen=True):
    """When a trigger fired (ISO 8601), for which value (None: all events together), and with what."""

    fired_at: str
    value: Scalar | None
    payload: object


def past_firings(warehouse: Warehouse, workspace: str, trigger: str) -> list[PastFiring]:
    """Find the last ten times that a trigger across persons fired, newest first."""
    rows = warehouse.rows(_FIRED, {"workspace": workspace, "trigger": trigger})
    return [
        PastFiring(str(row["fired_at"]), decoded_value(str(row["value"])), json.loads(str(row["payload"])))
        for row in rows
    ]


def _may_hold(warehouse: Warehouse, ticks: TriggerTicks) -> bool:
    """Return whether there are enough events of the right names at all: mostly there are not."""
    query = AcrossQuery(ticks.trigger, ticks.first, ticks.last)
    (row,) = warehouse.rows(_filled(_ROWS, ticks, query, query.window))
    return cast("int", row["number"]) >= ticks.trigger.at_least


def _source(ticks: TriggerTicks, query: AcrossQuery, between: Between) -> str:
    return _filled(_OF_PEOPLE if ticks.trigger.counts == "people" else _EVENTS, ticks, query, between)


def _filled(query_text: str, ticks: TriggerTicks, query: AcrossQuery, between: Between) -> str:
    return query_text.format(
        workspace=literal(ticks.workspace), names=query.names(), after=between.after, until=between.until
    )


def _spans(warehouse: Warehouse, query: str) -> Spans:
    return spans_of(
        (_value(row["kind"], row["number"], row["text"]), span["1"], span["2"], span["3"])
        for batch in warehouse.stream(query)
        for row in batch.to_pylist()
        if isfinite(row["number"])  # no JSON says others
        for span in row["spans"]
    )


def _value(kind: int, number: float, text: str) -> str:
    """A value as JSON text; a whole number without a decimal point, as long as it has no more digits than it says."""
    match kind:
        case 0:
            return ""
        case 1:
            return json.dumps(text, ensure_ascii=False)
        case 2:
            return json.dumps(int(number) if number.is_integer() and abs(number) < _EXACT else number)
        case _:
            return json.dumps(bool(number))


def _time(warehouse: Warehouse, query: str, parameters: dict[str, str]) -> int | None:
    (row,) = warehouse.rows(query, parameters)
    return cast("int", row["at"]) if row["events"] else None
