"""A fetcher: one partition of one topic, fetched ahead within bounds, record batches packed as they lie there.

librdkafka would unpack whatever a fetch brings before anybody sees it; aiokafka's client hands out the bytes. Transient
errors are waited out with a new connection. Leaves what is in a record batch to `streams.transport.batches`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    CorruptRecordException,
    IncompatibleBrokerVersion,
    KafkaError,
    LeaderNotAvailableError,
    NoError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition

from streams.phases import Record, RefusedRecord
from streams.transport.batches import CommittedBatches, RecordBatch, records, split

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 10_000
WAIT_MS = 500  # an answer comes as soon as there is a record
FETCHED_BYTES = 2 * 1024 * 1024  # by one request; the next batch is fetched however large it is
QUEUED_BYTES = 4 * 1024 * 1024  # packed, after which nothing more is fetched ahead
_HEADER_BYTES = 100  # about what one takes in memory, whatever it holds
_FIRST_BACKOFF_S, _LAST_BACKOFF_S = 0.05, 1.0
_READ_COMMITTED = 1
# As the Java client: whatever else a broker answers may pass.
_TERMINAL = (CorruptRecordException, IncompatibleBrokerVersion, TopicAuthorizationFailedError)
_EARLIEST = -2
_WITH_PREFERRED_REPLICA = 11


class Budget:
    """Bounds what is taken at once. The last record may exceed it in bytes, as it is taken whole."""

    def __init__(self, records: int, size: int) -> None:
        self._records = records
        self._bytes = size

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self._records <= 0 or self._bytes <= 0

    def spend(self, record: Record) -> bool:
        """Count a record, with what its headers take in memory; whether nothing is left."""
        self._records -= 1
        self._bytes -= len(record.value or b"") + len(record.key or b"") + _HEADER_BYTES * len(record.headers)
        return self.is_spent

    def use_up(self) -> None:
        """Leave nothing."""
        self._records = 0


class _Queued(NamedTuple):
    """A record batch, None where nothing of it is to be read, and the position behind it."""

    batch: RecordBatch | None
    behind: int


class Fetcher:
    """Used in one event loop. `on_news` is called when there is something to take, or a position to go on at."""

    def __init__(
        self, kafka: str, topic: str, partition: int, position: int | None, on_news: Callable[[], None]
    ) -> None:
        self.topic = topic
        self.end = 0
        """Behind the last record, as the broker last reported it; 0 where it has not yet."""
        self.position = position
        """Where to go on behind what was taken; None until the start is known."""
        self._kafka = kafka
        self._partition = TopicPartition(topic, partition)
        self._on_news = on_news
        self._next = position  # to be fetched
        self._queue: deque[_Queued] = deque()
        self._queued_bytes = 0
        self._has_room = asyncio.Event()
        self._unread: Iterator[Record | RefusedRecord] = iter(())
        self._behind_unread: int | None = None

    # -- out

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to take, as far as can be seen without unpacking."""
        return not self._queue and self._behind_unread is None

    def take(self, budget: Budget, most: int, taken: list[Record], refused: list[RefusedRecord]) -> None:
        """Add the next records, as far as they are there and the budget goes, at most so many.

        A refused record uses it up: finding that out has taken some time, in which nothing else was done.
        """
        while not (self.is_empty or budget.is_spent):
            for item in self._unread:
                if isinstance(item, RefusedRecord):
                    refused.append(item)
                    budget.use_up()
                else:
                    taken.append(item)
                    self.position = item.offset + 1
                    most -= 1
                    if budget.spend(item) or not most:
                        return
            self._open_next()

    def _open_next(self) -> None:
        """Leave the batch that was read through, if any, and begin with the next one, if any."""
        if self._behind_unread is not None:
            self.position, self._behind_unread = self._behind_unread, None
        if self._queue:
            batch, self._behind_unread = self._queue.popleft()
            self._queued_bytes -= _size(batch)
            self._has_room.set()
            self._unread = (
                iter(()) if batch is None else records(self.topic, self._partition.partition, batch, self.position or 0)
            )

    # -- in

    async def run(self) -> None:
        """Fetch until cancelled. Raises what the broker refuses for good."""
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                async with _connected(self._kafka, self.topic) as client:
                    while True:
                        await self._fetch(client)
                        backoff_s = _FIRST_BACKOFF_S
            except _TERMINAL:
                raise
            except (KafkaError, OSError, TimeoutError) as error:
                if backoff_s == _FIRST_BACKOFF_S:
                    log.warning("%s-%d cannot be fetched and is tried again: %r", *self._partition, error)
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _LAST_BACKOFF_S)

    async def _fetch(self, client: AIOKafkaClient) -> None:
        while self._queued_bytes >= QUEUED_BYTES:
            self._has_room.clear()
            await self._has_room.wait()
        if self._next is None:
            await self._find_start(client)
            return
        partitions = [(self._partition.partition, self._next, FETCHED_BYTES)]
        request = FetchRequest(WAIT_MS, 1, FETCHED_BYTES, _READ_COMMITTED, [(self.topic, partitions)])
        response = await client.send(self._leader(client), request)
        ((_, (answer,)),) = response.topics
        _, code, end, *rest = answer
        if for_code(code) is OffsetOutOfRangeError:
            log.warning("%s-%d: offset %d is gone; going on at the first that is left", *self._partition, self._next)
            self._next = None
            return
        _check(code, self._partition)
        self.end = max(end, 0)
        self._add(rest[-1], aborted=rest[-3 if response.API_VERSION >= _WITH_PREFERRED_REPLICA else -2])

    def _add(self, fetched: bytes, aborted: Iterable[tuple[int, int]] | None) -> None:
        committed = CommittedBatches(aborted)
        for batch in split(fetched):
            is_wanted = committed.has(batch) and batch.last >= (self._next or 0)
            self._next = max(self._next or 0, batch.last + 1)
            self._queue.append(_Queued(batch if is_wanted else None, self._next))
            self._queued_bytes += _size(batch if is_wanted else None)
        if not self.is_empty:
            self._on_news()

    async def _find_start(self, client: AIOKafkaClient) -> None:
        """Begin with the first record that there still is. Whatever was fetched before is taken first."""
        request = OffsetRequest(-1, _READ_COMMITTED, [(self.topic, [(self._partition.partition, _EARLIEST)])])
        response = await client.send(self._leader(client), request)
        ((_, ((_, code, *_, start),)),) = response.topics
        _check(code, self._partition)
        self._next = start
        self._queue.append(_Queued(None, start))
        self._on_news()

    def _leader(self, client: AIOKafkaClient) -> int:
        leader: int | None = client.cluster.leader_for_partition(self._partition)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError(f"{self.topic}-{self._partition.partition} has no leader")
        return leader


@asynccontextmanager
async def _connected(kafka: str, topic: str) -> AsyncIterator[AIOKafkaClient]:
    client = AIOKafkaClient(bootstrap_servers=kafka, client_id="onefold-reader", request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await client.bootstrap()
        await client.set_topics([topic])
        yield client
    finally:
        await client.close()


def _check(code: int, partition: TopicPartition) -> None:
    error = for_code(code)
    if error is not NoError:
        raise error(f"{partition.topic}-{partition.partition}")


def _size(batch: RecordBatch | None) -> int:
    return 0 if batch is None else len(batch.packed)
