"""Reads and writes `triggers.across`, and publishes firings in the same transactions."""

from collections.abc import Mapping, Sequence

from confluent_kafka import Message

from definitions.across import Memory
from definitions.across.remembered import ClockRecord, later, remembered
from definitions.sets.topic import ensure_topic
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.following import FollowedValue
from runtime.kafka.reading import read_to_end
from runtime.kafka.transactions import TransactionalProducer
from schemas.topics import TRIGGERS_ACROSS

CLIENT = "onefold-across"


class KafkaWorkspace:
    """See `protocols.FencedWorkspace`. For one thread."""

    def __init__(self, kafka: str, workspace: str) -> None:
        """Raises TransientError or TerminalError."""
        self._producer = TransactionalProducer(kafka, f"{CLIENT}-{workspace}")  # before it reads: nobody writes now
        self.memories: Mapping[str, Memory] = remembered(
            message.value() for message in read_to_end(kafka, [TRIGGERS_ACROSS])
        ).of(workspace)

    def publish(self, records: Sequence[ProducerRecord]) -> None:
        """See `protocols.FencedWorkspace`."""
        self._producer.send(records)

    def close(self) -> None:
        """See `protocols.FencedWorkspace`."""
        self._producer.close()


class KafkaFence:
    """See `protocols.WorkspaceFence`. Follows the topic in a thread of its own."""

    def __init__(self, kafka: str, replication: int) -> None:
        """Raises TransientError or TerminalError."""
        self._kafka = kafka
        ensure_topic(kafka, replication, topic=TRIGGERS_ACROSS)
        start: Mapping[str, ClockRecord] = {}
        self._clocks = FollowedValue(kafka, TRIGGERS_ACROSS, start, _moved)

    def take(self, workspace: str) -> KafkaWorkspace:
        """See `protocols.WorkspaceFence`."""
        return KafkaWorkspace(self._kafka, workspace)

    def clock(self, workspace: str) -> ClockRecord | None:
        """See `protocols.WorkspaceFence`."""
        return self._clocks.read().get(workspace)

    def close(self) -> None:
        """Read no longer."""
        self._clocks.close()


def _moved(clocks: Mapping[str, ClockRecord], messages: list[Message]) -> Mapping[str, ClockRecord]:
    moved = remembered(message.value() for message in messages).clocks
    return {**clocks, **{name: later(clocks.get(name), each) for name, each in moved.items()}}
