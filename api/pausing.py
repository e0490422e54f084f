"""Pauses destinations and resumes them: records of `deliveries.control`, which every deliverer follows."""

from definitions.sets.topic import ensure_topic, now_ms
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from schemas.delivery_control import Pause, Pauses, pause_record, resume_record
from schemas.topics import DELIVERIES_CONTROL
from settings import Settings

DELIVERY_TIMEOUT_S = 10.0


def read_pauses(settings: Settings) -> Pauses:
    """Return which destinations are paused by an operator. Raises TransientError or TerminalError."""
    ensure_topic(settings.kafka, settings.replication, topic=DELIVERIES_CONTROL)
    pauses = Pauses()
    for message in read_to_end(settings.kafka, [DELIVERIES_CONTROL]):
        pauses = pauses.with_record(message.key(), message.value())
    return pauses


def pause(settings: Settings, destination: str, reason: str) -> Pause:
    """Pause a destination, in every workspace. Raises TransientError or TerminalError."""
    wanted = Pause(destination, now_ms(), reason)
    _append(settings, pause_record(wanted))
    return wanted


def resume(settings: Settings, destination: str) -> None:
    """Resume a destination; one that is not paused goes on. Raises TransientError or TerminalError."""
    _append(settings, resume_record(destination))


def _append(settings: Settings, record: tuple[bytes, bytes | None]) -> None:
    ensure_topic(settings.kafka, settings.replication, topic=DELIVERIES_CONTROL)
    producer = AcknowledgedProducer(settings.kafka, "onefold-deliveries", delivery_timeout_s=DELIVERY_TIMEOUT_S)
    producer.send([ProducerRecord(DELIVERIES_CONTROL, *record)])
