"""Records that the sink cannot decode, kept whole on `events.dead`."""

import time
from typing import cast

from confluent_kafka import KafkaException, Message, Producer

from runtime.errors import TransientError
from runtime.kafka.clients import PRODUCER_CONFIG
from schemas import topics
from schemas.codec import Codec, DecodeError
from schemas.dead_letters import dead_letter
from schemas.records import DeadLetter

STAGE = "sink"
DELIVERY_TIMEOUT_S = 10.0


class DeadLetters:
    """Produces dead letters. A repeated one has the same id."""

    def __init__(self, kafka: str, codec: Codec) -> None:
        self._encode = codec.encoder(DeadLetter)
        config = {"bootstrap.servers": kafka, "message.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000)}
        self._producer = Producer(PRODUCER_CONFIG | config)

    def send(self, failures: list[tuple[Message, DecodeError]]) -> None:
        """Return when every letter is durable. Raises TransientError when one is not: sending all again is safe."""
        undelivered: list[str] = []

        def delivered(error: object, _: Message) -> None:
            if error is not None:
                undelivered.append(str(error))

        try:
            for message, error in failures:
                letter = _letter(message, error)
                key = letter.dead_id.encode()
                self._producer.produce(topics.EVENTS_DEAD, self._encode(letter), key, on_delivery=delivered)
                self._producer.poll(0)
        except (KafkaException, BufferError) as error:
            raise TransientError(f"a dead letter cannot be produced: {error}") from error
        if self._producer.flush(DELIVERY_TIMEOUT_S + 1) or undelivered:
            reason = undelivered[0] if undelivered else "no acknowledgement"
            raise TransientError(f"a dead letter was not delivered: {reason}")


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
        failed_at=time.time_ns() // 1_000_000,
    )
