"""What is published of a trigger across persons: its firings, and what is remembered, as records of their topics."""

from collections.abc import Iterator, Sequence

import msgspec

from definitions.across import AcrossFiring, Memory, shown_value
from definitions.across.remembered import MemoryRecord, record_of
from definitions.destinations import Destination
from definitions.model import AcrossTrigger
from definitions.streaming.times import text_of
from definitions.templates import Payload
from jobs.across import metrics
from runtime.kafka.deliveries import ProducerRecord
from schemas import topics
from schemas.codec import Codec
from schemas.identity import across_key, stable_id
from schemas.records import FiredTrigger

TICK = "tick"
"""The cause of what fires at a tick."""


class AcrossOutputs:
    """Encodes what is published."""

    def __init__(self, codec: Codec) -> None:
        self._encode = codec.encoder(FiredTrigger)

    def firings(
        self,
        workspace: str,
        trigger: AcrossTrigger,
        firings: Sequence[AcrossFiring],
        destinations: Sequence[Destination],
        decided_at: int,
    ) -> Iterator[ProducerRecord]:
        """Yield each firing for `triggers`, and for each destination for which it is not too late."""
        notified = [each for each in destinations if each.name in trigger.destinations]
        for firing in firings:
            record = trigger_record(workspace, trigger, firing, decided_at)
            key, value = across_key(workspace, trigger.name, firing.value), self._encode(record)
            yield ProducerRecord(topics.TRIGGERS, key, value)
            for destination in notified:
                if destination.is_too_late(decided_at - firing.tick):
                    metrics.WITHHELD.labels(workspace, destination.name).inc()
                else:
                    yield ProducerRecord(topics.activation(destination.name), key, value)

    @staticmethod
    def memory(workspace: str, trigger: AcrossTrigger, memory: Memory) -> ProducerRecord:
        """Return the record of what is remembered."""
        key, value = record_of(MemoryRecord(workspace, trigger.name, memory))
        return ProducerRecord(topics.TRIGGERS_ACROSS, key, value)


def trigger_record(workspace: str, trigger: AcrossTrigger, firing: AcrossFiring, decided_at: int) -> FiredTrigger:
    """Return a firing as it is published: about nobody, and with an id that follows from what it is about."""
    payload = Payload(trigger.payload).render(
        {
            "across": {
                "value": shown_value(firing.value),
                "number": firing.number,
                "usual": None if firing.usual is None else round(firing.usual, 2),
            },
            "trigger": {"name": trigger.name, "fired_at": text_of(firing.tick)},
        }
    )
    metrics.MISSED_TEXTS.labels(workspace, trigger.name).inc(len(trigger.payload) - len(payload))
    return FiredTrigger(
        workspace=workspace,
        trigger_id=stable_id(f"across|{workspace}|{trigger.name}|{firing.value}|{firing.tick}"),
        trigger=trigger.name,
        fired_at=firing.tick,
        cause=TICK,
        version=0,
        payload=msgspec.json.encode(payload).decode(),
        decided_at=decided_at,
        across=firing.value or None,
    )
