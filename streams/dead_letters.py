"""What becomes of a record that cannot be processed: a dead letter that holds it whole, and a count."""

import hashlib

from schemas.codec import Codec, DecodeError
from schemas.records import DeadLetter, Header
from schemas.topics import EVENTS_DEAD, MAX_RECORD_BYTES
from streams import metrics
from streams.metrics import Tally
from streams.phases import Output, Record

# What surrounds a value in its dead letter: key, headers, fields, and Kafka's own framing of a batch.
_ENVELOPE_BYTES = 200_000


class DeadLetters:
    """Makes the dead letters of one stage. They are outputs like any other, so nothing is acknowledged without them."""

    def __init__(self, codec: Codec, stage: str) -> None:
        self._stage = stage
        self._encode = codec.encoder(DeadLetter)

    def of(self, record: Record, error: DecodeError, now: int, tally: Tally) -> Output:
        """The dead letter of a record; its id is the same on every repetition."""
        place = f"{record.topic}|{record.partition}|{record.offset}|{self._stage}"
        dead_id = hashlib.sha1(place.encode(), usedforsecurity=False).hexdigest()
        tally[metrics.DEAD, (self._stage, error.reason)] += 1
        value, detail = record.value, error.detail
        if value is not None and len(value) > MAX_RECORD_BYTES - _ENVELOPE_BYTES:
            detail = f"{detail} (left where it lies: {len(value)} bytes do not fit into a dead letter)"
            value = None
        letter = DeadLetter(
            dead_id=dead_id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            stage=self._stage,
            reason=error.reason,
            failed_at=now,
            key=record.key,
            value=value,
            headers=tuple(Header(name, value) for name, value in record.headers),
            detail=detail,
        )
        return Output(EVENTS_DEAD, dead_id.encode(), self._encode(letter))
