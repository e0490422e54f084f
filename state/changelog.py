"""Bring a partition's store up to date from its changelog topic, in bulk.

The last writer must have been fenced before (`Committer.fence`): then the topic's end stands still. The
consumer says when it is reached (end of partition); markers leave holes, so the last record does not tell.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.errors import TerminalError
from runtime.failpoints import ignored
from runtime.kafka.clients import unjoined_consumer
from runtime.kafka.consumed import is_end, records_of
from runtime.kafka.errors import errors_sorted
from state.store import StateStore

log = logging.getLogger(__name__)

FETCH_RECORDS = 20_000
FETCH_S = 0.05  # the client always waits as long, or until so many records are there; the end of the topic is no record
FOLLOW_S = 0.5
STALL_S = 60.0
ANSWER_S = 30.0
_LOG_LEVEL = 6  # the client's own: a recovery goes on for minutes, and says what it waits for


class Recovered(NamedTuple):
    """How many changelog records a store lacked, and how long it took to apply them."""

    records: int
    seconds: float


class RecoveryStalled(TerminalError):
    """The changelog's end was not reached although the broker sent nothing for a minute."""


class ChangelogTruncated(TerminalError):
    """Records that the store lacks are no longer in the changelog: going on would forget what they said."""


def recover(  # noqa: PLR0913, PLR0917 - the changelog, where it is applied to, and who has a say meanwhile
    kafka: str,
    topic: str,
    partition: int,
    store: StateStore,
    stop: Callable[[], bool],
    reached: Callable[[str], None] = ignored,
) -> Recovered:
    """Apply every committed changelog record that the store lacks. Blocking; returns early when `stop()` is true.

    A store that was made from another topic of this name, or claims to be ahead of its end, is wiped and rebuilt.
    Raises ChangelogTruncated rather than begin with less than there was, TransientError and other TerminalErrors.
    """
    started = heard_at = time.monotonic()
    applied = 0
    with _reading(kafka, topic, partition, store) as consumer:
        while not stop():
            messages = consumer.consume(FETCH_RECORDS, timeout=FETCH_S)
            records = _apply(messages, store, kafka)
            if records:
                reached("in_recovery")
            applied += records
            if any(map(is_end, messages)):
                break
            if records:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > STALL_S:
                raise RecoveryStalled(f"no record and no end of the changelog within {STALL_S:.0f} s")
    return Recovered(applied, time.monotonic() - started)


def follow(kafka: str, topic: str, partition: int, store: StateStore) -> Generator[int, None, None]:
    """Apply what another worker commits, as it commits it; yields the records of each round. Raises as `recover`.

    Never ends by itself: whoever iterates stops, and closes the iterator.
    """
    with _reading(kafka, topic, partition, store) as consumer:
        while True:
            yield _apply(consumer.consume(FETCH_RECORDS, timeout=FOLLOW_S), store, kafka)


@contextlib.contextmanager
def _reading(kafka: str, topic: str, partition: int, store: StateStore) -> Iterator[Consumer]:
    """Provide a consumer that stands at the first record that the store lacks."""
    with errors_sorted(kafka):
        topic_id = _topic_id(kafka, topic)
    if store.topic() not in {None, topic_id}:
        log.warning("%s: the store was made from another topic of this name: rebuilding", topic)
        store.wipe()
    consumer = unjoined_consumer(
        kafka,
        enable_partition_eof=True,
        fetch_max_bytes=50_000_000,
        fetch_queue_backoff_ms=5,
        fetch_wait_max_ms=10,
        log_level=_LOG_LEVEL,
    )
    try:
        with errors_sorted(kafka):
            start = _start(consumer, topic, partition, store)
        store.claim(topic_id)
        consumer.assign([TopicPartition(topic, partition, start)])
        yield consumer
    finally:
        consumer.close()


def _topic_id(kafka: str, topic: str) -> str:
    """Return what tells a topic from another of its name: one deleted since, or of another cluster."""
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    described = admin.describe_topics(TopicCollection([topic]), request_timeout=ANSWER_S)
    return str(described[topic].result().topic_id)


def _start(consumer: Consumer, topic: str, partition: int, store: StateStore) -> int:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S)
    applied = store.applied()
    if applied is not None and applied >= high:
        log.warning(
            "%s-%d: the store is at offset %d, the topic ends at %d: rebuilding", topic, partition, applied, high
        )
        store.wipe()
        applied = None
    start = 0 if applied is None else applied + 1
    if start + 1 < low:  # right behind the last record lies its transaction's marker, which holds nothing
        raise ChangelogTruncated(
            f"{topic}-{partition} begins at offset {low}, the store needs it from {start} on: its records were deleted."
            " To fold all events anew, delete the worker's data folder and the three changelog topics"
        )
    return start


def _apply(messages: Iterable[Message], store: StateStore, kafka: str) -> int:
    """Apply the records among what a consumer handed over; return how many they are."""
    records = list(records_of(messages, kafka, logging.WARNING))
    if records:
        store.apply([(record.key() or b"", record.value()) for record in records], records[-1].offset() or 0)
    store.flush_if_due()
    return len(records)
