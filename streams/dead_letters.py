"""What becomes of a record that cannot be processed: a dead letter that holds it whole, and a count."""

import hashlib

from schemas.codec import Codec, DecodeError
from schemas.records import DeadLetter, Header
from schemas.topics import EVENTS_DEAD
from streams import metrics
from streams.metrics import Tally
from streams.phases import Output, Record


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
        letter = DeadLetter(
            dead_id=dead_id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            stage=self._stage,
            reason=error.reason,
            failed_at=now,
            key=record.key,
            value=record.value,
            headers=tuple(Header(name, value) for name, value in record.headers),
            detail=error.detail,
        )
        return Output(EVENTS_DEAD, dead_id.encode(), self._encode(letter))
