"""Dead letters, whole and with the reason."""

from typing import Literal

import msgspec

Reason = Literal[
    "bad_magic",
    "unknown_schema",
    "truncated",
    "wrong_schema",
    "invalid",
    "no_identifier",
    "unknown_workspace",
    "too_large",
    "unprocessable",
]


class Header(msgspec.Struct, frozen=True, gc=False):
    """A header of a record, as it lay in Kafka."""

    name: str
    value: bytes | None = None


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A record that could not be processed, kept whole with the reason."""

    dead_id: str
    topic: str
    partition: int
    offset: int
    stage: str
    reason: Reason
    failed_at: int
    workspace: str | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[Header, ...] = ()
    detail: str = ""
