"""Writes batches into ClickHouse, however long it takes: dead letters first, then every insert, with back-off.

Leaves receiving and acknowledging to `loop`.
"""

import logging
import threading
import time
from collections.abc import Sequence

from confluent_kafka import Message

from runtime.retrying import persist
from schemas import topics
from schemas.codec import Codec
from sinks import metrics
from sinks.clickhouse.batch import Failure, InsertBatch, TableInsert, batch_of
from sinks.dead_letters import DeadLetterProducer
from warehouse.client import Warehouse

LATENCIES_OF_A_BATCH = 1_000  # at most, evenly: observing every event took 3 % of the sink's time


logger = logging.getLogger(__name__)


class Writer:
    """Makes batches and writes them. The two may run in different threads; each raises TerminalError or Stopped."""

    def __init__(
        self, codec: Codec, warehouse: Warehouse, letters: DeadLetterProducer, stopping: threading.Event
    ) -> None:
        self._codec = codec
        self._warehouse = warehouse
        self._letters = letters
        self._stopping = stopping

    def prepare(self, messages: Sequence[Message]) -> InsertBatch:
        """Decode messages into columns; waits for the schema registry when it must be queried and does not answer."""
        return persist("decode", lambda: batch_of(self._codec, messages), self._stopping, metrics.RETRIES)

    def write(self, batch: InsertBatch) -> None:
        """Return once everything is in ClickHouse or on events.dead."""
        self._dead_letter(batch.failures)
        for insert in batch.inserts:
            persist("insert", lambda insert=insert: self._insert(insert), self._stopping, metrics.RETRIES)  # type: ignore[misc]
        now = time.time()
        for received_at in batch.received_at[:: len(batch.received_at) // LATENCIES_OF_A_BATCH + 1]:
            metrics.LATENCY_S.observe(max(now - received_at / 1000, 0))

    def _dead_letter(self, failures: Sequence[Failure]) -> None:
        letters = []
        for message, error in failures:
            if message.topic() == topics.EVENTS_DEAD:  # a letter about a letter would never end
                metrics.DROPPED.labels(error.reason).inc()
                logger.warning("dropped %s:%s of %s: %s", message.partition(), message.offset(), message.topic(), error)
            else:
                metrics.DEAD.labels(message.topic(), error.reason).inc()
                letters.append((message, error))
        if letters:
            persist("dead_letter", lambda: self._letters.send(letters), self._stopping, metrics.RETRIES)

    def _insert(self, insert: TableInsert) -> None:
        with metrics.INSERT_S.labels(insert.table).time():
            self._warehouse.insert(insert.table, insert.columns, insert.token)
        metrics.ROWS.labels(insert.table).inc(insert.columns.num_rows)
        metrics.BATCH_ROWS.labels(insert.table).observe(insert.columns.num_rows)
