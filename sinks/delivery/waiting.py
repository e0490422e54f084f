"""How many deliveries of each destination wait in a partition, and since when a destination is gone. Over a view."""

from collections.abc import Callable, Iterator, Mapping

from sinks.delivery import lines
from sinks.delivery.rounds import FAR_AHEAD
from state.store import META
from state.view import StateView

_COUNT = META + b"count|"
_GONE = META + b"gone|"
KEPT_FOR_MS = 72 * 3_600_000
"""So long deliveries wait for a destination that is not defined any more."""
LOOK_EVERY_MS = 1_000
_SAMPLE = 20


def add_waiting(view: StateView, more: Mapping[str, int]) -> None:
    """Keep how many more wait, by destination."""
    for name, number in more.items():
        if number:
            key = _COUNT + name.encode()
            view.put(key, b"%d" % (int(view.get(key) or 0) + number))


def waiting_by_destination(view: StateView) -> dict[str, int]:
    """Return how many deliveries wait or are under way, by destination."""
    return {key[len(_COUNT) :].decode(): int(view.get(key) or 0) for key in view.range(_COUNT)}


def oldest_s(view: StateView, destination: str, now: int) -> float:
    """Return for how long the oldest delivery waits, as far as those that are due first tell; 0 if none does."""
    first = [lines.head(view, line, 1) for line in view.due(destination, FAR_AHEAD, _SAMPLE)]
    return max((now - item.waiting.admitted_at for items in first for item in items), default=0) / 1000


def shown_waiting(view: StateView, name_of: Callable[[str], str], now: int) -> dict[str, tuple[int, float]]:
    """Return how many wait and for how long the oldest does, by the destinations' names of now."""
    return {
        name_of(kept_as): (number, oldest_s(view, kept_as, now))
        for kept_as, number in waiting_by_destination(view).items()
    }


class Absence:
    """Notes which destinations are gone, and finds those that have been for long. Looks now and then."""

    def __init__(self) -> None:
        self._looked_at = 0

    def expired(self, view: StateView, is_defined: Callable[[str], bool], now: int) -> Iterator[str]:
        """Yield the destinations for which something has waited for too long."""
        if now - self._looked_at < LOOK_EVERY_MS:
            return
        self._looked_at = now
        for name, number in waiting_by_destination(view).items():
            key = _GONE + name.encode()
            gone_at = view.get(key)
            if is_defined(name) or not number:
                if gone_at is not None:
                    view.put(key, None)
            elif gone_at is None:
                view.put(key, b"%d" % now)
            elif now - int(gone_at) > KEPT_FOR_MS:
                yield name
