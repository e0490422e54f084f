"""Keeps records that the sink cannot decode whole on `events.dead`."""

from typing import cast

from confluent_kafka import Message

from runtime.clock import now_ms
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from schemas import groups, topics
from schemas.codec import Codec, DecodeError
from schemas.dead_letters import dead_letter
from schemas.records import DeadLetter

STAGE = "sink"
DELIVERY_TIMEOUT_S = 10.0


class DeadLetterProducer:
    """Produces dead letters. A repeated one has the same id."""

    def __init__(self, kafka: str, codec: Codec) -> None:
        self._encode = codec.encoder(DeadLetter)
        self._producer = AcknowledgedProducer(kafka, groups.SINK.name, delivery_timeout_s=DELIVERY_TIMEOUT_S)

    def send(self, failures: list[tuple[Message, DecodeError]]) -> None:
        """Return when every letter is durable. Raises TransientError when one is not: sending all again is safe."""
        letters = (_letter(message, error) for message, error in failures)
        self._producer.send(
            ProducerRecord(topics.EVENTS_DEAD, letter.dead_id.encode(), self._encode(letter)) for letter in letters
        )


def _letter(message: Message, error: DecodeError) -> DeadLetter:
    return dead_letter(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=message.key(),
        value=message.value(),
        headers=cast("list[tuple[str, bytes | None]]", message.headers() or []),
        stage=STAGE,
        error=error,
        failed_at=now_ms(),
    )
