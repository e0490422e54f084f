"""Reads the topic `definitions`, and applies sets: of two who do so at once one wins, and the other hears of it."""

import threading
import time
from collections.abc import Callable
from functools import cache

from definitions.sets.model import DefinitionSet
from definitions.sets.publication import Publication, set_record
from runtime.errors import TerminalError, TransientError
from runtime.kafka.clients import MAX_RECORD_BYTES
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.offsets import Offsets
from runtime.kafka.reading import read_to_end
from runtime.kafka.topics import create_topics
from runtime.kafka.transactions import ProducerFenced, TransactionalProducer
from schemas.topics import DEFINITIONS, single_partition_configuration

_PARTITION = (DEFINITIONS, 0)
_APPLIER = "onefold-definitions"
_THERE_WITHIN_S = 60.0
_LOOK_AGAIN_S = 0.1


class Overtaken(TerminalError):
    """Another set was applied meanwhile: what was planned may not be what would come of it."""


def ensure_topic(kafka: str, replication: int, answer_timeout_s: float = 30.0, topic: str = DEFINITIONS) -> None:
    """Create a topic that is read whole, with its one partition, if it is missing, and return once it is there.

    Raises TransientError or TerminalError.
    """
    wanted = {topic: single_partition_configuration()}
    create_topics(kafka, wanted, 1, replication, timeout_s=answer_timeout_s)
    give_up_at = time.monotonic() + _THERE_WITHIN_S
    while True:
        try:
            Offsets(kafka).extents([(topic, 0)])
            return
        except TransientError:  # a broker hears of a topic a moment after it was created
            if time.monotonic() > give_up_at:
                raise
            time.sleep(_LOOK_AGAIN_S)


def read_publication(kafka: str) -> Publication:
    """Return what the topic says now: a process reads on from where it was. Raises TransientError, UnknownLanguage."""
    return _reading(kafka).read_on()


class _Reading:
    """What the topic of one Kafka has said so far, for all threads of a process."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._lock = threading.Lock()
        self._publication = Publication()
        self._next = 0

    def read_on(self) -> Publication:
        with self._lock:
            if self._next > self._end():  # not the topic of before: whoever begins anew may keep the address
                self._publication, self._next = Publication(), 0
            for message in read_to_end(self._kafka, [DEFINITIONS], {_PARTITION: self._next}):
                self._publication = self._publication.with_record(message.key(), message.value())
                self._next = (message.offset() or 0) + 1
            return self._publication

    def _end(self) -> int:
        offsets = Offsets(self._kafka)
        return max((extent.end for extent in offsets.extents(offsets.partitions([DEFINITIONS])).values()), default=0)


@cache
def _reading(kafka: str) -> _Reading:
    return _Reading(kafka)


def apply_set(kafka: str, following: Callable[[DefinitionSet | None], DefinitionSet], expected: int) -> DefinitionSet:
    """Publish the set that is to follow the newest one, whose version is `expected`; return it.

    Raises Overtaken, and nothing is published, if that is not the newest one any more.
    """
    with TransactionalProducer(kafka, _APPLIER) as producer:  # whoever applies at the same time is fenced
        publication = read_publication(kafka)
        if publication.version != expected:
            raise _overtaken(publication.version)
        applied = following(publication.newest)
        key, value = set_record(applied)
        if len(value) > MAX_RECORD_BYTES:
            raise TerminalError(f"the definitions are too large: {len(value)} bytes, and {MAX_RECORD_BYTES} are taken")
        try:
            producer.send([ProducerRecord(DEFINITIONS, key, value)])
        except ProducerFenced:
            raise _overtaken(expected + 1) from None
    return applied


def _overtaken(version: int) -> Overtaken:
    return Overtaken(f"version {version} was applied meanwhile: look at the plan once more")
