"""What the rebuilder asks ClickHouse: the events that claims may hold, in order of time, and the sessions of a profile.

Every failure is worth another try: the tables may not be there yet, and nothing is written.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import httpx

from runtime.errors import TransientError
from schemas.records import Identifier
from settings import host_and_port
from warehouse.rowbinary import Reader, Truncated

PAGE_ROWS = 20_000
LEAST_PAGE_ROWS = 500
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 300.0
_PIECE_BYTES = 256 * 1024
_MAX_QUERY_BYTES = 8_000_000
SLICE_BYTES = 4_000_000  # of values in one question: a profile may have any number of identifiers of 512 characters
SLICE_VALUES = 40_000
_TOO_LARGE = frozenset({"241", "396"})  # MEMORY_LIMIT_EXCEEDED, TOO_MANY_ROWS_OR_BYTES

# `place` is where the event lies on events.resolved, as its version says: offset << 10 | partition.
_EVENTS = """
SELECT toUnixTimestamp64Milli(occurred_at) AS at, bitNot(version) AS place,
       identifiers.namespace, identifiers.value, body
FROM onefold.events FINAL
WHERE workspace = {workspace} AND hasAny(identifiers.value, {values})
  AND bitShiftRight(bitNot(version), 10) < arrayElement({cut}, bitAnd(bitNot(version), 1023) + 1)
  AND (occurred_at > fromUnixTimestamp64Milli({at}) OR (at = {at} AND place > {place}))
ORDER BY at, place
LIMIT {limit}
FORMAT RowBinary
"""
_SESSIONS = """
SELECT session_id, version FROM onefold.sessions FINAL
WHERE workspace = {workspace} AND has({profile_ids}, profile_id)
ORDER BY session_id
FORMAT RowBinary
"""
_VERSION = """
SELECT max(version) FROM onefold.profiles WHERE workspace = {workspace} AND profile_id = {profile_id}
FORMAT RowBinary
"""
_PARAMETERS = {
    "wait_end_of_query": "1",  # an error comes as an error, not behind half of the rows
    "max_query_size": str(_MAX_QUERY_BYTES),
}
_LEAST_TIME = -62_135_596_800_000  # year 1; what ClickHouse cannot hold it has cut off

logger = logging.getLogger(__name__)


class Row(NamedTuple):
    """An event: when, where on events.resolved, by whom, and its accepted bytes."""

    occurred_at: int
    partition: int
    offset: int
    identifiers: tuple[Identifier, ...]
    body: bytes


class Published(NamedTuple):
    """Ids of sessions, open or closed, and the highest version of them and of the profile."""

    sessions: tuple[str, ...]
    version: int


class Warehouse:
    """One ClickHouse, for one thread. Connects with the first question."""

    def __init__(self, url: str) -> None:
        self._place = host_and_port(url)
        timeout = httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self._client = httpx.Client(base_url=url, timeout=timeout)
        self._page_rows = PAGE_ROWS

    def events(self, workspace: str, values: Sequence[str], cut: Sequence[int], after: Row | None) -> Iterator[Row]:
        """A page of events with any of these values among their identifiers, from before the cut, behind `after`.

        The values are one of `slices`. Ordered by time and place, nothing once there are no more. Raises
        TransientError, also in the midst of the rows: go on behind the last one.
        """
        query = _EVENTS.format(
            workspace=quoted(workspace),
            values=_listed(values),
            cut=f"[{', '.join(map(str, cut))}]::Array(UInt64)",
            at=max(after.occurred_at, _LEAST_TIME) if after else _LEAST_TIME,
            place=after.offset << 10 | after.partition if after else 0,
            limit=self._page_rows,
        )
        with self._answer(query) as reader:
            while not reader.is_at_end():
                yield _row(reader)

    def published(self, workspace: str, profile_ids: Sequence[str]) -> Published:
        """What was published of the first profile, and of sessions of all these. Raises TransientError."""
        sessions = []
        with self._answer(_VERSION.format(workspace=quoted(workspace), profile_id=quoted(profile_ids[0]))) as reader:
            version = reader.uint64()
        for some in slices(profile_ids):
            with self._answer(_SESSIONS.format(workspace=quoted(workspace), profile_ids=_listed(some))) as reader:
                while not reader.is_at_end():
                    sessions.append(reader.string().decode(errors="replace"))
                    version = max(version, reader.uint64())
        return Published(tuple(sessions), version)

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _answer(self, query: str) -> Iterator[Reader]:
        try:
            with self._client.stream("POST", "/", params=_PARAMETERS, content=query.encode()) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise self._refusal(answer)
                yield Reader(answer.iter_bytes(_PIECE_BYTES))
        except httpx.HTTPError as error:
            raise TransientError(f"ClickHouse at {self._place} does not answer: {error!r}") from error
        except Truncated:
            raise TransientError(f"ClickHouse at {self._place} broke off its answer") from None

    def _refusal(self, answer: httpx.Response) -> TransientError:
        code = answer.headers.get("x-clickhouse-exception-code")
        if code in _TOO_LARGE and self._page_rows > LEAST_PAGE_ROWS:
            self._page_rows = max(self._page_rows // 2, LEAST_PAGE_ROWS)
            logger.info("asking for %d events at a time from now on", self._page_rows)
        text = " ".join(answer.read().decode(errors="replace").split())[:300]
        return TransientError(f"ClickHouse at {self._place}: {text}")


def quoted(text: str) -> str:
    """A string literal of ClickHouse's SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def slices(values: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """The values in order, as many at once as a question takes."""
    gathered: list[str] = []
    size = 0
    for value in values:
        own = len(quoted(value).encode())
        if gathered and (size + own > SLICE_BYTES or len(gathered) == SLICE_VALUES):
            yield tuple(gathered)
            gathered, size = [], 0
        gathered.append(value)
        size += own
    if gathered:
        yield tuple(gathered)


def _listed(values: Iterable[str]) -> str:
    return f"[{','.join(map(quoted, values))}]::Array(String)"


def _row(reader: Reader) -> Row:
    occurred_at, place = reader.int64(), reader.uint64()
    namespaces, values = reader.strings(), reader.strings()
    identifiers = tuple(map(Identifier, namespaces, values))
    return Row(occurred_at, place & 1023, place >> 10, identifiers, reader.string())
