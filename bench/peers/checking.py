"""What a run has come to, from the topics that it wrote, to be compared with the reference."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bench.peers.fold import change_checksum, count_checksum
from bench.peers.workload import PARTITIONS, Result


def result_of(kafka: str, output: str, noted: Iterable[Mapping[str, int]], stored: str | None) -> Result:
    """Return the result of a run that has ended. The counts are those that its processes have noted, or, where `stored`
    names Onefold's changelog, those in there: what a restart would find."""
    changes = change_sum = 0
    for _, value in _committed(kafka, output):
        changes += 1
        change_sum += change_checksum(json.loads(value))
    counts: dict[str, int] = {}
    for seen in noted if stored is None else [_stored(kafka, stored)]:
        for key, n in seen.items():
            counts[key] = max(n, counts.get(key, 0))
    return Result(changes, change_sum, len(counts), sum(count_checksum(*item) for item in counts.items()))


def _stored(kafka: str, changelog: str) -> dict[str, int]:
    newest = {key: value for key, value in _committed(kafka, changelog) if not key.startswith(b"\x00")}
    return {key.decode(): msgspec.msgpack.decode(value)["n"] for key, value in newest.items()}


def _committed(kafka: str, topic: str) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of all committed records of a topic, each partition in order."""
    consumer = Consumer(
        {
            "bootstrap.servers": kafka,
            "group.id": uuid.uuid4().hex,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    open_ends = PARTITIONS
    try:
        while open_ends:
            for message in consumer.consume(5_000, 0.5):
                error = message.error()
                if error is None:
                    yield message.key() or b"", message.value() or b""
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ends -= 1
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()
