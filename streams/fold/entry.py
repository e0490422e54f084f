"""What the store holds under the key of a profile, and its bytes; what changes it is in the modules beside this one."""

import struct
from typing import NamedTuple

import msgspec

from definitions import NEVER
from schemas.records import FiredTrigger, Identifier, Seed
from streams.fold.compression import MIN_BYTES, compress, decompress
from streams.fold.identifiers import Identifiers
from streams.fold.lineage import Lineage
from streams.fold.seeds import PendingSeed, Seeds
from streams.fold.sessions import Status
from streams.fold.state import ProfileState


class Forward(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What is left of a profile that was merged away: where to look, and the decision that said so.

    `rebuilt`: the last decision by which its events were replayed, here or at its target.
    """

    target: str
    decision: int
    version: int = 0
    rebuilt: int = 0


class PendingSession(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A session of a replay, as it will be published when the replay is complete."""

    status: Status
    started_at: int
    ended_at: int
    events: int
    entry_url: str | None = None
    facts: tuple[str, ...] = ()


class Rebuilding(msgspec.Struct, array_like=True, gc=False):
    """A profile that waits for the replay of its events (docs/decisions/0009).

    `kept`: what outlasts the rebuild, as of the time until which the profile was known (BEGINNING: it was not), with
    the lineage, identifiers and ownership that the rebuild names. Its memberships are what was published before, its
    recent ids those of the newest events then.
    `buffered`: the packed ids of the buffered records, in order, with zeros for a command. The first ones lie under
    keys of their own, in `buffered_blocks`. `attempt`, `next_chunk`: how far the replay is. `shadow`: the state so far.
    `sessions`, `fired`: what the chunk at hand has to publish. `fired_to`: until when (ms) triggers have fired; what
    happened before is history, and fires nothing. `began_at`: since when (ms) it waits.
    """

    kept: ProfileState
    buffered: bytes = b""
    buffered_blocks: int = 0
    attempt: str = ""
    next_chunk: int = 0
    shadow: ProfileState | None = None
    sessions: dict[str, PendingSession] = {}
    fired_to: int = NEVER
    began_at: int = NEVER
    fired: list[FiredTrigger] = []

    @property
    def decision(self) -> int:
        """The decision by which its events are replayed."""
        return self.kept.lineage.rebuilt


class BufferedRecord(NamedTuple):
    """A record that waited for a rebuild: the bytes of an event, or of a command."""

    is_event: bool
    raw: bytes


class ChunkOutputs(msgspec.Struct, array_like=True, gc=False):
    """Of one chunk of a replay: the sessions that it has to publish, and the ids of those that the warehouse has.

    `fired`: the triggers that it has to publish.
    """

    sessions: dict[str, PendingSession]
    published: list[str] = []
    fired: list[FiredTrigger] = []


class Settling(msgspec.Struct, array_like=True, gc=False):
    """Of a profile on the wall clock whose history is still coming in: what is held back (docs/decisions/0035).

    `held`, `held_bytes`: events under keys of their own, and their size. `since`: when the first of them came; `until`:
    when nothing more is waited for (both ms). `has_later`: whether some are later than the profile's time, so that
    whatever is later than those waits as well; of the past alone, the order does not matter.
    """

    held: int = 0
    held_bytes: int = 0
    since: int = 0
    until: int = 0
    has_later: bool = False


class HeldEvent(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An event that is held back: what orders it, its bytes, and what came with it.

    `decision`, `owner`, `owner_decision`: see `schemas.records.Fold`.
    """

    occurred_at: int
    ordinal: int
    message_id: str
    encoded: bytes
    decision: int = 0
    owner: Identifier | None = None
    owner_decision: int = 0


Entry = ProfileState | Forward | Rebuilding


class _Named(msgspec.Struct, array_like=True, gc=False):
    """A state up to its identifiers: what is behind them is not read."""

    as_of: int
    recent_ids: msgspec.Raw
    identifiers: Identifiers


_HEAD = struct.Struct(">cQ")
_PROFILE, _FORWARD, _REBUILDING = b"p", b"f", b"r"
_BUFFERED, _BLOCK, _OUTPUTS = b"b", b"h", b"s"  # what lies beside a profile that is rebuilt
_ID = b"i"  # what lies beside a profile with many events
_SETTLING, _HELD = b"w", b"e"  # an entry behind what it waits for, and what lies beside it
_encode = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(ProfileState).decode
_decode_named = msgspec.msgpack.Decoder(_Named).decode
_decode_forward = msgspec.msgpack.Decoder(Forward).decode
_decode_rebuilding = msgspec.msgpack.Decoder(Rebuilding).decode
_decode_outputs = msgspec.msgpack.Decoder(ChunkOutputs).decode
_decode_settling = msgspec.msgpack.Decoder(Settling).decode
_decode_held = msgspec.msgpack.Decoder(HeldEvent).decode
_decode_fields = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_lineage = msgspec.msgpack.Decoder(Lineage).decode
_FIELDS, _LINEAGE, _SEEDS = (
    len(ProfileState.__struct_fields__),
    ProfileState.__struct_fields__.index("lineage"),
    ProfileState.__struct_fields__.index("seeds"),
)
_NO_SEEDS = msgspec.Raw(_encode(Seeds()))
_KINDS: dict[type[Entry], bytes] = {ProfileState: _PROFILE, Forward: _FORWARD, Rebuilding: _REBUILDING}


def encode_entry(entry: Entry, next_deadline: int) -> bytes:
    """Encode kind, next deadline (ms, unsigned big-endian), msgpack. A deadline before 1970 becomes 0: due at once.

    Of what is compressed the kind is a capital letter.
    """
    kind, encoded = _KINDS[type(entry)], _encode(entry)
    compressed = compress(encoded, len(entry.recent_ids.packed) if isinstance(entry, ProfileState) else 0)
    if compressed is not None:
        kind, encoded = kind.upper(), compressed
    return _HEAD.pack(kind, min(max(next_deadline, 0), NEVER)) + encoded


def decode_entry(value: bytes) -> Entry:
    """Decode what `encode_entry` has encoded. Raises ValueError for bytes that it did not write."""
    kind, encoded = _opened(value)
    if kind == _PROFILE:
        return _decode_state(encoded)
    if kind == _FORWARD:
        return _decode_forward(encoded)
    if kind == _REBUILDING:
        return _decode_rebuilding(encoded)
    raise ValueError(f"an entry of the profile table cannot begin with {value[:1]!r}")


def identifiers_of(value: bytes) -> Identifiers | None:
    """Read the identifiers of a profile, without decoding the rest; None of what is no state, or waits."""
    if value[:1].lower() != _PROFILE:
        return None
    return _decode_named(_opened(value)[1]).identifiers


def _opened(value: bytes) -> tuple[bytes, memoryview]:
    """Return the kind of an entry, and its encoded rest, which is not compressed any more."""
    kind, encoded = value[:1], memoryview(value)[_HEAD.size :]
    return (kind.lower(), memoryview(decompress(encoded))) if kind.isupper() else (kind, encoded)


def with_seed(value: bytes, seed: Seed) -> bytes | None:
    """The entry of a profile with its first seed, of which nothing else is decoded; None if it is to be decoded.

    A back-fill sends everybody one, and most profiles only keep it.
    """
    if value[:1] != _PROFILE:
        return None
    fields = _decode_fields(memoryview(value)[_HEAD.size :])
    if len(fields) != _FIELDS or fields[_SEEDS] != _NO_SEEDS:
        return None
    if seed.decision < _decode_lineage(fields[_LINEAGE]).rebuilt:
        return None
    seeds = Seeds()
    seeds.take(seed.origin, PendingSeed.of(seed))
    fields[_SEEDS] = msgspec.Raw(_encode(seeds))
    encoded = _encode(fields)
    return None if len(encoded) >= MIN_BYTES else value[: _HEAD.size] + encoded


def encode_settling(settling: Settling, entry: Entry | None, next_deadline: int) -> bytes:
    """Encode an entry, if there is one yet, behind a head of its own and what it waits for."""
    waiting = _encode(settling)
    inner = b"" if entry is None else encode_entry(entry, NEVER)
    return _HEAD.pack(_SETTLING, min(max(next_deadline, 0), NEVER)) + bytes((len(waiting),)) + waiting + inner


def decode_stored(value: bytes) -> tuple[Entry | None, Settling | None]:
    """Decode what `encode_entry` or `encode_settling` has encoded. Raises ValueError for bytes that neither wrote."""
    if value[:1] != _SETTLING:
        return decode_entry(value), None
    begin = _HEAD.size + 1
    end = begin + value[_HEAD.size]
    inner = value[end:]
    return (decode_entry(inner) if inner else None), _decode_settling(value[begin:end])


def deadline_of(value: bytes) -> int:
    """Read the next deadline of an entry, without decoding the rest."""
    deadline: int = _HEAD.unpack_from(value)[1]
    return deadline


def encode_buffered(is_event: bool, record: bytes) -> bytes:
    """Encode a record that is buffered while its profile is rebuilt, as an entry without a deadline."""
    return _HEAD.pack(_BUFFERED, NEVER) + (b"e" if is_event else b"c") + record


def decode_buffered(value: bytes) -> BufferedRecord:
    """Decode what `encode_buffered` has encoded."""
    return BufferedRecord(value[_HEAD.size : _HEAD.size + 1] == b"e", value[_HEAD.size + 1 :])


def encode_block(hashes: bytes) -> bytes:
    """Encode a full block of `Rebuilding.buffered`, as an entry without a deadline."""
    return _HEAD.pack(_BLOCK, NEVER) + hashes


def decode_block(value: bytes) -> bytes:
    """Decode what `encode_block` has encoded."""
    return value[_HEAD.size :]


def encode_outputs(outputs: ChunkOutputs) -> bytes:
    """Encode the outputs of a chunk, as an entry without a deadline."""
    return _HEAD.pack(_OUTPUTS, NEVER) + _encode(outputs)


def decode_outputs(value: bytes) -> ChunkOutputs:
    """Decode what `encode_outputs` has encoded."""
    return _decode_outputs(memoryview(value)[_HEAD.size :])


def encode_tag(tag: bytes) -> bytes:
    """Encode the tag of an id that has left its profile's state, as an entry without a deadline."""
    return _HEAD.pack(_ID, NEVER) + tag


def decode_tag(value: bytes) -> bytes:
    """Decode what `encode_tag` has encoded."""
    return value[_HEAD.size :]


def encode_held(event: HeldEvent) -> bytes:
    """Encode an event that is held back, as an entry without a deadline."""
    return _HEAD.pack(_HELD, NEVER) + _encode(event)


def decode_held(value: bytes) -> HeldEvent:
    """Decode what `encode_held` has encoded."""
    return _decode_held(memoryview(value)[_HEAD.size :])
