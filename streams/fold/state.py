"""The state of one profile and its bytes in the store; what changes it is in the other modules of this folder."""

import struct
from typing import Literal

import msgspec

from definitions import NEVER
from schemas.records import Owner

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
    rebuilt: int = 0  # the last decision that had it rebuilt
    reattributed: dict[
        str, int
    ] = {}  # shared device -> the decision since which what it handed on before may be of others
    owners: tuple[Owner, ...] = ()  # of a shared device that is handed on: whose its events are
    owners_decision: int = 0  # the decision that said so
    attributed_until: int = BEGINNING  # the latest event that was given to a owner
    kept_until: int = BEGINNING  # if of ended sessions alone: until when it does not vanish; then, is not forgotten
    vanished_at: int | None = None  # the system's time at which others were told that it is no more


class Forward(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is left of a profile that was merged away: where to look, and the decision that said so.

    `rebuilt`: the last decision by which its events were replayed, here or at its target.
    """

    target: str
    decision: int
    version: int = 0
    rebuilt: int = 0


class Told(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A session of a replay, as it will be told of."""

    status: Literal["open", "closed", "retracted"]
    started_at: int
    ended_at: int
    events: int
    entry_url: str | None = None


class KnownOfPart(msgspec.Struct, array_like=True, gc=False):
    """Of one part of a replay: the sessions it has to tell, and the ids of those that the warehouse has."""

    sessions: dict[str, Told]
    known: list[str] = []


class Rebuilding(msgspec.Struct, array_like=True, gc=False):
    """A profile that waits for the replay of its events (docs/decisions/0009).

    `memberships`: those that others were told of. `aside`: 8 bytes for each record that was put aside, in order, a hash
    of its message id, or zeros for a command; the first ones lie under keys of their own, as `aside_chunks` chunks.
    `run`, `next_part`: how far the replay is. `shadow`: the state so far. `sessions`: what the part at hand has to say.
    `arrivals`: of what was replayed, the newest ids by when they were received; a replay is ordered by time.
    """

    decision: int
    identifiers: list[tuple[str, str]]
    version: int = 0
    memberships: dict[str, int] = {}
    aside: bytes = b""
    run: str = ""
    next_part: int = 0
    shadow: ProfileState | None = None
    reattributed: dict[str, int] = {}
    sessions: dict[str, Told] = {}
    owners: tuple[Owner, ...] = ()
    arrivals: bytes = b""
    aside_chunks: int = 0

    @property
    def rebuilt(self) -> int:
        """The decision by which its events are being replayed."""
        return self.decision


Entry = ProfileState | Forward | Rebuilding

_HEAD = struct.Struct(">cQ")
_PROFILE, _FORWARD, _REBUILDING = b"p", b"f", b"r"
_ASIDE, _HASHES, _TOLD = b"a", b"h", b"t"  # what lies beside a profile that is rebuilt
_encode = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(ProfileState).decode
_decode_forward = msgspec.msgpack.Decoder(Forward).decode
_decode_rebuilding = msgspec.msgpack.Decoder(Rebuilding).decode
_decode_known_of_part = msgspec.msgpack.Decoder(KnownOfPart).decode
_KINDS: dict[type[Entry], bytes] = {ProfileState: _PROFILE, Forward: _FORWARD, Rebuilding: _REBUILDING}


def encode_entry(entry: Entry, next_deadline: int) -> bytes:
    """Kind, next deadline (ms, unsigned big-endian), msgpack. A deadline before 1970 is written as 0: due at once."""
    return _HEAD.pack(_KINDS[type(entry)], min(max(next_deadline, 0), NEVER)) + _encode(entry)


def decode_entry(value: bytes) -> Entry:
    """The inverse of `encode_entry`. Raises ValueError for bytes that it did not write."""
    if value[:1] == _PROFILE:
        return _decode_state(memoryview(value)[_HEAD.size :])
    if value[:1] == _FORWARD:
        return _decode_forward(memoryview(value)[_HEAD.size :])
    if value[:1] == _REBUILDING:
        return _decode_rebuilding(memoryview(value)[_HEAD.size :])
    raise ValueError(f"an entry of the profile table cannot begin with {value[:1]!r}")


def deadline_of(value: bytes) -> int:
    """The next deadline of an entry, without decoding the rest."""
    deadline: int = _HEAD.unpack_from(value)[1]
    return deadline


def encode_aside(is_event: bool, record: bytes) -> bytes:
    """A record that is put aside while its profile is rebuilt, as an entry without a deadline."""
    return _HEAD.pack(_ASIDE, NEVER) + (b"e" if is_event else b"c") + record


def decode_aside(value: bytes) -> tuple[bool, bytes]:
    """The inverse of `encode_aside`."""
    return value[_HEAD.size : _HEAD.size + 1] == b"e", value[_HEAD.size + 1 :]


def encode_hashes(hashes: bytes) -> bytes:
    """A full chunk of `Rebuilding.aside`, as an entry without a deadline."""
    return _HEAD.pack(_HASHES, NEVER) + hashes


def decode_hashes(value: bytes) -> bytes:
    """The inverse of `encode_hashes`."""
    return value[_HEAD.size :]


def encode_known_of_part(known: KnownOfPart) -> bytes:
    """What is known of a part, as an entry without a deadline."""
    return _HEAD.pack(_TOLD, NEVER) + _encode(known)


def decode_known_of_part(value: bytes) -> KnownOfPart:
    """The inverse of `encode_known_of_part`."""
    return _decode_known_of_part(memoryview(value)[_HEAD.size :])
