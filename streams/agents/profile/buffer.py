"""What the store keeps of a profile while it is rebuilt, under keys of their own: a record takes 8 MB.

`KEY#3`: the fourth record that was buffered. `KEY#h0`: the ids of the first thousands of them. `KEY#s2`: what
chunk 2 of the replay has to publish. All are gone when the profile is rebuilt.
"""

from collections.abc import Iterable, Iterator

from schemas.records import Event, FiredTrigger
from state.view import StateView
from streams.fold import rebuild
from streams.fold.entry import (
    BufferedRecord,
    ChunkOutputs,
    PendingSession,
    Rebuilding,
    decode_block,
    decode_buffered,
    decode_outputs,
    encode_block,
    encode_buffered,
    encode_outputs,
)

READ_AT_ONCE = 1_000


class Buffer:
    """The buffered records of one profile, and what the replay so far has to publish, in one batch."""

    def __init__(self, key: bytes, rebuilding: Rebuilding, view: StateView) -> None:
        self._key = key
        self._rebuilding = rebuilding
        self._view = view

    def add(self, event: Event | None, raw: bytes) -> None:
        """Buffer a record, in order. `event`: None for a command."""
        number = rebuild.buffer(self._rebuilding, event)
        self._view.put(self._record_key(number), encode_buffered(event is not None, raw))
        for block, hashes in rebuild.full_blocks(self._rebuilding):
            self._view.put(self._hashes_key(block), encode_block(hashes))

    def drop(self, events: Iterable[Event]) -> int:
        """Drop the records whose events a chunk of the replay has itself, and return how many they were."""
        numbers = rebuild.replayed_already(self._rebuilding, events, self._full_blocks())
        for number in numbers:
            self._view.put(self._record_key(number), None)
        return len(numbers)

    def came_meanwhile(self, events: Iterable[Event]) -> frozenset[str]:
        """Return the message ids of those events of a chunk that are buffered as well."""
        return rebuild.came_meanwhile(self._rebuilding, events, self._full_blocks())

    def take(self) -> Iterator[BufferedRecord]:
        """Yield every record that is left, in order; nothing remains of the buffer."""
        for block in range(self._rebuilding.buffered_blocks):
            self._view.put(self._hashes_key(block), None)
        count = rebuild.count_buffered(self._rebuilding)
        for start in range(0, count, READ_AT_ONCE):
            keys = [self._record_key(number) for number in range(start, min(start + READ_AT_ONCE, count))]
            for stored in self._taken(keys):
                yield decode_buffered(stored)

    def put_outputs(self, chunk: int, published: Iterable[str]) -> None:
        """Keep what a chunk has to publish, and the ids of the sessions that it says were published before."""
        kept = ChunkOutputs(self._rebuilding.sessions, list(published), self._rebuilding.fired)
        self._rebuilding.sessions, self._rebuilding.fired = {}, []
        if kept.sessions or kept.published or kept.fired:
            self._view.put(self._outputs_key(chunk), encode_outputs(kept))

    def take_outputs(self) -> list[str]:
        """Unite the outputs of all chunks, and return the ids of sessions that earlier ones said were published."""
        sessions: dict[str, PendingSession] = {}
        published: list[str] = []
        fired: list[FiredTrigger] = []
        for stored in self._taken([self._outputs_key(chunk) for chunk in range(self._rebuilding.next_chunk)]):
            kept = decode_outputs(stored)
            sessions |= kept.sessions
            published += kept.published
            fired += kept.fired
        self._rebuilding.sessions = sessions | self._rebuilding.sessions
        self._rebuilding.fired = fired + self._rebuilding.fired
        return published

    def forget_outputs(self, chunks: int) -> None:
        """Leave nothing of an attempt that came to so many chunks."""
        for chunk in range(chunks):
            if self._view.get(self._outputs_key(chunk)) is not None:
                self._view.put(self._outputs_key(chunk), None)

    def _taken(self, keys: list[bytes]) -> Iterator[bytes]:
        """Yield what is stored under the keys, and delete it."""
        self._view.prefetch(keys)
        for key in keys:
            stored = self._view.get(key)
            if stored is not None:
                self._view.put(key, None)
                yield stored

    def _full_blocks(self) -> Iterator[bytes]:
        for block in range(self._rebuilding.buffered_blocks):
            stored = self._view.get(self._hashes_key(block))
            assert stored is not None
            yield decode_block(stored)

    def _record_key(self, number: int) -> bytes:
        return b"%s#%d" % (self._key, number)

    def _hashes_key(self, block: int) -> bytes:
        return b"%s#h%d" % (self._key, block)

    def _outputs_key(self, chunk: int) -> bytes:
        return b"%s#s%d" % (self._key, chunk)
