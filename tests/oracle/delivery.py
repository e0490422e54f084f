"""Sends the stream to a stack as its senders would: batches over HTTP, and Avro straight to the topic `events`."""

import string
import time
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby

import httpx
import msgspec
from confluent_kafka import Producer

from embedded.running import Addresses
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas.codec import Codec
from schemas.records import Event
from schemas.registry import Registry
from schemas.topics import EVENTS
from tests.oracle.producers import as_written
from tests.oracle.stream import Delivery

BATCH = 50
TIMEOUT_S = 30.0
UNREADABLE = "soon"
_PAUSE_S = 0.2
_NUMBERS = ("{}", "{}.0", "{}e0", "{}0E-1", '"{}"', '" {}.0"')
_ARABIC_DIGITS = {ord(digit): 0x660 + int(digit) for digit in string.digits}
_USERS_NAME = {"user_id": "userId", "anonymous_id": "anonymousId"}


class Sender:
    """Sends deliveries in their order; what it returns from is acknowledged by Kafka.

    `patience_s`: how long it comes again when it gets no answer or a 503, as an SDK does. Then a message may be there
    more than once.
    """

    def __init__(self, addresses: Addresses, patience_s: float = 0.0) -> None:
        self.patience_s = patience_s
        self.refused = 0  # how often a batch had to come again
        self.codec = Codec(Registry(addresses.registry))
        self._encode = self.codec.encoder(Event)
        self._producer = Producer(PRODUCER_CONFIG | {"bootstrap.servers": addresses.kafka})
        self._http = httpx.Client(base_url=addresses.http, timeout=TIMEOUT_S)

    def send(self, deliveries: Iterable[Delivery]) -> None:
        """Send all, each by its own way."""
        for by, group in groupby(deliveries, key=lambda delivery: delivery.by):
            events = [delivery.event for delivery in group]
            if by == "kafka":
                for event in events:
                    key, written = as_written(event)
                    self.produce(EVENTS, key, self._encode(written))
                self.flush()
            else:
                for start in range(0, len(events), BATCH):
                    self._post_batch(events[start : start + BATCH])

    def produce_raw(self, values: Iterable[bytes | None], topic: str = EVENTS, key: bytes = b"anything") -> None:
        """Put bytes of any kind on a topic."""
        for value in values:
            self.produce(topic, key, value)
        self.flush()

    def produce(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        """Put one record on a topic, at the latest with the next `flush`."""
        while True:
            try:
                self._producer.produce(topic, key=key, value=value)
                return
            except BufferError:
                self._producer.poll(0.1)

    def post(self, path: str, body: bytes, key: str) -> httpx.Response:
        """One request with a body of any kind."""
        return self._http.post(path, content=body, auth=(key, ""))

    def _post_batch(self, events: list[Event]) -> None:
        body = msgspec.json.encode({"batch": [call(event) for event in events]})
        response = self._persist(body, write_key(events[0].workspace))
        assert response.status_code == httpx.codes.OK, response.text
        answer = response.json()
        assert answer["accepted"] == len(events), answer

    def _persist(self, body: bytes, key: str) -> httpx.Response:
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                response = self.post("/v1/batch", body, key)
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() >= deadline:
                    return response
            except httpx.TransportError:
                if time.monotonic() >= deadline:
                    raise
            self.refused += 1
            time.sleep(_PAUSE_S)

    def flush(self) -> None:
        """Return when Kafka has acknowledged all that was produced."""
        assert self._producer.flush(TIMEOUT_S + self.patience_s) == 0, "Kafka did not acknowledge everything"


def write_key(workspace: str) -> str:
    """The key of the workspace's source `web`, which sends over HTTP."""
    return f"write-key-of-{workspace}"


def call(event: Event) -> dict[str, object]:
    """The call of Segment's API that stands for an event; its e-mail identifier is the trait of an identify.

    Numbers and times are written in the ways of many programs, each message always in the same one.
    """
    way = zlib.crc32(event.message_id.encode())
    fields: dict[str, object] = {
        _USERS_NAME[identifier.namespace]: _written(identifier.value, way)
        for identifier in event.identifiers
        if identifier.namespace in _USERS_NAME
    }
    fields |= {"messageId": event.message_id, "type": event.type} | _times(event.occurred_at, way)
    fields |= {"context": msgspec.json.decode(event.context)}
    if event.event is not None:
        fields["event" if event.type == "track" else "name"] = event.event
    part = "traits" if event.type == "identify" else "properties"
    return fields | {part: msgspec.json.decode(event.traits if event.type == "identify" else event.properties)}


def _written(value: str, way: int) -> object:
    """Return an id for JSON: whole numbers in one of their notations, others as they are."""
    return msgspec.Raw(_NUMBERS[way % len(_NUMBERS)].format(value).encode()) if value.isdecimal() else value


def _times(at: int, way: int) -> dict[str, object]:
    """Return the fields that say when, in one of the ways that mean exactly this millisecond."""
    iso, seconds = _iso(at), msgspec.Raw(f"{at // 1000}.{at % 1000:03}".encode())
    east = _iso(at + 8 * 3_600_000).replace("Z", "+08:00")
    written = (*[iso] * 6, iso.translate(_ARABIC_DIGITS), east, iso.lower(), at, seconds, UNREADABLE)
    timestamp = written[way // len(_NUMBERS) % len(written)]
    return {"timestamp": timestamp} | ({"originalTimestamp": iso} if timestamp == UNREADABLE else {})


def _iso(at: int) -> str:
    seconds, milliseconds = divmod(at, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03}Z"
