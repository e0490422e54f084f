"""Reads the topic `definitions` in a thread of its own, and appends what follows from all that it says.

What that is, is left to those who back-fill and refresh.
"""

from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import Message

from definitions.sets import Publication
from definitions.sets.topic import ensure_topic, read_publication
from runtime.errors import TransientError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.following import FollowedValue
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.transactions import ProducerFenced, TransactionalProducer
from schemas.topics import DEFINITIONS

CLIENT = "onefold-backfill"
READ_WITHIN_S = 30.0

Said = TypeVar("Said")


class DefinitionsTopic:
    """For one thread. Every method may raise TransientError or TerminalError."""

    def __init__(self, kafka: str, replication: int) -> None:
        self._kafka = kafka
        self._producer = AcknowledgedProducer(kafka, CLIENT)
        ensure_topic(kafka, replication)
        self._publication = FollowedValue(kafka, DEFINITIONS, Publication(), _with_records)

    def read(self) -> Publication:
        """Return what it says now."""
        return self._publication.read()

    def append(self, key: bytes, value: bytes) -> None:
        """Append a record; return once it is durable."""
        self._producer.send([ProducerRecord(DEFINITIONS, key, value)])

    def follow_up(
        self,
        workspace: str,
        follow: Callable[[Publication], Said],
        record: Callable[[str, Said], tuple[bytes, bytes]],
    ) -> Said:
        """Append what follows from all that the topic says, and return it once it is read here as well.

        Nobody does so for the workspace in between: whoever else tries is fenced. What `follow` raises passes.
        """
        with TransactionalProducer(self._kafka, f"{CLIENT}-{workspace}") as producer:
            said = follow(read_publication(self._kafka))
            key, value = record(workspace, said)
            try:
                producer.send([ProducerRecord(DEFINITIONS, key, value)])
            except ProducerFenced as error:
                raise TransientError(str(error)) from error
        if not self._publication.wait_until(lambda read: read.with_record(key, value) == read, READ_WITHIN_S):
            raise TransientError(f"{DEFINITIONS} does not show what was written to it")
        return said

    def close(self) -> None:
        """Read no longer."""
        self._publication.close()


def _with_records(publication: Publication, messages: list[Message]) -> Publication:
    for message in messages:
        publication = publication.with_record(message.key(), message.value())
    return publication
