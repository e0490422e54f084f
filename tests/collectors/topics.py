"""Read what a test has written to a topic."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, NamedTuple, Self, TypeVar

import msgspec
from confluent_kafka import Consumer, TopicPartition

from schemas.codec import Codec
from schemas.registry import Registry
from settings import Settings

Record = TypeVar("Record", bound=msgspec.Struct)

DEADLINE_S = 30.0


class Written(NamedTuple, Generic[Record]):
    key: bytes | None
    partition: int
    record: Record


class TopicReader(Generic[Record]):
    """Reads a topic from where it ended when the reader was made."""

    def __init__(self, settings: Settings, topic: str, record: type[Record]) -> None:
        self._codec = Codec(Registry(settings.registry))
        self._record = record
        self._consumer = Consumer(
            {"bootstrap.servers": settings.kafka, "group.id": "test", "enable.auto.commit": False}
        )
        partitions = self._consumer.list_topics(topic, timeout=10).topics[topic].partitions
        positions = [TopicPartition(topic, number) for number in partitions]
        for position in positions:
            position.offset = self._consumer.get_watermark_offsets(position, timeout=10)[1]
        self._consumer.assign(positions)
        self.records: list[Written[Record]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def read_until(self, is_complete: Callable[[list[Record]], bool]) -> list[Record]:
        """All records so far, as soon as they are complete. Fails after half a minute."""
        deadline = time.monotonic() + DEADLINE_S
        while not is_complete(found := [written.record for written in self.records]):
            assert time.monotonic() < deadline, f"only {len(found)} records came"
            for message in self._consumer.consume(500, timeout=0.2):
                assert message.error() is None
                partition = message.partition()
                assert partition is not None
                self.records.append(
                    Written(message.key(), partition, self._codec.decode(self._record, message.value()))
                )
        return found

    def read(self, count: int) -> list[Record]:
        """The first `count` records or more."""
        return self.read_until(lambda records: len(records) >= count)
