"""Reads what became of deliveries: attempts by destination, outcome, reason, time and person, and one delivery whole.

A change has one fate at a destination: that of the attempt that came last, under whichever mapping.
"""

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, cast

import msgspec

from schemas.records import DeliveryOutcome
from warehouse.client import Warehouse
from warehouse.queries.rows import converted
from warehouse.queries.segments import FIRST_MS, LAST_MS, Page
from warehouse.queries.values import literals

ReplayedOutcome = Literal["refused", "suppressed"]
"""What keeps its activation, and so can be replayed."""

_SHOWN = """delivery_id, destination, kind, name, change, activation_id, profile_id, profile_kind, happened_at, attempt,
       outcome, reason, detail, attempted_at, took_ms, due_at, status"""
_ORDER = "toUnixTimestamp64Milli(attempted_at), delivery_id, attempt, outcome"
_DESCENDING = "attempted_at DESC, delivery_id DESC, attempt DESC, outcome DESC"
# Which rows are on the page is found in narrow columns: texts are read of these rows alone.
_PAGE = f"""
SELECT {_SHOWN}
FROM onefold.deliveries FINAL
WHERE workspace = {{{{workspace:String}}}}
  AND (destination, attempted_at, delivery_id, attempt, outcome) IN (
    SELECT destination, attempted_at, delivery_id, attempt, outcome FROM onefold.deliveries FINAL
    WHERE {{conditions}}
      AND ({_ORDER}) < ({{{{before:Int64}}}}, {{{{delivery_id:String}}}}, {{{{attempt:Int64}}}}, {{{{ending:String}}}})
    ORDER BY {_DESCENDING} LIMIT {{{{limit:UInt32}}}})
ORDER BY {_DESCENDING}
"""
_OF_DELIVERY = f"""
SELECT {_SHOWN}, request, answer, mapping, version, kept_as
FROM onefold.deliveries FINAL
WHERE workspace = {{workspace:String}} AND (delivery_id = {{id:String}} OR activation_id = {{id:String}})
ORDER BY attempted_at, attempt, outcome, destination
LIMIT 1000
"""
# The last attempt of each change at a destination, whatever the mapping was and the destination was called.
_FATES = """
SELECT kept_as, activation_id, argMax({last}, (attempted_at, attempt, outcome)) AS last
FROM onefold.deliveries
WHERE {conditions} AND (kept_as = {{kept_as:String}} OR kept_as IN (
    SELECT kept_as FROM onefold.deliveries
    WHERE workspace = {{workspace:String}} AND destination = {{destination:String}}))
GROUP BY kept_as, activation_id
"""
_LAST = """(delivery_id, toUnixTimestamp64Milli(happened_at), attempt, toUnixTimestamp64Milli(attempted_at), mapping,
    version, base64Encode(ifNull(activation, '')), outcome, reason)"""
_REPLAYABLE = """
SELECT last.1 AS delivery_id, last.3 AS attempt, last.4 AS attempted_at, last.5 AS mapping, last.7 AS activation,
       kept_as
FROM ({fates})
WHERE last.8 = {{outcome:String}} AND last.7 != '' AND last.4 >= {{since:Int64}} AND last.4 < {{until:Int64}}
  AND ({{reason:String}} = '' OR last.9 = {{reason:String}})
ORDER BY last.2, last.6, activation_id
"""


class ChosenAttempts(msgspec.Struct, frozen=True):
    """Which attempts are meant; what is empty or None leaves nothing out. Times in ms: from `since`, before `until`.

    `former_names`: what the destination was called before; attempts under those are its own. `kept_as`: the first name
    of the destination that is replayed, under whose other names there may be no attempt yet.
    """

    destination: str = ""
    former_names: tuple[str, ...] = ()
    outcome: DeliveryOutcome | None = None
    reason: str = ""
    since: int | None = None
    until: int | None = None
    profile_ids: tuple[str, ...] = ()
    kept_as: str = ""


class ShownAttempt(msgspec.Struct, frozen=True):
    """An attempt, or that something was not sent; times in ISO 8601."""

    delivery_id: str
    destination: str
    kind: str
    name: str
    change: str
    activation_id: str
    profile_id: str
    profile_kind: str
    happened_at: str
    attempt: int
    outcome: DeliveryOutcome
    reason: str
    detail: str
    attempted_at: str
    took_ms: int
    due_at: str | None
    status: int | None


class WholeAttempt(ShownAttempt, frozen=True):
    """An attempt with what was sent and answered; `kept_as`: the destination's first name."""

    request: str
    answer: str
    mapping: str
    version: int
    kept_as: str


class Replayable(msgspec.Struct, frozen=True):
    """A delivery that can be put on its topic again; times in ms. `activation`: the record, as it was there."""

    delivery_id: str
    attempt: int
    attempted_at: int
    mapping: str
    activation: bytes
    kept_as: str


class DeliveryLog:
    """The deliveries of one workspace in one ClickHouse. Every method raises OnefoldError."""

    def __init__(self, warehouse: Warehouse, workspace: str) -> None:
        self._warehouse = warehouse
        self.workspace = workspace

    def attempts(self, chosen: ChosenAttempts, limit: int, cursor: str = "") -> Page[ShownAttempt]:
        """Find attempts, the latest first. ValueError: no such cursor."""
        before, delivery_id, attempt, ending = _read_cursor(cursor)
        query = _PAGE.format(conditions=_conditions(chosen))
        parameters = self._bound(chosen) | {
            "before": str(before),
            "delivery_id": delivery_id,
            "attempt": str(attempt),
            "ending": ending,
            "limit": str(limit + 1),
        }
        attempts = converted(self._warehouse.rows(query, parameters), ShownAttempt)
        return Page(attempts[:limit], _cursor(attempts[limit - 1]) if len(attempts) > limit else None)

    def whole(self, delivery_or_activation: str) -> list[WholeAttempt]:
        """Find all attempts of a delivery, or of a change at all destinations, in order of time; 1,000 at most."""
        rows = self._warehouse.rows(_OF_DELIVERY, {"workspace": self.workspace, "id": delivery_or_activation})
        return converted(rows, WholeAttempt)

    def replayable_count(self, chosen: ChosenAttempts) -> int:
        """Count what `replayable` yields."""
        query = f"SELECT count() AS number FROM ({_replayable(chosen)})"
        (row,) = self._warehouse.rows(query, self._bound(chosen))
        return cast("int", row["number"])

    def replayable(self, chosen: ChosenAttempts, at_once: int) -> Iterator[list[Replayable]]:
        """Yield what has ended as `chosen` says, and not otherwise since; in order of time, so many at once.

        `chosen` names a destination, by whichever of its names there are attempts under, and an outcome; its times are
        those of the last attempt.
        """
        settings = {"max_block_size": str(at_once)}
        for batch in self._warehouse.stream(_replayable(chosen), self._bound(chosen), settings):
            rows = batch.to_pylist()
            for start in range(0, len(rows), at_once):
                yield [Replayable(**_with_bytes(row)) for row in rows[start : start + at_once]]

    def destinations(self) -> list[str]:
        """Return the destinations of which there are deliveries."""
        query = "SELECT DISTINCT toString(destination) AS name FROM onefold.deliveries WHERE workspace = {w:String}"
        return sorted(str(row["name"]) for row in self._warehouse.rows(query, {"w": self.workspace}))

    def _bound(self, chosen: ChosenAttempts) -> dict[str, str]:
        return {
            "workspace": self.workspace,
            "destination": chosen.destination,
            "kept_as": chosen.kept_as,
            "outcome": chosen.outcome or "",
            "reason": chosen.reason,
            "since": str(_within(chosen.since, FIRST_MS)),
            "until": str(_within(chosen.until, LAST_MS)),
        }


def _replayable(chosen: ChosenAttempts) -> str:
    of_whom = ChosenAttempts(profile_ids=chosen.profile_ids)
    return _REPLAYABLE.format(fates=_FATES.format(last=_LAST, conditions=_conditions(of_whom)))


def _with_bytes(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"activation": base64.b64decode(row["activation"])}


def _conditions(chosen: ChosenAttempts) -> str:
    conditions = ["workspace = {workspace:String}"]
    if chosen.destination:
        conditions.append(f"destination IN {literals((chosen.destination, *chosen.former_names))}")
    if chosen.outcome:
        conditions.append("outcome = {outcome:String}")
    if chosen.reason:
        conditions.append("reason = {reason:String}")
    if chosen.since is not None:
        conditions.append("attempted_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')")
    if chosen.until is not None:
        conditions.append("attempted_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')")
    if chosen.profile_ids:
        conditions.append(f"profile_id IN {literals(chosen.profile_ids)}")
    return " AND ".join(conditions)


def _within(time_ms: int | None, otherwise: int) -> int:
    return otherwise if time_ms is None else min(max(time_ms, FIRST_MS), LAST_MS)


_BEFORE_ALL = (LAST_MS, "", 0, "")


def _cursor(last: ShownAttempt) -> str:
    time = datetime.fromisoformat(last.attempted_at)
    return f"{round(time.timestamp() * 1_000)}.{last.attempt}.{last.outcome}.{last.delivery_id}"


def _read_cursor(cursor: str) -> tuple[int, str, int, str]:
    if not cursor:
        return _BEFORE_ALL
    time, attempt, outcome, delivery_id = cursor.split(".", 3)
    return _within(int(time), LAST_MS), delivery_id, min(max(int(attempt), 0), 2**62), outcome
