"""Lets lines go on at once that wait for their destination's credentials, when those are accepted. Over a view.

Without it they would wait for their own next attempt, which may be hours away. What another process had noted is lost:
then they do.
"""

from collections.abc import Iterable

from sinks.delivery import lines
from sinks.delivery.due import hasten
from sinks.delivery.served import Served
from state.view import StateView


class SuspendedLines:
    """Those of one task, by what their destination is kept as."""

    def __init__(self) -> None:
        self._lines: dict[str, set[bytes]] = {}

    def note(self, kept_as: str, several: Iterable[bytes]) -> None:
        """Note lines whose deliveries have met credentials that are not accepted."""
        self._lines.setdefault(kept_as, set()).update(several)

    def resumed(self, destinations: Iterable[Served], view: StateView, now: int) -> list[bytes]:
        """Make those due of destinations that accept their credentials again; return them."""
        resumed: list[bytes] = []
        for served in destinations if self._lines else ():
            if served.kept_as in self._lines and not served.outlet.unauthorised:
                several = self._lines.pop(served.kept_as)
                lines.prefetch(view, several)
                resumed += [
                    line for line in several if lines.read(view, line).is_paused and hasten(view, line, now, now)
                ]
        return resumed
