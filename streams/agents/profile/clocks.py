"""The time of each workspace during a batch, and until when deadlines fire; reading the system's clock is the caller's.

On the wall clock, a deadline that passed while no worker read must not fire before what was sent meanwhile is folded:
until a task has caught up with what was received before it was opened, deadlines fire as far as it has come. Nor may
one fire while the task or RESOLVE is behind: deadlines fire until when all has been read (`streams.arrivals`).
"""

from collections.abc import Mapping

import msgspec

from settings import Workspace
from state.store import META
from state.view import StateView

CLOCK = META + b"clock|"
BACKLOG = META + b"backlog"
CATCHES_UP_WITHIN_MS = 5_000
"""Without any event for so long after it was opened, or read on, a task has caught up."""
PARTITIONS_APART_MS = 3_000
"""How far one partition of RESOLVE may be behind another one."""
MERGE_MS = 300
"""What an event that has been read leads to elsewhere, as a merge, takes about so long to come here."""


class Backlog(msgspec.Struct, array_like=True, gc=False):
    """How far a task has come since it was opened, while it catches up; all in ms.

    `read_at`: when it last read events. `received_at`: when the newest of them was received.
    """

    opened_at: int
    read_at: int
    received_at: int = 0

    @property
    def has_caught_up(self) -> bool:
        """Whether what lay there at the start has been read."""
        return self.received_at >= self.opened_at


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Backlog).decode


class Clocks:
    """Now, by workspace: the system's time, or the latest time that this partition has seen (kept in its table).

    `opened_at`: when the task was opened, in ms; 0: it has nothing to catch up with. `read_to`: up to when (ms) it has
    read all that has arrived; 0: that is not known yet, None: nobody can say.
    """

    def __init__(
        self,
        workspaces: Mapping[str, Workspace],
        view: StateView,
        wall_now: int,
        opened_at: int = 0,
        read_to: int | None = None,
    ) -> None:
        self._view = view
        self.wall_now = wall_now
        self._read_to = read_to
        self._event_now = {
            name: int(view.get(_clock_key(name)) or 0)
            for name, workspace in workspaces.items()
            if workspace.clock == "event"
        }
        self._before = dict(self._event_now)
        has_wall = len(self._event_now) < len(workspaces)
        self._backlog = _backlog(view, opened_at) if opened_at and has_wall else Backlog(0, 0)
        self._look()

    def _look(self) -> None:
        """Learn from what is read by now whether the task has caught up, and until when deadlines fire."""
        self._has_caught_up = self._backlog.has_caught_up
        if self._read_to:
            come_to = self._read_to - MERGE_MS
        elif self._read_to is None and self._has_caught_up:
            come_to = self.wall_now
        else:
            come_to = self._backlog.received_at - PARTITIONS_APART_MS
        self._wall_due_until = min(self.wall_now, come_to)

    def now(self, workspace: str) -> int:
        """Return the workspace's time in ms."""
        return self._event_now.get(workspace, self.wall_now)

    def due_until(self, workspace: str) -> int:
        """Return the time in ms until which deadlines fire: as far as the task has read what has arrived, or now."""
        return self._event_now.get(workspace, self._wall_due_until)

    def arrived_at(self, workspace: str, received_at: int) -> int:
        """Return when an event came that is read now, in ms: now, or while the task is behind, when it was received."""
        return self._event_now.get(workspace, min(self.wall_now, max(received_at, self._wall_due_until)))

    def is_wall(self, workspace: str) -> bool:
        """Return whether a workspace goes by the system's time."""
        return workspace not in self._event_now

    def advance(self, workspace: str, to: int) -> None:
        """Move an event clock on to `to` (ms) unless it is later already; leave a workspace on the wall clock alone."""
        event_now = self._event_now.get(workspace)
        if event_now is not None and to > event_now:
            self._event_now[workspace] = to

    @property
    def has_caught_up(self) -> bool:
        """Whether the task has read what was received before it was opened."""
        return self._has_caught_up

    def catch_up(self, received_at: int | None) -> None:
        """Note when the newest event of a batch was received; None: the batch has none."""
        backlog = self._backlog
        if received_at is not None:
            backlog.read_at, backlog.received_at = self.wall_now, max(backlog.received_at, received_at)
        elif self._has_read_what_lay_there():
            backlog.received_at = backlog.opened_at
        else:
            return
        self._look()
        self._view.put(BACKLOG, _encode(backlog))

    def _has_read_what_lay_there(self) -> bool:
        if self._read_to is None:
            return self.wall_now - self._backlog.read_at >= CATCHES_UP_WITHIN_MS
        return self._read_to >= self._backlog.opened_at

    def store(self) -> None:
        """Put the event clocks that moved into the view."""
        for workspace, now in self._event_now.items():
            if now != self._before[workspace]:
                self._view.put(_clock_key(workspace), b"%d" % now)


def _backlog(view: StateView, opened_at: int) -> Backlog:
    stored = view.get(BACKLOG)
    if stored is not None and (backlog := _decode(stored)).opened_at == opened_at:
        return backlog
    return Backlog(opened_at, opened_at)


def _clock_key(workspace: str) -> bytes:
    return CLOCK + workspace.encode()
