"""Which events a profile has folded: a hash of each one's source and message id, never a message id itself.

With each goes a tag of the row that the event has in the warehouse: only of a repetition that is another row must the
warehouse hear (docs/decisions/0019). No profile forgets one: when there are MAX_IDS of them, the agent moves them
out of the state, under keys of their own.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple, Self
from zlib import crc32

import msgspec

from schemas.records import Event
from streams.fold.facet import Facet
from streams.fold.moment import Moment

HASH_BYTES, TAG_BYTES = 8, 4
ID_BYTES = HASH_BYTES + TAG_BYTES
MAX_IDS = 1024
_OF_NOTHING = hashlib.blake2b(digest_size=HASH_BYTES)  # a copy of it takes half as long as a new one


class EventId(NamedTuple):
    """What makes an event the same as another one of its profile, and which row of the warehouse it is."""

    hash: bytes
    tag: bytes


class RecentIds(Facet):
    """Packed ids, each HASH_BYTES and TAG_BYTES. `stored`: how many more lie under keys of their own.

    The fold asks this facet first: an event whose id it knows is given to no other.
    """

    packed: bytearray = msgspec.field(default_factory=bytearray)
    stored: int = 0

    @property
    def is_full(self) -> bool:
        """Whether the ids have to be moved out."""
        return len(self.packed) >= MAX_IDS * ID_BYTES

    def remember(self, event: Event) -> bool:
        """Add an event's id; False when it is among the recent ones."""
        event_id = id_of(event)
        if event_id.hash in self.packed and self.tag_of(event_id.hash) is not None:
            return False
        self.packed += event_id.hash + event_id.tag
        return True

    def tag_of(self, hash_: bytes) -> bytes | None:
        """Find which row an event is; None where its id is not among the recent ones."""
        position = self.packed.find(hash_)
        while position >= 0 and position % ID_BYTES:  # within an id, or across two
            position = self.packed.find(hash_, position + 1)
        if position < 0:
            return None
        return bytes(self.packed[position + HASH_BYTES : position + ID_BYTES])

    def take(self) -> Iterator[EventId]:
        """Yield all, and leave none: they are stored elsewhere from now on."""
        ids = list(unpacked(self.packed))
        self.packed = bytearray()
        self.stored += len(ids)
        return iter(ids)

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over the ids of another profile; of one that both have the smaller tag."""
        if other.packed:
            tags = dict(unpacked(other.packed))
            for hash_, tag in unpacked(self.packed):
                tags[hash_] = min(tag, tags.get(hash_, tag))
            self.packed = bytearray(b"".join(hash_ + tags[hash_] for hash_ in sorted(tags)))
        self.stored += other.stored

    def outlast(self) -> Self:
        """Keep all, which tell a buffered event that is new from one that came before."""
        return self


def id_of(event: Event) -> EventId:
    """Make the id of an event. Two of one profile are the same event if their hashes are equal."""
    hashed = _OF_NOTHING.copy()
    hashed.update(f"{event.source}\0{event.message_id}".encode("utf-8", "surrogatepass"))
    row = f"{event.identifiers[0]}\0{event.event or ''}\0{event.occurred_at}\0{event.ordinal}".encode(
        "utf-8", "surrogatepass"
    )
    return EventId(hashed.digest(), crc32(row).to_bytes(TAG_BYTES))


def unpacked(packed: bytes | bytearray) -> Iterator[EventId]:
    """Yield the ids of packed ones."""
    for start in range(0, len(packed), ID_BYTES):
        yield EventId(bytes(packed[start : start + HASH_BYTES]), bytes(packed[start + HASH_BYTES : start + ID_BYTES]))
