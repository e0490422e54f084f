"""What becomes of a record that cannot be processed: a dead letter that holds it whole, and a count."""

from schemas.codec import Codec, DecodeError
from schemas.dead_letters import dead_letter
from schemas.records import DeadLetter
from schemas.topics import EVENTS_DEAD
from state.outputs import Output
from streams import metrics
from streams.metrics import Tally
from streams.phases import Record


class DeadLetters:
    """Makes the dead letters of one stage. They are outputs like any other, so nothing is acknowledged without them."""

    def __init__(self, codec: Codec, stage: str) -> None:
        self._stage = stage
        self._encode = codec.encoder(DeadLetter)

    def of(self, record: Record, error: DecodeError, now: int, tally: Tally) -> Output:
        """Make the dead letter of a record; its id is the same on every repetition."""
        tally[metrics.DEAD, (self._stage, error.reason)] += 1
        letter = dead_letter(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=record.headers,
            stage=self._stage,
            error=error,
            failed_at=now,
        )
        return Output(EVENTS_DEAD, letter.dead_id.encode(), self._encode(letter))
