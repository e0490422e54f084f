"""Takes from `identity.changes` what asks for a rebuild, publishes what was rebuilt, and commits offsets.

While profiles are rebuilt nothing is polled. That is no fault: nobody else could go on any sooner, and a process that
dies drops out of the group all the same.
"""

import logging
import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from jobs.rebuild import metrics
from jobs.rebuild.postponed import Postponed, TakenChange
from runtime.kafka.clients import CONSUMER_CONFIG, ClientConfig
from runtime.kafka.consumed import records_of
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.errors import errors_sorted
from runtime.kafka.producer import AcknowledgedProducer
from schemas import groups, topics
from schemas.changes import requires_rebuild
from schemas.codec import Codec, DecodeError
from schemas.identity import kind_of
from schemas.records import Advance, IdentityChange, ProfileCommand
from settings import Settings

LINGER_S = 0.2
MAX_TAKEN = 2_000
_REQUEST_TIMEOUT_S = 10.0
_LONGEST_WORK_MS = 24 * 3600 * 1000

logger = logging.getLogger(__name__)


class Changes:
    """A member of the rebuilders' group, for one thread."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._kafka = settings.kafka
        self._codec = codec
        self._encode = codec.encoder(IdentityChange)
        # Its workspace is one that the worker knows.
        self._fencing = codec.encoder(ProfileCommand)(fencing_command(next(iter(settings.workspaces), "")))
        self._committed: dict[int, int] = {}
        self._undecoded: list[Message] = []
        self._postponed = Postponed()
        self._is_paused = False
        self._new: list[TopicPartition] = []  # assigned just now
        self.is_assigned = False
        self.fencing_token = 0  # where profile.commands was when the partitions were assigned; the latest has the word
        self._consumer = Consumer(_consumer_config(settings), logger=logger)
        self._consumer.subscribe([topics.IDENTITY_CHANGES], on_assign=self._assigned, on_revoke=self._revoked)
        self._producer = AcknowledgedProducer(settings.kafka, groups.REBUILDER.name)

    def take(self) -> tuple[TakenChange, ...]:
        """Return what was postponed and is due, and what arrived since and requires a rebuild; waits a moment for it.

        Raises TransientError when Kafka or the schema registry must be queried and does not answer (nothing is lost),
        and TerminalError when Kafka's client cannot go on.
        """
        self._pause_or_resume()
        taken = self._consumer.consume(MAX_TAKEN, LINGER_S)  # may change the assignment, and forget what is undecoded
        self._undecoded += records_of(taken, self._kafka, logging.WARNING)
        if self._new:
            self._begin()
        changes = [self._decoded(message) for message in self._undecoded]
        self._undecoded = []
        due = self._postponed.take_due(time.monotonic())
        return (*due, *(each for each in changes if each is not None and requires_rebuild(each.change)))

    def postpone(self, changes: Iterable[TakenChange]) -> None:
        """Have changes taken again after a minute; nothing from the first of them on is acknowledged until then."""
        self._postponed.add(changes, time.monotonic())
        metrics.POSTPONED.set(len(self._postponed))

    @property
    def rebuilding(self) -> frozenset[str]:
        """The workspaces in which a change is postponed."""
        return self._postponed.workspaces

    def publish(self, changes: Iterable[IdentityChange]) -> None:
        """Append changes; returns once they are durable. Raises TransientError: publishing all again does no harm."""
        self._producer.send(
            ProducerRecord(topics.IDENTITY_CHANGES, change.workspace.encode(), self._encode(change))
            for change in changes
        )

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

    def positions(self) -> dict[int, int]:
        """Return how far each partition of this process has been read: all before is done once it is committed.

        Raises TransientError or TerminalError.
        """
        positions = self._consumer.position(self._consumer.assignment())
        unread = [each for each in positions if each.offset < 0]  # nothing was ever taken of it, by this process
        if unread:
            with errors_sorted(self._kafka):
                positions += self._consumer.committed(unread, _REQUEST_TIMEOUT_S)
        return {each.partition: each.offset for each in positions}

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that are this process's, once it has begun with them."""
        assigned = self._consumer.assignment() if self.is_assigned else []
        return frozenset(each.partition for each in assigned)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _positions(self) -> list[TopicPartition]:
        """Where the consumer stands, past markers too, or the first of what is postponed; unless that is committed."""
        positions = self._consumer.position(self._consumer.assignment())
        postponed = self._postponed.offsets
        for position in positions:
            position.offset = min(position.offset, postponed.get(position.partition, position.offset))
        return [each for each in positions if each.offset >= 0 and self._committed.get(each.partition) != each.offset]

    def _pause_or_resume(self) -> None:
        """Take nothing new while a great deal is postponed."""
        if self._postponed.is_full != self._is_paused:
            self._is_paused = self._postponed.is_full
            change = self._consumer.pause if self._is_paused else self._consumer.resume
            change(self._consumer.assignment())

    def _begin(self) -> None:
        """Commit where a group begins that has committed nothing: that says, to `onefold drain`, that it is at work."""
        with errors_sorted(self._kafka):
            begins = [begin for begin in self._consumer.committed(self._new, _REQUEST_TIMEOUT_S) if begin.offset < 0]
            for begin in begins:
                begin.offset, _ = self._consumer.get_watermark_offsets(begin, _REQUEST_TIMEOUT_S)
            if begins:
                self._consumer.commit(offsets=begins, asynchronous=False)
        self.fencing_token = self._next_fencing_token()
        self._new = []
        self.is_assigned = True

    def _next_fencing_token(self) -> int:
        """The offset of a record that is appended now: higher than that of anybody who had the partitions before.

        Always of partition 0: whoever gets a profile's partition of `identity.changes` later, from whomever, is later
        there as well. A clock, or the end of the topic without a record of one's own, may not tell two apart.
        """
        (position,) = self._producer.send([ProducerRecord(topics.PROFILE_COMMANDS, None, self._fencing, partition=0)])
        return position.offset

    def _decoded(self, message: Message) -> TakenChange | None:
        try:
            change = self._codec.decode(IdentityChange, message.value())
            for claimant in change.claimants:
                kind_of(claimant.profile_id)
            return TakenChange(change, message.partition() or 0, message.offset() or 0)
        except (DecodeError, ValueError) as error:
            metrics.UNDECODABLE.inc()
            logger.error("left out partition %s, offset %s: %s", message.partition(), message.offset(), error)
            return None

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        logger.info("reading %d partitions", len(partitions))
        self._forget()
        self._new = partitions

    def _revoked(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._forget()
        self.is_assigned = False

    def _forget(self) -> None:
        """Forget what was taken: whoever has the partitions now takes it again from what is committed on."""
        self._undecoded, self._committed, self._new, self._is_paused = [], {}, [], False
        self._postponed.clear()
        metrics.POSTPONED.set(0)


def fencing_command(workspace: str) -> ProfileCommand:
    """Make a command without an effect: an event clock never goes back."""
    return ProfileCommand.of(workspace, "", Advance(to=0))


def _consumer_config(settings: Settings) -> ClientConfig:
    return CONSUMER_CONFIG | {
        "bootstrap.servers": settings.kafka,
        "group.id": groups.REBUILDER.name,
        "group.instance.id": groups.REBUILDER.member(settings.worker),
        "client.id": groups.REBUILDER.name,
        "session.timeout.ms": 10_000,
        "max.poll.interval.ms": _LONGEST_WORK_MS,
        "queued.max.messages.kbytes": 8 * 1024,
    }
