"""Which messages a profile has folded: 8-byte hashes in two generations, bounded, never a message id itself.

A generation ends when it holds 256 ids and began a day ago, or at 4,096 ids. So a profile with few events never
forgets (importing an old file twice changes nothing), and every profile knows the ids of at least the last day
unless more than 4,096 events arrived in it.
"""

import hashlib
import struct
from typing import Self

import msgspec

from streams.fold.facet import Facet
from streams.fold.moment import BEGINNING, Moment

HASH_BYTES = 8
MIN_IDS = 256
MAX_IDS = 4096
MIN_AGE_MS = 24 * 3600 * 1000
_ARRIVAL = struct.Struct(f">Q{HASH_BYTES}s")  # when, shifted to sort as bytes, and which
_SHIFT = 2**63


class RecentIds(Facet):
    """Packed 8-byte hashes of message ids in two generations; `since` is when the younger one began (ms).

    The fold asks this facet first: an event whose id it knows is given to no other.
    """

    since: int = BEGINNING
    recent: bytearray = msgspec.field(default_factory=bytearray)
    previous: bytes = b""

    def remember(self, message_id: str, received_at: int) -> bool:
        """Add a message id; False when it was there already."""
        return self.remember_hash(hashed(message_id), received_at)

    def remember_hash(self, hash_: bytes, received_at: int) -> bool:
        """Add the hash of a message id; False when it was there already."""
        if _holds(self.recent, hash_) or _holds(self.previous, hash_):
            return False
        size = len(self.recent)
        if size >= MAX_IDS * HASH_BYTES or (size >= MIN_IDS * HASH_BYTES and received_at - self.since > MIN_AGE_MS):
            self.previous, self.recent = bytes(self.recent), bytearray()
        if not self.recent:
            self.since = received_at
        self.recent += hash_
        return True

    def unite(self, other: Self, moment: Moment) -> None:
        """Take over the ids of another profile. Beyond the maximum the smallest hashes stay: the same in any order."""
        self.since = max(self.since, other.since)
        self.recent = bytearray(_united(self.recent, other.recent))
        self.previous = _united(self.previous, other.previous)


def hashed(message_id: str) -> bytes:
    """The hash under which a message id is remembered."""
    return hashlib.blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()


def arrival(message_id: str, received_at: int) -> bytes:
    """That a message was received, for `in_order_of_arrival`."""
    return _ARRIVAL.pack(received_at + _SHIFT, hashed(message_id))


def newest(arrivals: bytes) -> bytes:
    """Of packed arrivals as many as two generations can hold, the newest last."""
    size = _ARRIVAL.size
    ordered = sorted(arrivals[start : start + size] for start in range(0, len(arrivals), size))
    return b"".join(ordered[-2 * MAX_IDS :])


def in_order_of_arrival(arrivals: bytes) -> RecentIds:
    """What a profile knows of messages that it folded as they arrived, whatever the order of these packed arrivals."""
    ids = RecentIds()
    for received_at, hash_ in _ARRIVAL.iter_unpack(newest(arrivals)):
        ids.remember_hash(hash_, received_at - _SHIFT)
    return ids


def _holds(packed: bytes | bytearray, hashed: bytes) -> bool:
    position = packed.find(hashed)
    while position % HASH_BYTES and position > 0:  # the end of one hash and the start of the next
        position = packed.find(hashed, position + 1)
    return position >= 0


def _united(left: bytes | bytearray, right: bytes | bytearray) -> bytes:
    return b"".join(sorted(_hashes(left) | _hashes(right))[:MAX_IDS])


def _hashes(packed: bytes | bytearray) -> set[bytes]:
    return {bytes(packed[start : start + HASH_BYTES]) for start in range(0, len(packed), HASH_BYTES)}
