"""A Kafka topic as a destination: acknowledged by all replicas, idempotent, in order for each profile."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from functools import partial

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from definitions.receivers.kafka import Kafka
from definitions.receivers.values import Secret
from runtime.kafka.clients import PRODUCER_CONFIG, ClientConfig
from sinks.destinations.contract import (
    MAX_EXCHANGE_CHARS,
    Batching,
    Delivered,
    Delivery,
    Exchange,
    Outcome,
    Refused,
    Retry,
    Unauthorised,
)
from sinks.destinations.kafka.errors import credentials_refused, is_unusable, outcome_of
from sinks.destinations.secrets import MissingSecret, resolve

KEY_HEADER = "delivery-key"

_POLL_S = 0.5
_MARGIN = 0.8
"""Of the time-out: Kafka's client gives up before whoever sends does, so nothing arrives later."""

logger = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


class KafkaDestination:
    """A topic. Of a profile a record is sent once the one before it is acknowledged, so none overtakes."""

    def __init__(self, options: Kafka, timeout_s: float = 10.0) -> None:
        """Connect to nothing yet. Raises MissingSecret."""
        self.batching = Batching(deliveries=options.batch, bytes=8_000_000)
        self._options = options
        self._timeout_s = timeout_s
        self._client: _Client | None = None
        _config(options, timeout_s)

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send the deliveries' records, those of different profiles at once."""
        try:
            client = self._connected()
        except MissingSecret as missing:
            return [Unauthorised(str(missing))] * len(deliveries)
        except KafkaException as error:
            return [Retry("unavailable", f"Kafka's client cannot be made: {error.args[0].str()}")] * len(deliveries)
        outcomes: dict[int, Outcome] = {}
        held: dict[bytes, Outcome] = {}
        for wave in waves(deliveries):
            outcomes |= {at: held[key_of(deliveries[at])] for at in wave if key_of(deliveries[at]) in held}
            sent = [at for at in wave if at not in outcomes]
            for at, outcome in zip(sent, await client.send([deliveries[at] for at in sent]), strict=True):
                outcomes[at] = outcome
                if isinstance(outcome, Retry | Unauthorised):
                    held[key_of(deliveries[at])] = outcome
        if client.is_unusable and self._client is client:
            self._client = None
            await asyncio.to_thread(client.close)
        return [outcomes[at] for at in range(len(deliveries))]

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await asyncio.to_thread(client.close)

    def _connected(self) -> "_Client":
        if self._client is None:
            self._client = _Client(_config(self._options, self._timeout_s), self._options.topic)
        return self._client


def key_of(delivery: Delivery) -> bytes:
    """Return the key of a delivery's record: the profile's id; of a trigger across persons, the value it is about."""
    return (delivery.activation.profile_id or delivery.activation.across or "").encode()


def waves(deliveries: Sequence[Delivery]) -> Sequence[Sequence[int]]:
    """Return the positions of deliveries in waves, of which each has at most one delivery of a key: the next ones."""
    wanted: list[list[int]] = []
    seen: dict[bytes, int] = {}
    for at, delivery in enumerate(deliveries):
        number = seen.get(key_of(delivery), 0)
        seen[key_of(delivery)] = number + 1
        if number == len(wanted):
            wanted.append([])
        wanted[number].append(at)
    return wanted


def _config(options: Kafka, timeout_s: float) -> ClientConfig:
    config: ClientConfig = {
        **PRODUCER_CONFIG,
        "bootstrap.servers": options.servers,
        "client.id": "onefold",
        "linger.ms": 5,
        "compression.type": "lz4",
        "message.timeout.ms": max(round(timeout_s * 1000 * _MARGIN), 1),
        "topic.metadata.propagation.max.ms": 1_000,  # a topic that is not there is an answer, not a time-out
        "reconnect.backoff.max.ms": 1_000,
        "log_level": 2,  # what matters comes as an error; the rest is a line for every attempt to connect
    }
    protocol = "ssl" if options.tls else "plaintext"
    if options.ca_file:
        config["ssl.ca.location"] = options.ca_file
    if options.sasl:
        protocol = f"sasl_{protocol}"
        username = resolve(options.username) if isinstance(options.username, Secret) else options.username
        config |= {"sasl.mechanism": options.sasl.upper(), "sasl.username": username}
        config["sasl.password"] = resolve(options.password)
    return config | {"security.protocol": protocol}


class _Client:
    """Kafka's producer, with the thread that serves its callbacks."""

    def __init__(self, config: ClientConfig, topic: str) -> None:
        """Raises KafkaException."""
        self.is_unusable = False
        self._topic = topic
        self._trouble: KafkaError | None = None
        self._producer = Producer(config | {"error_cb": self._note}, logger=logger)
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="kafka-destination", daemon=True)
        self._poller.start()

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send records together; those of a batch that is too large for the topic, one by one."""
        outcomes = list(await self._send(deliveries))
        if len(deliveries) > 1:
            for at, outcome in enumerate(outcomes):
                if isinstance(outcome, Refused) and outcome.reason == "too_large":
                    outcomes[at] = (await self._send([deliveries[at]]))[0]
        return outcomes

    def close(self) -> None:
        """Give up what is under way. Blocks."""
        self._producer.purge()
        self._producer.flush(_POLL_S)
        self._closing.set()
        self._poller.join(2 * _POLL_S)

    async def _send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        reports = _Reports(asyncio.get_running_loop(), len(deliveries))
        bodies = [_encode(delivery.fields) for delivery in deliveries]
        for at, (delivery, body) in enumerate(zip(deliveries, bodies, strict=True)):
            try:
                self._producer.produce(
                    self._topic,
                    body,
                    key_of(delivery),
                    headers=[(KEY_HEADER, delivery.key.encode())],
                    on_delivery=partial(reports.report, at),
                )
            except BufferError:
                reports.report(at, KafkaError(KafkaError._QUEUE_FULL), None)
            except KafkaException as error:
                reports.report(at, error.args[0], None)
        try:
            await reports.all_reported
        except asyncio.CancelledError:
            self._producer.purge(in_flight=False)
            raise
        return [self._outcome(error, body) for error, body in zip(reports.errors, bodies, strict=True)]

    def _outcome(self, error: KafkaError | None, body: bytes) -> Outcome:
        exchange = Exchange(f"record of {self._topic} {body[:MAX_EXCHANGE_CHARS].decode(errors='replace')}")
        exchange = msgspec.structs.replace(exchange, request=exchange.request[:MAX_EXCHANGE_CHARS])
        if error is None:
            self._trouble = None
            return Delivered(exchange)
        self.is_unusable |= is_unusable(error)
        return outcome_of(error, self._trouble, exchange)

    def _note(self, error: KafkaError) -> None:
        """Take notice of what concerns no single record. Called by the polling thread."""
        if self._trouble is None or not credentials_refused(self._trouble):
            self._trouble = error
        if credentials_refused(error):
            self.is_unusable = True  # the next one reads the password again
            self._producer.purge(in_flight=False)

    def _poll(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(_POLL_S)


class _Reports:
    """What has become of each of some records; `report` runs in the polling thread, or in the one that produces."""

    def __init__(self, loop: asyncio.AbstractEventLoop, expected: int) -> None:
        self.errors: list[KafkaError | None] = [None] * expected
        self.all_reported: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._lock = threading.Lock()
        self._missing = expected
        if not expected:
            self.all_reported.set_result(None)

    def report(self, at: int, error: KafkaError | None, _: Message | None) -> None:
        with self._lock:
            self.errors[at] = error
            self._missing -= 1
            is_last = self._missing == 0
        if is_last and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.all_reported.done():
            self.all_reported.set_result(None)
