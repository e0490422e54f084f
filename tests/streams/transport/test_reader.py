"""A reader on the real broker: what it delivers, where it goes on, and how much at once."""

import asyncio
import queue
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from embedded.stack import Stack
from streams.phases import FetchedBatch, Record, RefusedRecord
from streams.transport.reader import MAX_BYTES, MAX_RECORDS, BatchReader
from tests.streams.transport.bombs import GZIP, MB, batch, pack, put, record, zeros

pytestmark = pytest.mark.stack
WITHIN_S = 30.0

Result = TypeVar("Result")


class Reading:
    """A reader in an event loop of its own, whose every delivery is taken at once, or kept waiting."""

    def __init__(self, kafka: str, positions: Mapping[str, int | None]) -> None:
        self.fetched: queue.Queue[FetchedBatch] = queue.Queue()
        self.failures: list[BaseException] = []
        self.records: list[Record] = []
        self.refused: list[RefusedRecord] = []
        self.positions: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.reader = self._run(self._read(kafka, positions))

    async def _read(self, kafka: str, positions: Mapping[str, int | None]) -> BatchReader:
        return BatchReader(kafka, 0, positions, lambda _, batch: self.fetched.put(batch), self.failures.append)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    def close(self) -> None:
        """Stop the reader, and fail if it was not well."""
        self._run(self.reader.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        assert self.failures == []

    def next(self) -> FetchedBatch:
        """The next delivery, without which the test fails; the reader goes on."""
        fetched = self.fetched.get(timeout=WITHIN_S)
        self.records += fetched.records
        self.refused += fetched.refused
        self.positions |= fetched.positions
        self._loop.call_soon_threadsafe(self.reader.proceed)
        return fetched

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.next()


@contextmanager
def reading(kafka: str, **positions: int | None) -> Iterator[Reading]:
    """A reader of these topics from these positions."""
    begun = Reading(kafka, positions)
    try:
        yield begun
    finally:
        begun.close()


@pytest.fixture
def kafka(stack: Stack) -> str:
    return stack.settings.kafka


@pytest.fixture
def admin(kafka: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka})


@pytest.fixture
def make(admin: AdminClient) -> Callable[[], str]:
    """Create a topic of one partition."""

    def made() -> str:
        topic = f"read_{uuid.uuid4().hex[:8]}"
        (future,) = admin.create_topics([NewTopic(topic, 1, config={"max.message.bytes": "8000000"})]).values()
        future.result()
        return topic

    return made


@pytest.fixture
def topic(make: Callable[[], str]) -> str:
    return make()


def send(kafka: str, topic: str, values: Sequence[bytes], codec: str = "none") -> None:
    """As most producers do."""
    producer = Producer({"bootstrap.servers": kafka, "compression.type": codec, "linger.ms": 50})
    for value in values:
        producer.produce(topic, value, b"key", headers=[("name", b"content")])
    assert producer.flush(WITHIN_S) == 0


def values(records: Sequence[Record]) -> list[bytes | None]:
    return [record.value for record in records]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_of_honest_producers_arrive_whatever_the_codec(kafka: str, topic: str, codec: str) -> None:
    sent = [b"%d" % number * 50 for number in range(3_000)]
    send(kafka, topic, sent, codec)
    with reading(kafka, **{topic: None}) as begun:
        begun.until(lambda: len(begun.records) >= len(sent))
    assert values(begun.records) == sent
    assert begun.records[0] == Record(topic, 0, 0, b"key", sent[0], (("name", b"content"),))
    assert begun.positions == {topic: len(sent)}
    assert begun.reader.ends == {topic: len(sent)}


def test_of_an_empty_topic_the_start_is_delivered(kafka: str, topic: str) -> None:
    with reading(kafka, **{topic: None}) as begun:
        assert begun.next() == FetchedBatch([], {topic: 0}, [])


def test_only_committed_records_arrive_and_the_position_is_behind_the_markers(kafka: str, topic: str) -> None:
    producers = [Producer({"bootstrap.servers": kafka, "transactional.id": uuid.uuid4().hex}) for _ in range(2)]
    for producer in producers:
        producer.init_transactions(WITHIN_S)
    for number in range(6):
        for name, producer in zip(("a", "b"), producers, strict=True):
            producer.begin_transaction()
            producer.produce(topic, f"{name}{number}".encode())
            producer.flush(WITHIN_S)
        for half, producer in enumerate(producers):
            if number % 2 == half:
                producer.commit_transaction(WITHIN_S)
            else:
                producer.abort_transaction(WITHIN_S)
    with reading(kafka, **{topic: 0}) as begun:
        begun.until(lambda: begun.positions.get(topic) == 24)
    assert values(begun.records) == [b"a0", b"b1", b"a2", b"b3", b"a4", b"b5"]


def test_an_open_transaction_holds_the_reader_back(kafka: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": uuid.uuid4().hex})
    producer.init_transactions(WITHIN_S)
    producer.begin_transaction()
    producer.produce(topic, b"first")
    producer.flush(WITHIN_S)
    with reading(kafka, **{topic: None}) as begun:
        assert begun.next().positions == {topic: 0}
        producer.commit_transaction(WITHIN_S)
        begun.until(lambda: begun.positions[topic] == 2)
    assert values(begun.records) == [b"first"]


def test_reading_begins_in_the_middle_of_a_batch(kafka: str, topic: str) -> None:
    assert put(
        kafka, topic, 0, batch(pack(GZIP, [record(b"%d" % number, number) for number in range(5)]), GZIP, 5)
    ) == [0]
    with reading(kafka, **{topic: 3}) as begun:
        begun.until(lambda: begun.positions.get(topic) == 5)
    assert values(begun.records) == [b"3", b"4"]


def test_a_position_that_is_gone_leads_to_the_first_record_there_is(kafka: str, topic: str, admin: AdminClient) -> None:
    send(kafka, topic, [b"%d" % number for number in range(10)])
    (future,) = admin.delete_records([TopicPartition(topic, 0, 6)]).values()
    future.result()
    for position in (None, 2):
        with reading(kafka, **{topic: position}) as begun:
            begun.until(lambda begun=begun: begun.positions.get(topic) == 10)  # type: ignore[misc]
        assert values(begun.records) == [b"6", b"7", b"8", b"9"]


def test_a_bomb_is_delivered_as_refused_between_the_records_around_it(kafka: str, topic: str) -> None:
    send(kafka, topic, [b"before"])
    assert put(kafka, topic, 0, batch(pack(GZIP, zeros(200 * MB)), GZIP)) == [0]
    send(kafka, topic, [b"behind"])
    with reading(kafka, **{topic: None}) as begun:
        begun.until(lambda: begun.positions.get(topic) == 3)
    assert [(received.value, received.offset) for received in begun.records] == [(b"before", 0), (b"behind", 2)]
    assert [item.record.offset for item in begun.refused] == [1]


def test_a_delivery_is_bounded_in_records_and_in_bytes(kafka: str, topic: str) -> None:
    """Compressed they are next to nothing, so that all of them wait in the client."""
    many = batch(pack(GZIP, [record(b"", number) for number in range(3 * MAX_RECORDS)]), GZIP, 3 * MAX_RECORDS)
    large = batch(pack(GZIP, [record(bytes(MB), number) for number in range(25)]), GZIP, 25)
    assert put(kafka, topic, 0, many, large) == [0, 0]
    with reading(kafka, **{topic: 0}) as begun:
        while begun.positions.get(topic) != 3 * MAX_RECORDS + 25:
            fetched = begun.next()
            assert len(fetched.records) <= MAX_RECORDS
            assert sum(len(received.value or b"") for received in fetched.records) < MAX_BYTES + MB
    assert [received.offset for received in begun.records] == list(range(3 * MAX_RECORDS + 25))


def test_a_topic_with_a_backlog_does_not_keep_another_waiting(kafka: str, topic: str, make: Callable[[], str]) -> None:
    rare = make()
    assert put(
        kafka, topic, 0, batch(pack(GZIP, [record(b"", at) for at in range(20 * MAX_RECORDS)]), GZIP, 20 * MAX_RECORDS)
    ) == [0]
    send(kafka, rare, [b"rare"])
    with reading(kafka, **{topic: 0, rare: 0}) as begun:
        begun.until(lambda: rare in begun.positions and topic in begun.positions)
    assert begun.positions[topic] <= 4 * MAX_RECORDS


def test_a_topic_that_does_not_exist_yet_is_waited_for(kafka: str, admin: AdminClient) -> None:
    topic = f"read_{uuid.uuid4().hex[:8]}"
    with reading(kafka, **{topic: None}) as begun:
        with pytest.raises(queue.Empty):
            begun.fetched.get(timeout=1)
        (future,) = admin.create_topics([NewTopic(topic, 1)]).values()
        future.result()
        send(kafka, topic, [b"first"])
        begun.until(lambda: begun.positions.get(topic) == 1)
    assert values(begun.records) == [b"first"]


def test_nothing_is_delivered_before_the_reader_is_told_to_proceed_and_nothing_after_it_stops(
    kafka: str, topic: str
) -> None:
    send(kafka, topic, [b"first"])
    with reading(kafka, **{topic: 0}) as begun:
        begun.fetched.get(timeout=WITHIN_S)
        send(kafka, topic, [b"second"])
        with pytest.raises(queue.Empty):
            begun.fetched.get(timeout=1)
    assert begun.fetched.empty()
