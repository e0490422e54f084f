"""Appends the records of a request and answers once Kafka has all of them, for an event loop."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime.errors import TransientError
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.deliveries import Deliveries, ProducerRecord
from runtime.kafka.errors import errors_sorted, sorted_error

DELIVERY_TIMEOUT_S = 10
_QUEUE_KBYTES = 128 * 1024
_QUIET_S = 10.0

logger = logging.getLogger(__name__)


class AsyncProducer:
    """Kafka's producer; a thread of its own serves its callbacks, one future stands for each request."""

    def __init__(
        self,
        kafka: str,
        client_id: str,
        on_fatal: Callable[[], None],
        observe_s: Callable[[float], None] = lambda _: None,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
    ) -> None:
        self._kafka = kafka
        self._observe_s = observe_s
        self._on_fatal = on_fatal
        self._loop = asyncio.get_running_loop()
        self._quiet_until = 0.0
        self._producer = Producer(
            PRODUCER_CONFIG
            | {
                "bootstrap.servers": kafka,
                "client.id": client_id,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.timeout.ms": round(delivery_timeout_s * 1000),
                "queue.buffering.max.kbytes": _QUEUE_KBYTES,
                "log_level": 2,  # what matters comes to error_cb; the rest is a line for every attempt to connect
                "error_cb": self._log_error,
            },
            logger=logger,
        )
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="kafka-deliveries", daemon=True)
        self._poller.start()

    async def send(self, records: Sequence[ProducerRecord]) -> None:
        """Return once every record is acknowledged by all in-sync replicas.

        Raises TransientError or TerminalError in time. Some of the records may have been written: message ids make it
        safe to send all again.
        """
        if not records:
            return
        started = time.perf_counter()
        deliveries = _AwaitedDeliveries(self._kafka, self._loop, len(records))
        try:
            for record in records:
                self._producer.produce(
                    record.topic, record.value, record.key, record.partition, on_delivery=deliveries.report
                )
        except BufferError:
            raise TransientError("the queue to Kafka is full") from None
        except KafkaException as error:
            raise sorted_error(error, self._kafka) from error
        await deliveries.all_reported
        self._observe_s(time.perf_counter() - started)
        deliveries.check()

    def ping(self, topic: str, timeout_s: float) -> None:
        """Ask the broker for a topic. Raises TransientError or TerminalError if it has none. Blocks."""
        with errors_sorted(self._kafka):
            error = self._producer.list_topics(topic, timeout=timeout_s).topics[topic].error
        if error is not None:
            raise sorted_error(error, self._kafka)

    def close(self, timeout_s: float) -> int:
        """Wait for what is under way; how many records were still unacknowledged at the end. Blocks."""
        remaining = int(self._producer.flush(timeout_s))
        self._closing.set()
        self._poller.join(1)
        return remaining

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(0.2)

    def _log_error(self, error: KafkaError) -> None:
        if error.fatal():
            logger.critical("Kafka's client cannot go on: %s", error.str())
            self._loop.call_soon_threadsafe(self._on_fatal)
        elif time.monotonic() >= self._quiet_until:
            logger.warning("Kafka: %s", error.str())
            self._quiet_until = time.monotonic() + _QUIET_S


class _AwaitedDeliveries(Deliveries):
    """`all_reported` is done when all records are acknowledged or given up; `report` runs in the polling thread."""

    def __init__(self, kafka: str, loop: asyncio.AbstractEventLoop, expected: int) -> None:
        super().__init__(kafka)
        self.all_reported: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._expected = expected

    def report(self, error: KafkaError | None, message: Message) -> None:
        super().report(error, message)
        if self.reported == self._expected:
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.all_reported.done():
            self.all_reported.set_result(None)
