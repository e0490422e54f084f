"""Which chunks of replays PROFILE could not take: they became dead letters, and it goes on without them."""

import time
import uuid
from collections.abc import Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.errors import TransientError
from runtime.kafka.offsets import Offsets, Partition
from schemas import topics
from schemas.dead_letters import dead_id

ANSWER_TIMEOUT_S = 30.0
_STAGE = "profile"

Place = tuple[int, int]
"""Partition and offset of `profile.commands`."""


class Refusals:
    """The end of `events.dead` in one Kafka, for one thread."""

    def __init__(self, kafka: str, offsets: Offsets) -> None:
        self._kafka = kafka
        self._offsets = offsets
        self._seen: Mapping[Partition, int] = {}

    def begin(self) -> None:
        """From now on dead letters count. Raises TransientError."""
        self._seen = self._ends()

    def of(self, places: Iterable[Place]) -> frozenset[Place]:
        """Which of these places have a dead letter since `begin`.

        For places that the worker has committed: their dead letters were committed with them. Raises TransientError.
        """
        places_by_id = {dead_id(topics.PROFILE_COMMANDS, *place, _STAGE).encode(): place for place in places}
        ends = self._ends()
        unread = {place: end for place, end in ends.items() if end > self._seen.get(place, 0)}
        if not unread:
            return frozenset()
        return frozenset(places_by_id[key] for key in self._keys(unread) if key in places_by_id)

    def _ends(self) -> Mapping[Partition, int]:
        try:
            extents = self._offsets.extents(self._offsets.partitions([topics.EVENTS_DEAD]))
        except KafkaException as error:
            raise _no_answer(error) from error
        return {place: extent.end for place, extent in extents.items()}

    def _keys(self, ends: Mapping[Partition, int]) -> list[bytes]:
        """The keys of what came since `begin`, up to these ends."""
        consumer = self._consumer()
        try:
            consumer.assign([TopicPartition(*place, self._seen.get(place, 0)) for place in ends])
            keys: list[bytes] = []
            deadline = time.monotonic() + ANSWER_TIMEOUT_S
            # An open transaction, of whomever, holds back what lies behind it until it is over.
            while any(at.offset < ends[at.topic, at.partition] for at in consumer.position(consumer.assignment())):
                if time.monotonic() >= deadline:
                    raise TransientError(f"Kafka does not send what lies on {topics.EVENTS_DEAD}")
                for message in consumer.consume(500, 0.1):
                    error = message.error()
                    if error is None:
                        keys.append(message.key() or b"")
                    elif not error.retriable() and error.code() != KafkaError._PARTITION_EOF:
                        raise KafkaException(error)
        except KafkaException as error:
            raise _no_answer(error) from error
        finally:
            consumer.close()
        return keys

    def _consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._kafka,
                "group.id": f"{topics.APP}-rebuilder-refusals-{uuid.uuid4().hex}",  # never joined
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
                "log_level": 0,
            }
        )


def _no_answer(error: KafkaException) -> TransientError:
    return TransientError(f"Kafka does not answer: {error.args[0].str()}")
