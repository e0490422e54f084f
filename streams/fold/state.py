"""The state of one profile and its bytes in the store; what changes it is in the other modules of this folder."""

import struct

import msgspec

from definitions import NEVER

BEGINNING = -(2**63)  # `as_of` of a profile that has seen no event


class Trait(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """One write of a trait; the greatest by (time, source priority, message id) wins, so the field order matters."""

    occurred_at: int
    priority: int
    message_id: str
    value: str  # JSON text; `null` marks a trait that was unset


class Visit(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A session as the events that it spans; `entry_at` is the time of the event that gave `entry_url`."""

    started_at: int
    ended_at: int
    events: int
    entry_at: int | None = None
    entry_url: str | None = None


class RecentIds(msgspec.Struct, array_like=True, gc=False):
    """Packed 8-byte hashes of message ids in two generations; `since` is when the younger one began."""

    since: int = BEGINNING
    recent: bytearray = msgspec.field(default_factory=bytearray)
    previous: bytes = b""


class ProfileState(msgspec.Struct, array_like=True, gc=False):
    """Everything remembered of one profile. New fields go to the end and have a default: old bytes must decode."""

    version: int = 0
    decision: int = 0
    as_of: int = BEGINNING
    first_seen_at: int | None = None
    last_seen_at: int | None = None
    events: int = 0
    identifiers: list[tuple[str, str]] = []  # (namespace, value), strongest first
    traits: dict[str, Trait] = {}
    counters: dict[str, int] = {}
    windows: dict[str, list[int]] = {}  # accumulator id -> times of its newest events, newest first
    memberships: dict[str, int] = {}  # segment -> entered_at
    untils: dict[str, int] = {}  # segment -> when its verdict may change without an event; absent: never
    visits: list[Visit] = []  # oldest first, at least half an hour apart, hence few within the lateness bound
    recent_ids: RecentIds = msgspec.field(default_factory=RecentIds)
    definitions: str = ""  # fingerprint of the program from which `memberships` and `untils` follow


class Forward(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is left of a profile that was merged away: where to look, and the decision that said so."""

    target: str
    decision: int
    version: int = 0


_HEAD = struct.Struct(">cQ")
_PROFILE, _FORWARD = b"p", b"f"
_encode = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(ProfileState).decode
_decode_forward = msgspec.msgpack.Decoder(Forward).decode


def encode_entry(entry: ProfileState | Forward, next_deadline: int) -> bytes:
    """Kind, next deadline (ms, unsigned big-endian), msgpack. A deadline before 1970 is written as 0: due at once."""
    kind = _PROFILE if isinstance(entry, ProfileState) else _FORWARD
    return _HEAD.pack(kind, min(max(next_deadline, 0), NEVER)) + _encode(entry)


def decode_entry(value: bytes) -> ProfileState | Forward:
    """The inverse of `encode_entry`. Raises ValueError for bytes that it did not write."""
    if value[:1] == _PROFILE:
        return _decode_state(memoryview(value)[_HEAD.size :])
    if value[:1] == _FORWARD:
        return _decode_forward(memoryview(value)[_HEAD.size :])
    raise ValueError(f"an entry of the profile table cannot begin with {value[:1]!r}")


def deadline_of(value: bytes) -> int:
    """The next deadline of an entry, without decoding the rest."""
    deadline: int = _HEAD.unpack_from(value)[1]
    return deadline
