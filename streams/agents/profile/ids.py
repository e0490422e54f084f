"""What the store keeps of the events that a profile has folded, under keys of their own: the ids that left its state.

`KEY#i` and the hash of an id; the value has its tag. So a repetition is known however many events lie between.
"""

from collections.abc import Iterable, Iterator

from schemas.records import Event
from state.view import StateView
from streams.fold.entry import decode_tag, encode_tag
from streams.fold.recent_ids import HASH_BYTES, EventId, RecentIds, id_of

_MARK = b"#i"


class KnownIds:
    """The ids of one profile, recent and stored, in one batch."""

    def __init__(self, key: bytes, recent: RecentIds, view: StateView) -> None:
        self._key = key
        self._recent = recent
        self._view = view

    def is_stored(self, event: Event) -> bool:
        """Return whether the event's id has left the state."""
        return self._recent.stored > 0 and self._view.get(self._key_of(id_of(event).hash)) is not None

    def tag_of(self, hash_: bytes) -> bytes | None:
        """Find which row of the warehouse an event is; None if the profile has not folded it."""
        tag = self._recent.tag_of(hash_)
        if tag is not None or not self._recent.stored:
            return tag
        stored = self._view.get(self._key_of(hash_))
        return None if stored is None else decode_tag(stored)

    def store_full(self) -> None:
        """Move the recent ids out of the state, if they are many."""
        if self._recent.is_full:
            for event_id in self._recent.take():
                self._view.put(self._key_of(event_id.hash), encode_tag(event_id.tag))

    def add_stored(self, ids: Iterable[EventId]) -> None:
        """Store ids of another profile; those that both have are there once."""
        for hash_, tag in ids:
            known = self._view.get(self._key_of(hash_))
            self._view.put(self._key_of(hash_), encode_tag(tag if known is None else min(tag, decode_tag(known))))

    def forget(self) -> None:
        """Leave no id in the store."""
        if self._recent.stored:
            forget_stored(self._key, self._view)

    def stored(self) -> Iterator[EventId]:
        """Yield the ids that have left the state."""
        for key in self._view.range(self._key + _MARK) if self._recent.stored else ():
            yield EventId(key[-HASH_BYTES:], decode_tag(self._view.get(key) or b""))

    def _key_of(self, hash_: bytes) -> bytes:
        return self._key + _MARK + hash_


def forget_stored(key: bytes, view: StateView) -> None:
    """Leave no stored id of the profile of a key."""
    for stored in view.range(key + _MARK):
        view.put(stored, None)
