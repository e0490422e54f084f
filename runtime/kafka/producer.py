"""Records of one request to Kafka, and one answer when all of them are acknowledged. Leaves encoding to `intake`."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime.kafka.clients import PRODUCER_CONFIG

DELIVERY_TIMEOUT_S = 10
_QUEUE_KBYTES = 128 * 1024
_QUIET_S = 10.0

logger = logging.getLogger(__name__)


class Unavailable(Exception):
    """Kafka did not acknowledge. Some of the records may have been written: message ids make it safe to send again."""


class Outgoing(NamedTuple):
    topic: str
    key: bytes | None
    value: bytes


class AcknowledgedProducer:
    """Kafka's producer for asyncio: callbacks are served by a thread of its own, one future for each request."""

    def __init__(
        self,
        kafka: str,
        client_id: str,
        on_fatal: Callable[[], None],
        observe_s: Callable[[float], None] = lambda _: None,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
    ) -> None:
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
                "error_cb": self._failed,
            },
            logger=logger,
        )
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="kafka-deliveries", daemon=True)
        self._poller.start()

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Return once every record is acknowledged by all in-sync replicas. Raises Unavailable in time."""
        if not records:
            return
        started = time.perf_counter()
        delivery = _Delivery(self._loop, len(records))
        try:
            for record in records:
                self._producer.produce(record.topic, record.value, record.key, on_delivery=delivery.acknowledge)
        except BufferError:
            raise Unavailable("the queue to Kafka is full") from None
        except KafkaException as error:
            raise Unavailable(f"Kafka's client refused: {error.args[0].str()}") from None
        failure = await delivery.done
        self._observe_s(time.perf_counter() - started)
        if failure is not None:
            raise Unavailable(f"Kafka did not acknowledge: {failure}")

    def ping(self, topic: str, timeout_s: float) -> None:
        """Ask the broker for a topic. Raises KafkaException when it does not answer or has none. Blocks."""
        error = self._producer.list_topics(topic, timeout=timeout_s).topics[topic].error
        if error is not None:
            raise KafkaException(error)

    def close(self, timeout_s: float) -> int:
        """Wait for what is under way; how many records were still unacknowledged at the end. Blocks."""
        remaining = int(self._producer.flush(timeout_s))
        self._closing.set()
        self._poller.join(1)
        return remaining

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(0.2)

    def _failed(self, error: KafkaError) -> None:
        if error.fatal():
            logger.critical("Kafka's client cannot go on: %s", error.str())
            self._loop.call_soon_threadsafe(self._on_fatal)
        elif time.monotonic() >= self._quiet_until:
            logger.warning("Kafka: %s", error.str())
            self._quiet_until = time.monotonic() + _QUIET_S


class _Delivery:
    """Counts down one request's acknowledgements. `acknowledge` runs in the polling thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop, records: int) -> None:
        self.done: asyncio.Future[str | None] = loop.create_future()
        self._loop = loop
        self._remaining = records
        self._failure: str | None = None

    def acknowledge(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failure = error.str()
        self._remaining -= 1
        if self._remaining == 0:
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(self._failure)
