"""Publishes to operators what is held up: records of `deliveries.control`, on changes only.

Which destinations this process cannot open, and which do not accept their credentials.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from runtime.errors import TransientError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from schemas.delivery_control import (
    Pauses,
    Suspended,
    Unopened,
    accepted_record,
    opened_record,
    suspended_record,
    unopened_record,
)
from schemas.topics import DELIVERIES_CONTROL

log = logging.getLogger(__name__)

DELIVERY_TIMEOUT_S = 10.0

Record = tuple[bytes, bytes | None]
_Held = TypeVar("_Held", Unopened, Suspended)


class HeldUpPublisher:
    """Knows what was said so far, at first what the topic says: a process that starts takes back what has passed."""

    def __init__(self, kafka: str, said: Pauses) -> None:
        self._producer = AcknowledgedProducer(kafka, "onefold-deliverer", delivery_timeout_s=DELIVERY_TIMEOUT_S)
        self._said = said

    def publish(self, topic: Pauses, held: Pauses, over: Collection[str]) -> None:
        """Say what is held up, and what is no more, unless it was said. Raises TerminalError.

        `topic`: what it says now; `over`: the suspensions that it has, of whatever process, and that are over.
        """
        records = changes(self._said, topic, held, over)
        if records:
            try:
                self._producer.send(ProducerRecord(DELIVERIES_CONTROL, *record) for record in records)
            except TransientError as error:
                log.warning("which destinations are held up is said later: %s", error)
                return
        self._said = held


def changes(said: Pauses, topic: Pauses, held: Pauses, over: Collection[str]) -> list[Record]:
    """Return the records by which the topic says what holds. Pure.

    What cannot be opened is said as this process sees it. Whether credentials are accepted, a process knows only once
    it has sent something: so a suspension is taken back where that is known, not where a process starts, and goes on
    since the time at which it began, whoever says it.
    """
    lasting = {
        name: Suspended(name, topic.suspended[name].since, each.reason)
        if name in topic.suspended and name not in over
        else each
        for name, each in held.suspended.items()
    }
    return [
        *_new(said.unopened, held.unopened, unopened_record),
        *(opened_record(name) for name in said.unopened if name not in held.unopened),
        *(accepted_record(name) for name in over),
        *_new({name: each for name, each in said.suspended.items() if name not in over}, lasting, suspended_record),
    ]


def _new(said: Mapping[str, _Held], held: Mapping[str, _Held], record: Callable[[_Held], Record]) -> list[Record]:
    """Return records of what is held up by a reason that was not said."""
    return [record(each) for name, each in held.items() if name not in said or said[name].reason != each.reason]
