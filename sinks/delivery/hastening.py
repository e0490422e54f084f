"""Has lines looked at before they are due: an operator has resumed their destination, or other rules hold. Over a view.

So are those that wait for credentials, once these are accepted.

What waits for a gate is asked of it anew; what waits for its next attempt is attempted, if an operator says so. For
which rules and which word of an operator the lines were looked at is kept, so nothing is missed while nobody is there.
"""

from collections.abc import Sequence
from itertools import takewhile

import msgspec

from sinks.delivery import lines
from sinks.delivery.due import hasten
from sinks.delivery.served import Served
from sinks.delivery.suspended import SuspendedLines
from state.store import META
from state.view import StateView

LOOKED_AT_ONCE = 1_000

_PREFIX = META + b"looked|"
_encode = msgspec.msgpack.Encoder().encode


class Hastening:
    """Goes through the lines of one task, destination by destination, some in each round."""

    def __init__(self) -> None:
        self.suspended = SuspendedLines()
        self._looked_for: dict[str, bytes] = {}  # by what a destination is kept as
        self._behind: dict[str, bytes] = {}  # of those whose lines it goes through, the one it has come to
        self.is_under_way = False
        """Whether lines are left to look at."""

    def hastened(self, destinations: Sequence[Served], view: StateView, now: int) -> list[bytes]:
        """Return lines that are due now, and were not."""
        hastened = self.suspended.resumed(destinations, view, now)
        for served in destinations:
            reasons = _encode((served.holds, served.definition.checks, served.outlet.resumed_at))
            if self._has_looked_for(served, view) != reasons:
                self._looked_for[served.kept_as] = reasons
                self._behind[served.kept_as] = lines.line_key(served.kept_as, b"")
            if served.kept_as in self._behind:
                hastened += self._next(served, view, now)
        self.is_under_way = any(served.kept_as in self._behind for served in destinations)
        return hastened

    def _has_looked_for(self, served: Served, view: StateView) -> bytes:
        if served.kept_as not in self._looked_for:
            self._looked_for[served.kept_as] = view.get(_key(served)) or b""
        return self._looked_for[served.kept_as]

    def _next(self, served: Served, view: StateView, now: int) -> list[bytes]:
        prefix = lines.line_key(served.kept_as, b"")
        found = view.after(self._behind[served.kept_as], LOOKED_AT_ONCE)
        own = list(takewhile(lambda key: key.startswith(prefix), found))
        if len(own) < LOOKED_AT_ONCE:
            del self._behind[served.kept_as]
            view.put(_key(served), self._looked_for[served.kept_as])
        else:
            self._behind[served.kept_as] = own[-1]
        view.prefetch(own)
        return [key for key in own if hasten(view, key, served.outlet.resumed_at, now)]


def _key(served: Served) -> bytes:
    return _PREFIX + served.kept_as.encode()
