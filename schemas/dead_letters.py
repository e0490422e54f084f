"""The dead letter of a record, whichever stage could not process it; producing it is the stage's."""

import hashlib
from collections.abc import Iterable

from runtime.kafka.clients import MAX_RECORD_BYTES
from schemas.codec import DecodeError
from schemas.records import DeadLetter, Header

# What surrounds a value in its dead letter: key, headers, fields, and Kafka's own framing of a batch.
_ENVELOPE_BYTES = 200_000


def dead_letter(  # noqa: PLR0913 - a record as it lies in Kafka, and what became of it
    *,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
    stage: str,
    error: DecodeError,
    failed_at: int,
) -> DeadLetter:
    """Make a dead letter: it holds the record whole, or says where it lies if the value alone fills one of Kafka's.

    The id is the same on every repetition. `failed_at`: ms.
    """
    detail = error.detail
    if value is not None and len(value) > MAX_RECORD_BYTES - _ENVELOPE_BYTES:
        detail = f"{detail} (left where it lies: {len(value)} bytes do not fit into a dead letter)"
        value = None
    return DeadLetter(
        dead_id=dead_id(topic, partition, offset, stage),
        topic=topic,
        partition=partition,
        offset=offset,
        stage=stage,
        reason=error.reason,
        failed_at=failed_at,
        key=key,
        value=value,
        headers=tuple(Header(name, content) for name, content in headers),
        detail=detail,
    )


def dead_id(topic: str, partition: int, offset: int, stage: str) -> str:
    """Return the id, and the key, of the dead letter that a stage would make of the record at an offset."""
    position = f"{topic}|{partition}|{offset}|{stage}"
    return hashlib.sha1(position.encode(), usedforsecurity=False).hexdigest()
