"""Which messages a profile has folded: 8-byte hashes in two generations, bounded, never a message id itself.

A generation ends when it holds 256 ids and began a day ago, or at 4,096 ids. So a profile with few events never
forgets (importing an old file twice changes nothing), and every profile knows the ids of at least the last day
unless more than 4,096 events arrived in it.
"""

import hashlib
import struct

from streams.fold.state import RecentIds

HASH_BYTES = 8
MIN_IDS = 256
MAX_IDS = 4096
MIN_AGE_MS = 24 * 3600 * 1000
_ARRIVAL = struct.Struct(f">Q{HASH_BYTES}s")  # when, shifted to sort as bytes, and which
_SHIFT = 2**63


def remember(ids: RecentIds, message_id: str, received_at: int) -> bool:
    """Add a message id; False when it was there already."""
    return _remember(ids, hashed(message_id), received_at)


def _remember(ids: RecentIds, hash_: bytes, received_at: int) -> bool:
    if _holds(ids.recent, hash_) or _holds(ids.previous, hash_):
        return False
    size = len(ids.recent)
    if size >= MAX_IDS * HASH_BYTES or (size >= MIN_IDS * HASH_BYTES and received_at - ids.since > MIN_AGE_MS):
        ids.previous, ids.recent = bytes(ids.recent), bytearray()
    if not ids.recent:
        ids.since = received_at
    ids.recent += hash_
    return True


def hashed(message_id: str) -> bytes:
    """The hash under which a message id is remembered."""
    return hashlib.blake2b(message_id.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()


def arrival(message_id: str, received_at: int) -> bytes:
    """That a message was received, for `in_order_of_arrival`."""
    return _ARRIVAL.pack(received_at + _SHIFT, hashed(message_id))


def newest(arrivals: bytes) -> bytes:
    """Of packed arrivals as many as two generations can hold, the newest last."""
    size = _ARRIVAL.size
    ordered = sorted(arrivals[at : at + size] for at in range(0, len(arrivals), size))
    return b"".join(ordered[-2 * MAX_IDS :])


def in_order_of_arrival(arrivals: bytes) -> RecentIds:
    """What a profile knows of messages that it folded as they arrived, whatever the order of these packed arrivals."""
    ids = RecentIds()
    for received_at, hash_ in _ARRIVAL.iter_unpack(newest(arrivals)):
        _remember(ids, hash_, received_at - _SHIFT)
    return ids


def unite(ids: RecentIds, other: RecentIds) -> None:
    """Take over the ids of another profile. Beyond the maximum the smallest hashes stay: the same in any order."""
    recent = _hashes(ids.recent) | _hashes(other.recent)
    previous = _hashes(ids.previous) | _hashes(other.previous)
    ids.since = max(ids.since, other.since)
    ids.recent = bytearray(b"".join(sorted(recent)[:MAX_IDS]))
    ids.previous = b"".join(sorted(previous)[:MAX_IDS])


def _holds(packed: bytes | bytearray, hashed: bytes) -> bool:
    found = packed.find(hashed)
    while found % HASH_BYTES and found > 0:  # not on a boundary: the end of one hash and the start of the next
        found = packed.find(hashed, found + 1)
    return found >= 0


def _hashes(packed: bytes | bytearray) -> set[bytes]:
    return {bytes(packed[start : start + HASH_BYTES]) for start in range(0, len(packed), HASH_BYTES)}
