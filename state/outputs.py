"""Records that a commit produces, and their size as Kafka's limits count it."""

import msgspec

Headers = tuple[tuple[str, bytes | None], ...]


class Output(msgspec.Struct, frozen=True, gc=False):
    """A record to be produced; its partition follows from its key."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers = ()


def record_bytes(key: bytes, value: bytes | None) -> int:
    """Return the size of a record as limits count it: its key and its value."""
    return len(key) + len(value or b"")
