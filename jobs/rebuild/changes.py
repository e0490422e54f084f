"""Takes from `identity.changes` what asks for a rebuild, publishes what was rebuilt, and commits offsets.

While profiles are rebuilt nothing is polled. That is no fault: nobody else could go on any sooner, and a process that
dies loses its place in the group all the same.
"""

import logging
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from jobs.rebuild import metrics
from jobs.rebuild.delivery import Delivery
from runtime.errors import TerminalError, TransientError
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas import topics
from schemas.changes import asks_for_rebuild
from schemas.codec import Codec, DecodeError
from schemas.records import IdentityChange, ProfileCommand
from schemas.registry import REGISTRY_ERRORS
from settings import Settings

GROUP = f"{topics.APP}-rebuilder"
LINGER_S = 0.2
MAX_TAKEN = 2_000
DELIVERY_TIMEOUT_S = 30.0
_REQUEST_TIMEOUT_S = 10.0
_BY_KEY = -1  # the partition that a key belongs to
_LONGEST_WORK_MS = 24 * 3600 * 1000

logger = logging.getLogger(__name__)


class Changes:
    """A member of the rebuilders' group, for one thread."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._codec = codec
        self._encode = codec.encoder(IdentityChange)
        # A command without an effect. Its workspace is one that the worker knows.
        nothing = ProfileCommand(next(iter(settings.workspaces), ""), "")
        self._nothing = codec.encoder(ProfileCommand)(nothing)
        self._committed: dict[int, int] = {}
        self._undecoded: list[Message] = []
        self._new: list[TopicPartition] = []  # assigned just now
        self.is_assigned = False
        self.fencing_token = 0  # where profile.commands was when the partitions were assigned; the latest has the word
        self._consumer = Consumer(_consumer_config(settings), logger=logger)
        self._consumer.subscribe([topics.IDENTITY_CHANGES], on_assign=self._assigned, on_revoke=self._revoked)
        self._producer = Producer(PRODUCER_CONFIG | _producer_config(settings))

    def take(self) -> tuple[IdentityChange, ...]:
        """What arrived since and asks for a rebuild, in order; waits a moment for it.

        Raises TransientError when Kafka or the schema registry must be asked and does not answer (nothing is lost),
        and TerminalError when Kafka's client cannot go on.
        """
        taken = self._consumer.consume(MAX_TAKEN, LINGER_S)  # may change the assignment, and forget what is undecoded
        self._undecoded += [message for message in taken if self._is_record(message)]
        if self._new:
            self._begin()
        try:
            changes = [self._decoded(message) for message in self._undecoded]
        except REGISTRY_ERRORS as error:
            raise TransientError(f"the schema registry does not answer: {error}") from error
        self._undecoded = []
        return tuple(change for change in changes if change is not None and asks_for_rebuild(change))

    def publish(self, changes: Iterable[IdentityChange]) -> None:
        """Append changes; returns once they are durable. Raises TransientError: publishing all again does no harm."""
        self._appended(topics.IDENTITY_CHANGES, ((one.workspace.encode(), self._encode(one)) for one in changes))

    def commit(self) -> None:
        """Acknowledge all that was taken. If that fails it is taken again, here or elsewhere, which does no harm."""
        try:
            positions = self._positions()
            if positions:
                self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            logger.warning("offsets not committed, profiles may be rebuilt again: %s", error.args[0].str())
            return
        self._committed |= {position.partition: position.offset for position in positions}

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _positions(self) -> list[TopicPartition]:
        """Where the consumer stands, past markers too, unless that is committed already."""
        return [
            position
            for position in self._consumer.position(self._consumer.assignment())
            if position.offset >= 0 and self._committed.get(position.partition) != position.offset
        ]

    def _begin(self) -> None:
        """Commit where a group begins that has committed nothing: that says, to `onefold drain`, that it is at work."""
        try:
            begins = [one for one in self._consumer.committed(self._new, _REQUEST_TIMEOUT_S) if one.offset < 0]
            for begin in begins:
                begin.offset, _ = self._consumer.get_watermark_offsets(begin, _REQUEST_TIMEOUT_S)
            if begins:
                self._consumer.commit(offsets=begins, asynchronous=False)
        except KafkaException as error:
            raise TransientError(f"Kafka does not answer: {error.args[0].str()}") from error
        self.fencing_token = self._next_fencing_token()
        self._new = []
        self.is_assigned = True

    def _next_fencing_token(self) -> int:
        """The offset of a record that is appended now: higher than that of anybody who had the partitions before.

        Always of partition 0: whoever gets a profile's partition of `identity.changes` later, from whomever, is later
        there as well. A clock, or the end of the topic without a record of one's own, may not tell two apart.
        """
        return self._appended(topics.PROFILE_COMMANDS, [(None, self._nothing)], partition=0)[0]

    def _appended(
        self, topic: str, records: Iterable[tuple[bytes | None, bytes]], partition: int = _BY_KEY
    ) -> list[int]:
        """Append records, key and value, and wait until they are durable: their offsets.

        Raises TransientError and TerminalError.
        """
        delivery, sent = Delivery(), 0
        try:
            for key, value in records:
                self._producer.produce(topic, value, key, partition, on_delivery=delivery.acknowledge)
                self._producer.poll(0)
                sent += 1
            self._producer.flush(DELIVERY_TIMEOUT_S + 1)
        except (KafkaException, BufferError) as error:
            raise TransientError(f"Kafka did not take a record: {error}") from error
        delivery.check(sent)
        return delivery.offsets

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.fatal() or error.code() == KafkaError._FATAL:  # as an event it does not call itself fatal
            raise TerminalError(f"Kafka: {error.str()}")
        logger.warning("Kafka: %s", error.str())
        return False

    def _decoded(self, message: Message) -> IdentityChange | None:
        try:
            return self._codec.decode(IdentityChange, message.value())
        except DecodeError as error:
            metrics.UNDECODABLE.inc()
            logger.error("left out partition %s, offset %s: %s", message.partition(), message.offset(), error)
            return None

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        logger.info("reading %d partitions", len(partitions))
        self._undecoded, self._committed, self._new = [], {}, partitions

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._undecoded, self._committed, self._new = [], {}, []
        self.is_assigned = False


def _consumer_config(settings: Settings) -> dict[str, str | int | float | bool]:
    return {
        "bootstrap.servers": settings.kafka,
        "group.id": GROUP,
        # Static membership: a rebuilder that was killed goes on as soon as it is started again.
        "group.instance.id": f"{GROUP}-{settings.worker}",
        "client.id": GROUP,
        "session.timeout.ms": 10_000,
        "max.poll.interval.ms": _LONGEST_WORK_MS,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 8 * 1024,
    }


def _producer_config(settings: Settings) -> dict[str, str | int | float | bool]:
    return {
        "bootstrap.servers": settings.kafka,
        "client.id": GROUP,
        "message.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
        "log_level": 0,
    }
