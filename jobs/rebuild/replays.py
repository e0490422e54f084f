"""Sends a profile's events as `replay` commands, in order and acknowledged. Leaves which events to `rebuild`."""

import uuid
from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import KafkaException, Producer

from jobs.rebuild.chunks import chunks
from jobs.rebuild.claims import Job
from jobs.rebuild.delivery import Delivery, failure
from jobs.rebuild.failpoints import reached
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas import topics
from schemas.identity import profile_key
from schemas.records import ProfileCommand, Replay
from warehouse.queries.replays import Published

DELIVERY_TIMEOUT_S = 30.0
QUEUE_KBYTES = 32 * 1024


class SentReplay(NamedTuple):
    """How many events went out, and where on `profile.commands` their chunks lie."""

    events: int
    partition: int
    offsets: tuple[int, ...]

    @property
    def end(self) -> int:
        """What the worker has to read up to."""
        return max(self.offsets, default=-1) + 1


class Replays:
    """A producer of replays, for one thread."""

    def __init__(self, kafka: str, encode: Callable[[ProfileCommand], bytes]) -> None:
        self._encode = encode
        self._attempts = 0
        config = {
            "bootstrap.servers": kafka,
            "client.id": f"{topics.APP}-rebuilder",
            "compression.type": "lz4",
            "message.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
            "queue.buffering.max.kbytes": QUEUE_KBYTES,
            "log_level": 0,  # what goes wrong is raised
        }
        self._producer = Producer(PRODUCER_CONFIG | config)

    def send(self, job: Job, events: Iterable[bytes], published: Published, fencing_token: int) -> SentReplay:
        """Send an attempt of its own, at least one chunk, and return once Kafka has acknowledged all of it.

        `fencing_token`: this rebuilder's, see `Changes`. A profile ignores an attempt that sorts before the one it has:
        that of a rebuilder that was away and does not know that another one goes on.

        Raises TransientError, after which a new attempt may be sent: the profile ignores what came of this one. Raises
        TerminalError when only a new process can go on. What `events` raises passes.
        """
        self._attempts += 1
        attempt = f"{fencing_token:019}-{self._attempts:08}-{uuid.uuid4().hex}"
        key = profile_key(job.workspace, job.claimant.profile_id)
        delivery = Delivery()
        count = 0
        for chunk in chunks(events, published.sessions):
            if chunk.number:
                reached("between_chunks")
            count += len(chunk.events)
            replay = Replay(
                decision=job.decision,
                attempt=attempt,
                chunk=chunk.number,
                last=chunk.last,
                events=chunk.events,
                version=published.version if chunk.number == 0 else 0,
                sessions=chunk.sessions,
            )
            command = ProfileCommand.of(job.workspace, job.claimant.profile_id, replay)
            self._produce(self._encode(command), key, delivery)
        self._producer.flush(DELIVERY_TIMEOUT_S + 1)
        delivery.check(chunk.number + 1)
        return SentReplay(count, delivery.partition, tuple(delivery.offsets))

    def _produce(self, value: bytes, key: bytes, delivery: Delivery) -> None:
        while True:
            delivery.check()
            try:
                self._producer.produce(topics.PROFILE_COMMANDS, value, key, on_delivery=delivery.acknowledge)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                raise failure(error.args[0]) from error
            else:
                self._producer.poll(0)
                return
