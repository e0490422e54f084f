"""Tells operators which destinations this process cannot open: records of `deliveries.control`, on changes only."""

import logging
from collections.abc import Mapping

from runtime.errors import TransientError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from schemas.delivery_control import Unopened, opened_record, unopened_record
from schemas.topics import DELIVERIES_CONTROL

log = logging.getLogger(__name__)

DELIVERY_TIMEOUT_S = 10.0


class Telling:
    """What was said so far; at first what the topic says, so that a process that starts takes back what has passed."""

    def __init__(self, kafka: str, said: Mapping[str, Unopened]) -> None:
        self._producer = AcknowledgedProducer(kafka, "onefold-deliverer", delivery_timeout_s=DELIVERY_TIMEOUT_S)
        self._said = dict(said)

    def tell(self, unopened: Mapping[str, Unopened]) -> None:
        """Say what cannot be opened, and what can be again, unless it was said. Raises TerminalError."""
        records = changes(self._said, unopened)
        if not records:
            return
        try:
            self._producer.send(ProducerRecord(DELIVERIES_CONTROL, *record) for record in records)
        except TransientError as error:
            log.warning("which destinations cannot be opened is said later: %s", error)
            return
        self._said = dict(unopened)


def changes(said: Mapping[str, Unopened], unopened: Mapping[str, Unopened]) -> list[tuple[bytes, bytes | None]]:
    """Return the records by which the topic says what holds: of what has another reason, and of what opens. Pure."""
    new = [each for name, each in unopened.items() if name not in said or said[name].reason != each.reason]
    gone = [name for name in said if name not in unopened]
    return [*map(unopened_record, new), *map(opened_record, gone)]
