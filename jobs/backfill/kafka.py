"""Sends seeds to profiles, finds those that PROFILE could not take, and says on `definitions` what is complete."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from confluent_kafka import Message

from definitions.sets import BackfillAttempt, BackfillProgress, Completion, Publication
from definitions.sets.publication import attempt_record, completion_record, progress_record
from definitions.sets.topic import ensure_topic, read_publication
from jobs.backfill.attempts import begun, ended
from jobs.backfill.protocols import AddressedSeed
from runtime.errors import TransientError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.following import Follower
from runtime.kafka.offsets import Offsets, Partition
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from runtime.kafka.transactions import ProducerFenced, TransactionalProducer
from schemas import topics
from schemas.codec import Codec, DecodeError
from schemas.identity import profile_key
from schemas.records import DeadLetter, ProfileCommand

CLIENT = "onefold-backfill"
SENT_AT_ONCE = 5_000
READ_WITHIN_S = 30.0

Said = TypeVar("Said")


class KafkaSeeds:
    """See `protocols.SeedCommands`. For one thread."""

    def __init__(self, kafka: str, codec: Codec, offsets: Offsets) -> None:
        self._kafka = kafka
        self._codec = codec
        self._encode = codec.encoder(ProfileCommand)
        self._offsets = offsets
        self._producer = AcknowledgedProducer(kafka, CLIENT)
        self._watched_from: Mapping[Partition, int] = {}

    def begin(self) -> None:
        """See `protocols.SeedCommands`."""
        self._watched_from = self._ends(topics.EVENTS_DEAD)

    def send(self, seeds: Iterable[AddressedSeed]) -> Iterator[int]:
        """See `protocols.SeedCommands`. What `seeds` raises passes."""
        sent, coming = 0, iter(seeds)
        while taken := list(islice(coming, SENT_AT_ONCE)):
            self._producer.send(map(self._record, taken))
            sent += len(taken)
            yield sent

    def ends(self) -> Mapping[Partition, int]:
        """See `protocols.SeedCommands`."""
        return self._ends(topics.PROFILE_COMMANDS)

    def refused(self, attempt: str) -> int:
        """See `protocols.SeedCommands`."""
        letters = read_to_end(self._kafka, [topics.EVENTS_DEAD], since=self._watched_from)
        return sum(self._is_of(message.value(), attempt) for message in letters)

    def _record(self, addressed: AddressedSeed) -> ProducerRecord:
        command = ProfileCommand.of(addressed.workspace, addressed.profile_id, addressed.seed)
        key = profile_key(addressed.workspace, addressed.profile_id)
        return ProducerRecord(topics.PROFILE_COMMANDS, key, self._encode(command))

    def _is_of(self, encoded: bytes | None, attempt: str) -> bool:
        try:
            letter = self._codec.decode(DeadLetter, encoded)
            if letter.topic != topics.PROFILE_COMMANDS or letter.value is None:
                return False
            seed = self._codec.decode(ProfileCommand, letter.value).seed
        except DecodeError:
            return False
        return seed is not None and seed.attempt == attempt

    def _ends(self, topic: str) -> Mapping[Partition, int]:
        extents = self._offsets.extents(self._offsets.partitions([topic]))
        return {partition: extent.end for partition, extent in extents.items() if not extent.is_empty}


class KafkaTopic:
    """See `protocols.Topic`. Reads in a thread of its own; writes from one."""

    def __init__(self, kafka: str, replication: int) -> None:
        """Raises TransientError or TerminalError."""
        self._producer = AcknowledgedProducer(kafka, CLIENT)
        self._kafka = kafka
        self._publication = Publication()
        self._failure: BaseException | None = None
        self._has_changed = threading.Condition()
        ensure_topic(kafka, replication)
        self._follower = Follower(kafka, topics.DEFINITIONS, self._take, self._fail)
        self._follower.start()

    def close(self) -> None:
        """Read no longer."""
        self._follower.stop()

    def read(self) -> Publication:
        """See `protocols.Topic`."""
        if self._failure is not None:
            raise self._failure
        return self._publication

    def begin_attempt(self, workspace: str, token: int, begun_after: Completion | None) -> BackfillAttempt:
        """See `protocols.Topic`."""
        return self.follow_up(workspace, lambda all_: begun(all_, workspace, token, begun_after), attempt_record)

    def complete(self, workspace: str, attempt: BackfillAttempt, completion: Completion) -> None:
        """See `protocols.Topic`. What comes of it is read here as well when this returns."""
        self.follow_up(workspace, lambda all_: ended(all_, workspace, attempt, completion), completion_record)

    def follow_up(
        self,
        workspace: str,
        follow: Callable[[Publication], Said],
        record: Callable[[str, Said], tuple[bytes, bytes]],
    ) -> Said:
        """Append what follows from all that the topic says; nobody does so for the workspace in between."""
        with TransactionalProducer(self._kafka, f"{CLIENT}-{workspace}") as producer:  # whoever else does is fenced
            said = follow(read_publication(self._kafka))
            key, value = record(workspace, said)
            try:
                producer.send([ProducerRecord(topics.DEFINITIONS, key, value)])
            except ProducerFenced as error:
                raise TransientError(str(error)) from error
        with self._has_changed:
            is_read = self._has_changed.wait_for(
                lambda: self._publication.with_record(key, value) == self._publication or self._failure is not None,
                READ_WITHIN_S,
            )
        if not is_read:
            raise TransientError(f"{topics.DEFINITIONS} does not show what was written to it")
        return said

    def progress(self, workspace: str, progress: BackfillProgress) -> None:
        """See `protocols.Topic`."""
        self._append(*progress_record(workspace, progress))

    def _append(self, key: bytes, value: bytes) -> None:
        self._producer.send([ProducerRecord(topics.DEFINITIONS, key, value)])

    def _take(self, messages: list[Message]) -> None:
        publication = self._publication
        for message in messages:
            publication = publication.with_record(message.key(), message.value())
        with self._has_changed:
            self._publication = publication
            self._has_changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._has_changed:
            self._failure = error
            self._has_changed.notify_all()
