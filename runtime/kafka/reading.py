"""Reads topics to the end that they have now; reading on is left to whoever stays."""

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from confluent_kafka import Consumer, Message, TopicPartition

from runtime.errors import TransientError
from runtime.kafka.clients import unjoined_consumer
from runtime.kafka.consumed import records_of
from runtime.kafka.errors import errors_sorted
from runtime.kafka.offsets import Offsets, Partition
from runtime.kafka.transactions import TRANSACTION_TIMEOUT_MS

_ABORTED_EVERY_S = 10.0  # the broker's look for transactions that are open for too long
# A process that is killed leaves a transaction open, which holds back what lies behind it until the broker aborts it.
STALL_S = TRANSACTION_TIMEOUT_MS / 1000 + 2 * _ABORTED_EVERY_S
_FETCH_RECORDS = 500
_FETCH_S = 0.1
_FROM_THE_START: Mapping[Partition, int] = MappingProxyType({})


def read_to_end(
    kafka: str,
    topics: Iterable[str],
    since: Mapping[Partition, int] = _FROM_THE_START,
    stall_s: float = STALL_S,
    numbers: Collection[int] | None = None,
) -> Iterator[Message]:
    """Yield the committed records of topics up to the ends at the call, in order within a partition.

    `since`: where to begin in a partition, its start if nothing is given. `numbers`: of the partitions that are read,
    None for all. Raises TransientError, also when nothing
    arrives for `stall_s`: an open transaction, of whomever, holds back what lies behind it.
    """
    offsets = Offsets(kafka)
    ends: dict[Partition, int] = {}
    starts: list[TopicPartition] = []
    wanted = [each for each in offsets.partitions(topics) if numbers is None or each[1] in numbers]
    for partition, extent in offsets.extents(wanted).items():
        start = max(extent.start, since.get(partition, extent.start))
        if start < extent.end:
            ends[partition] = extent.end
            starts.append(TopicPartition(*partition, start))
    if not starts:
        return
    consumer = unjoined_consumer(kafka)
    try:
        with errors_sorted(kafka):
            consumer.assign(starts)
            for record in records_up_to(ends, consumer, kafka, stall_s):
                if (record.offset() or 0) < ends[record.topic() or "", record.partition() or 0]:
                    yield record
    finally:
        consumer.close()


def records_up_to(
    ends: Mapping[Partition, int], consumer: Consumer, kafka: str, stall_s: float = STALL_S
) -> Iterator[Message]:
    """Yield what a consumer hands over until its position, which passes markers too, is at every end.

    Some records may lie behind the ends. Raises TransientError when nothing arrives for `stall_s`, and TerminalError.
    """
    arrived_at = time.monotonic()
    while any(position.offset < ends[position.topic, position.partition] for position in _positions(consumer)):
        if time.monotonic() - arrived_at > stall_s:
            raise TransientError(f"Kafka at {kafka} does not send what lies before the end of {sorted(ends)}")
        for record in records_of(consumer.consume(_FETCH_RECORDS, _FETCH_S), kafka):
            arrived_at = time.monotonic()
            yield record


def _positions(consumer: Consumer) -> list[TopicPartition]:
    return consumer.position(consumer.assignment())
