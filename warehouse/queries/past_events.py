"""Finds what a rebuild needs of the past: the events that claims may hold, in order of time, and a profile's sessions.

A page that is too large for the server is followed by smaller ones, down to a bound.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from runtime.errors import TransientError
from schemas.records import Identifier
from warehouse import versions
from warehouse.client import Warehouse
from warehouse.errors import QueryTooLargeError
from warehouse.queries.retention import retained_since
from warehouse.queries.values import literal, literals, slices

if TYPE_CHECKING:
    import pyarrow as pa

PAGE_ROWS = 20_000
LEAST_PAGE_ROWS = 500
ANSWER_TIMEOUT_S = 300.0

# Events of one time are in the order in which they arrived, whatever was found out about them in between: of two that
# are the same event, every replay takes the same one. A row has no offset if an override was squashed into it or its
# profile has spoken of it. The second part sorts all its rows for each page, and so takes only those spoken of.
_ROW = """toUnixTimestamp64Milli(occurred_at) AS time,
           (toUnixTimestamp64Milli(received_at), ordinal,
            cityHash64(source, message_id, identifier_id, ifNull(event, ''))) AS sort_key,
           identifiers.namespace AS namespaces, identifiers.value AS values, body, is_repetition"""
# An account's row of an event is the same event once more.
_OF_VALUES = """workspace = {workspace} AND profile_kind != 'account'
      AND hasAny(identifiers.value, wanted) AND has(wanted, identifiers.value[1])
      AND occurred_at >= fromUnixTimestamp64Milli({time})"""
_EVENTS = f"""
WITH {{values}} AS wanted
SELECT time, sort_key.1 AS received, sort_key.2 AS arrival, sort_key.3 AS hash, namespaces, values, body, is_repetition
FROM
(
    SELECT {_ROW}
    FROM onefold.raw_events FINAL
    WHERE {_OF_VALUES} AND (isNull(offset) OR offset < arrayElement({{cut}}, partition + 1))
    UNION ALL
    SELECT {_ROW}
    FROM
    (
        SELECT *, body, identifier_id FROM onefold.raw_events
        WHERE {_OF_VALUES} AND version >= {versions.REPEATED}
        ORDER BY version DESC
        LIMIT 1 BY occurred_at, event, identifier_id, ordinal, source, message_id
    )
    WHERE is_repetition
)
WHERE time > {{time}} OR (time = {{time}} AND sort_key > {{sort_key}})
ORDER BY time, sort_key
LIMIT {{limit}}
SETTINGS final = 0, do_not_merge_across_partitions_select_final = 1
"""
_SESSIONS = """
SELECT session_id, version FROM onefold.sessions FINAL
WHERE workspace = {workspace} AND has({profile_ids}, profile_id)
ORDER BY session_id
"""
# With those that were retracted, by whichever profile: an id begins with that of the profile whose session it was.
_VERSION = """
SELECT greatest(
    (SELECT max(version) FROM onefold.profiles
     WHERE workspace = {workspace:String} AND profile_id = {profile_id:String}),
    (SELECT max(version) FROM onefold.sessions
     WHERE workspace = {workspace:String} AND startsWith(session_id, {profile_id:String}))
) AS version
SETTINGS final = 0
"""
_FIRST_SORT_KEY = (-(2**63), -(2**63), 0)
_LEAST_TIME = -62_135_596_800_000  # year 1; what ClickHouse cannot hold it has cut off

logger = logging.getLogger(__name__)


class PastEvent(NamedTuple):
    """An event: when, by whom, its accepted bytes, whether it counts as a repetition.

    `sort_key`: among equal times; the time of receipt, the ordinal, and a hash.
    """

    occurred_at: int
    sort_key: tuple[int, int, int]
    identifiers: tuple[Identifier, ...]
    body: bytes
    is_repetition: bool = False


class PublishedSessions(NamedTuple):
    """Ids of sessions, open or closed, and the highest version of the profile and of any session that it had or has."""

    sessions: tuple[str, ...]
    version: int


class PastEvents:
    """The past as one ClickHouse has it, for one thread."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._page_rows = PAGE_ROWS

    def page(
        self, workspace: str, values: Sequence[str], cut: Sequence[int], after: PastEvent | None
    ) -> Iterator[PastEvent]:
        """Yield a page of events with any of these values among their identifiers, from before the cut, behind `after`.

        The values are one of `slices`. Ordered by time and sort key, nothing once there are no more. Raises
        TransientError, also in the midst of the page: go on behind the last event; QueryTooLargeError once pages are
        as small as they get, and TerminalError.
        """
        query = _EVENTS.format(
            workspace=literal(workspace),
            values=literals(values),
            cut=f"[{', '.join(map(str, cut))}]::Array(UInt64)",
            time=max(after.occurred_at, _LEAST_TIME) if after else _LEAST_TIME,
            sort_key="({}, {}, {})".format(*(after.sort_key if after else _FIRST_SORT_KEY)),
            limit=self._page_rows,
        )
        with self._reading():
            for batch in self._warehouse.stream(query):
                yield from _events(batch)

    def published(self, workspace: str, profile_ids: Sequence[str]) -> PublishedSessions:
        """Find what was published of the first profile, and of sessions of all these. Raises as `page`."""
        sessions: list[str] = []
        with self._reading():
            (profile,) = self._warehouse.rows(_VERSION, {"workspace": workspace, "profile_id": profile_ids[0]})
            version = cast("int", profile["version"])
            for some in slices(profile_ids):
                query = _SESSIONS.format(workspace=literal(workspace), profile_ids=literals(some))
                for batch in self._warehouse.stream(query):
                    sessions += batch.column("session_id").to_pylist()
                    version = max(version, *batch.column("version").to_pylist())
        return PublishedSessions(tuple(sessions), version)

    def events_since(self, workspace: str) -> int | None:
        """Find from when on (ms) events are there; None if none were dropped. Raises as `page`."""
        with self._reading():
            return retained_since(self._warehouse, workspace).get("events")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except QueryTooLargeError as error:
            if self._page_rows == LEAST_PAGE_ROWS:
                raise
            self._page_rows = max(self._page_rows // 2, LEAST_PAGE_ROWS)
            logger.info("reading %d events at a time from now on", self._page_rows)
            raise TransientError(str(error)) from error


def _events(batch: "pa.RecordBatch") -> Iterator[PastEvent]:
    import pyarrow as pa

    times, received, ordinals, hashes, namespaces, values = (batch.column(number).to_pylist() for number in range(6))
    bodies, repetitions = batch.column(6).cast(pa.binary()).to_pylist(), batch.column(7).to_pylist()
    sort_keys = zip(received, ordinals, hashes, strict=True)
    rows = zip(times, sort_keys, namespaces, values, bodies, repetitions, strict=True)
    for time, sort_key, names, texts, body, is_repetition in rows:
        yield PastEvent(time, sort_key, tuple(map(Identifier, names, texts)), body, bool(is_repetition))
