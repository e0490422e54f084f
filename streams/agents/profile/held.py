"""What the store keeps of a profile that is settling, under keys of their own: the events that are held back.

`KEY#e3`: the fourth that came. All are gone when they are taken. Why they are held, and until when: `settling`.
"""

from operator import attrgetter

from schemas.records import Event
from state.view import StateView
from streams.agents.profile.decoding import RoutedEvent
from streams.fold.entry import HeldEvent, Settling, decode_held, encode_held

_order = attrgetter("occurred_at", "ordinal", "message_id")


class HeldEvents:
    """The events that one profile holds back, in one batch."""

    def __init__(self, key: bytes, settling: Settling, view: StateView) -> None:
        self._key = key
        self._settling = settling
        self._view = view

    def add(self, routed: RoutedEvent) -> None:
        """Hold an event back, with what came with it."""
        value = encode_held(_held(routed.event, routed))
        self._view.put(self._record_key(self._settling.held), value)
        self._settling.held += 1
        self._settling.held_bytes += len(value)

    def take(self) -> list[HeldEvent]:
        """Return all in the order of events, and leave none."""
        keys = [self._record_key(number) for number in range(self._settling.held)]
        self._view.prefetch(keys)
        events = []
        for key in keys:
            stored = self._view.get(key)
            assert stored is not None
            events.append(decode_held(stored))
            self._view.put(key, None)
        self._settling.held = self._settling.held_bytes = 0
        return sorted(events, key=_order)

    def _record_key(self, number: int) -> bytes:
        return b"%s#e%d" % (self._key, number)


def _held(event: Event, routed: RoutedEvent) -> HeldEvent:
    return HeldEvent(
        event.occurred_at,
        event.ordinal,
        event.message_id,
        routed.encoded,
        routed.decision,
        routed.owner,
        routed.owner_decision,
    )
