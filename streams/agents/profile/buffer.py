"""What a profile keeps beside its entry while it is rebuilt, under keys of their own: a record takes 8 MB.

`KEY#3`: the fourth record that was put aside. `KEY#h0`: the hashes of the first thousands of them. `KEY#t2`: what part
2 of the replay has to tell of sessions. All are gone when the profile is rebuilt.
"""

from collections.abc import Iterable, Iterator

from schemas.records import Event
from streams.fold import rebuild
from streams.fold.entry import (
    ChunkSessions,
    PendingSession,
    Rebuilding,
    decode_block,
    decode_buffered,
    decode_sessions,
    encode_block,
    encode_buffered,
    encode_sessions,
)
from streams.state.view import StateView

READ_AT_ONCE = 1_000


class Beside:
    """Of one profile, in one batch."""

    def __init__(self, key: bytes, rebuilding: Rebuilding, view: StateView) -> None:
        self._key = key
        self._rebuilding = rebuilding
        self._view = view

    def put_aside(self, message_id: str | None, raw: bytes) -> None:
        """Keep a record, in order. `message_id`: None for a command."""
        number = rebuild.buffer(self._rebuilding, message_id)
        self._view.put(self._record(number), encode_buffered(message_id is not None, raw))
        for chunk, hashes in rebuild.full_blocks(self._rebuilding):
            self._view.put(self._hashes(chunk), encode_block(hashes))

    def drop(self, events: Iterable[Event]) -> int:
        """Keep no longer what a part of the replay has itself; how many that were."""
        numbers = rebuild.replayed_already(self._rebuilding, events, self._full_chunks())
        for number in numbers:
            self._view.put(self._record(number), None)
        return len(numbers)

    def take(self) -> Iterator[tuple[bool, bytes]]:
        """Every record that still waits, in order, whether it is an event; nothing of it is left."""
        for chunk in range(self._rebuilding.buffered_blocks):
            self._view.put(self._hashes(chunk), None)
        count = rebuild.count_buffered(self._rebuilding)
        for start in range(0, count, READ_AT_ONCE):
            keys = [self._record(number) for number in range(start, min(start + READ_AT_ONCE, count))]
            self._view.prefetch(keys)
            for key in keys:
                stored = self._view.get(key)
                if stored is not None:
                    self._view.put(key, None)
                    yield decode_buffered(stored)

    def put_told(self, part: int, known: Iterable[str]) -> None:
        """Keep what a part has to tell, and which sessions it said are known."""
        told, self._rebuilding.sessions = self._rebuilding.sessions, {}
        kept = ChunkSessions(told, list(known))
        if kept.sessions or kept.published:
            self._view.put(self._told(part), encode_sessions(kept))

    def take_told(self) -> list[str]:
        """Put what all parts have to tell together; the sessions that earlier parts said are known."""
        told: dict[str, PendingSession] = {}
        known: list[str] = []
        keys = [self._told(part) for part in range(self._rebuilding.next_chunk)]
        self._view.prefetch(keys)
        for key in keys:
            stored = self._view.get(key)
            if stored is not None:
                self._view.put(key, None)
                kept = decode_sessions(stored)
                told |= kept.sessions
                known += kept.published
        self._rebuilding.sessions = told | self._rebuilding.sessions
        return known

    def forget_told(self, parts: int) -> None:
        """Leave nothing of a run that came so far."""
        for part in range(parts):
            if self._view.get(self._told(part)) is not None:
                self._view.put(self._told(part), None)

    def _full_chunks(self) -> Iterator[bytes]:
        for chunk in range(self._rebuilding.buffered_blocks):
            stored = self._view.get(self._hashes(chunk))
            assert stored is not None
            yield decode_block(stored)

    def _record(self, number: int) -> bytes:
        return b"%s#%d" % (self._key, number)

    def _hashes(self, chunk: int) -> bytes:
        return b"%s#h%d" % (self._key, chunk)

    def _told(self, part: int) -> bytes:
        return b"%s#t%d" % (self._key, part)
