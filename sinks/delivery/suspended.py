"""Lets lines go on at once that wait for their destination's credentials, when those are accepted. Over a view.

Without it they would wait for their own next attempt, which may be hours away. Which they are is kept in the store.
"""

from collections.abc import Iterable

from sinks.delivery import lines
from sinks.delivery.due import hasten
from sinks.delivery.served import Served
from state.store import META
from state.view import StateView

_PREFIX = META + b"suspended|"


class SuspendedLines:
    """Those of one task, by what their destination is kept as."""

    def __init__(self) -> None:
        self._lines: dict[str, set[bytes]] = {}
        self._restored: set[str] = set()  # destinations of which it was read what an earlier process has noted
        self._untried: set[str] = set()  # those of them of which this process does not know whether they accept

    def note(self, kept_as: str, several: Iterable[bytes], view: StateView) -> None:
        """Note those lines of which the first delivery has met credentials that are not accepted."""
        noted = self._lines.setdefault(kept_as, set())
        for line in several:
            if lines.read(view, line).is_suspended:
                noted.add(line)
                view.put(_PREFIX + line, b"1")

    def resumed(self, destinations: Iterable[Served], view: StateView, now: int) -> list[bytes]:
        """Make those due of destinations that accept their credentials again; return them.

        Of what an earlier process has noted, the one that waits longest is made due to find that out.
        """
        resumed: list[bytes] = []
        for served in destinations:
            if served.kept_as not in self._restored:
                resumed += self._restore(served.kept_as, view, now)
            if self._lines.get(served.kept_as) and self._accepts(served):
                several = self._lines.pop(served.kept_as)
                self._untried.discard(served.kept_as)
                view.prefetch(several)
                resumed += [line for line in several if _hasten(view, line, now)]
                for line in several:
                    view.put(_PREFIX + line, None)
        return resumed

    def _restore(self, kept_as: str, view: StateView, now: int) -> list[bytes]:
        self._restored.add(kept_as)
        prefix = _PREFIX + lines.line_key(kept_as, b"")
        noted = self._lines.setdefault(kept_as, set())
        kept = {key.removeprefix(_PREFIX) for key in view.range(prefix)} - noted
        view.prefetch(kept)
        several = {line for line in kept if lines.read(view, line).is_suspended}
        for line in kept - several:  # what it waited with has ended otherwise
            view.put(_PREFIX + line, None)
        if not several:
            return []
        noted |= several
        self._untried.add(kept_as)
        first = min(several, key=lambda line: (lines.read(view, line).attempted_at, line))
        return [first] if _hasten(view, first, now) else []

    def _accepts(self, served: Served) -> bool:
        is_known = served.kept_as not in self._untried or served.outlet.accepted_at > 0
        return is_known and not served.outlet.unauthorised


def _hasten(view: StateView, line: bytes, now: int) -> bool:
    return lines.read(view, line).is_suspended and hasten(view, line, now, now)
