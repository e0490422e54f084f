"""The time of each workspace during a batch; reading the system's clock is left to the caller."""

from collections.abc import Mapping

from settings import Workspace
from streams.state.store import META
from streams.state.view import StateView

CLOCK = META + b"clock|"


class Clocks:
    """Now, by workspace: the system's time, or the latest time that this partition has seen (kept in its table)."""

    def __init__(self, workspaces: Mapping[str, Workspace], view: StateView, wall_now: int) -> None:
        self._view = view
        self.wall_now = wall_now
        self._event_now = {
            name: int(view.get(_clock_key(name)) or 0)
            for name, workspace in workspaces.items()
            if workspace.clock == "event"
        }
        self._before = dict(self._event_now)

    def now(self, workspace: str) -> int:
        """Return the workspace's time in ms."""
        return self._event_now.get(workspace, self.wall_now)

    def advance(self, workspace: str, to: int) -> None:
        """Move an event clock on to `to` (ms) unless it is later already; leave a workspace on the wall clock alone."""
        event_now = self._event_now.get(workspace)
        if event_now is not None and to > event_now:
            self._event_now[workspace] = to

    def store(self) -> None:
        """Put the event clocks that moved into the view."""
        for workspace, now in self._event_now.items():
            if now != self._before[workspace]:
                self._view.put(_clock_key(workspace), b"%d" % now)


def _clock_key(workspace: str) -> bytes:
    return CLOCK + workspace.encode()
