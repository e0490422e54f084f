"""What PROFILE holds of a batch: each profile decoded once, and the clocks of the workspaces."""

from collections.abc import Callable, Iterator, Mapping

from definitions import NEVER
from settings import Workspace
from streams.fold.entry import Entry, Forward, Rebuilding, deadline_of, decode_entry, encode_entry
from streams.fold.moment import FoldContext, Outputs
from streams.fold.sessions import SESSION_LATENESS_MS
from streams.fold.state import ProfileState
from streams.metrics import Tally
from streams.state.store import META
from streams.state.view import StateView

CLOCK = META + b"clock|"
GRACE_MS = 5 * 60 * 1000  # what GRAPH has decided about an event should have arrived by then


class Slot:
    """One profile during a batch.

    `visible`: something that others are told of has changed. `deadline`: its next, as the sweep at the end of the batch
    has found it. `indexed`: the one under which it lies in the store's index; never later than its next. `vanished`:
    others are to be told that it is no more. `forgotten`: nothing of it shall be left in the store either.
    """

    __slots__ = (
        "changed",
        "context",
        "deadline",
        "entry",
        "forgotten",
        "indexed",
        "key",
        "merged",
        "outputs",
        "vanished",
        "visible",
    )

    def __init__(self, key: bytes, stored: bytes | None, context: FoldContext) -> None:
        self.key = key
        self.entry: Entry | None = None if stored is None else decode_entry(stored)
        self.context = context
        self.outputs = Outputs(segment_changes=[], sessions={})
        self.deadline = NEVER
        self.indexed = NEVER if stored is None else deadline_of(stored)
        self.changed = False
        self.visible = False
        self.merged = False
        self.vanished = False
        self.forgotten = False

    def state(self) -> ProfileState:
        """The profile's state, made on first use. Only for what is neither a forward nor being rebuilt."""
        if self.entry is None:
            self.entry = ProfileState()
        assert isinstance(self.entry, ProfileState)
        return self.entry

    def touch(self, now: int) -> None:
        """The profile itself has changed; if it had vanished, it is back."""
        expiry = self.state().expiry
        expiry.kept_until, expiry.vanished_at = now + GRACE_MS, None
        self.changed = self.visible = True

    def mark_swept(self) -> None:
        """Time has passed for the profile; it is visible only if that led to a record."""
        self.changed = True
        self.visible = self.visible or bool(self.outputs.segment_changes or self.outputs.sessions)

    def encoded(self, now: int) -> bytes | None:
        """Its bytes for the store; None when nothing shall be left.

        A deadline that moves on, as that of a session does with every event, leaves the index as it is: the sweep finds
        the profile too early, once, and puts it in its place.
        """
        assert self.entry is not None
        if self.forgotten:
            return None
        if not isinstance(self.entry, ProfileState):
            return encode_entry(self.entry, NEVER)
        keeps_place = now < self.indexed <= self.deadline
        return encode_entry(self.entry, self.indexed if keeps_place else self.deadline)

    def become(self, forward: Forward, had_state: bool) -> None:
        """The profile was merged away."""
        self.entry = forward
        self.changed = True
        self.visible = self.merged = self.merged or had_state

    def wait_for(self, rebuilding: Rebuilding) -> None:
        """The profile is to be rebuilt; nobody is told until it is."""
        self.entry = rebuilding
        self.deadline = NEVER
        self.changed = True
        self.visible = self.merged = False

    def vanish(self, now: int, wall_now: int) -> None:
        """Others shall be told that the profile is no more; the state stays for what comes late."""
        expiry = self.state().expiry
        expiry.kept_until, expiry.vanished_at = now + SESSION_LATENESS_MS, wall_now
        self.vanished = self.changed = self.visible = True

    def forget(self) -> None:
        """Nothing shall be left of the profile, of which nobody else knows any more."""
        self.forgotten = self.changed = True


class Slots:
    """The profiles of a batch by key, in the order in which they were first met."""

    def __init__(self, view: StateView, context: Callable[[str, str], FoldContext], tally: Tally) -> None:
        self.tally = tally
        self.view = view
        self._context = context
        self._slots: dict[bytes, Slot] = {}

    def get(self, key: bytes, workspace: str, profile_id: str) -> Slot:
        """The profile of a key, which is made of the other two."""
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot(key, self.view.get(key), self._context(workspace, profile_id))
        return slot

    def loaded(self) -> Iterator[Slot]:
        """All profiles met so far."""
        return iter(self._slots.values())

    def changed(self) -> Iterator[Slot]:
        """Those that must be stored."""
        return (slot for slot in self._slots.values() if slot.changed)


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
        """The workspace's time in ms."""
        return self._event_now.get(workspace, self.wall_now)

    def advance(self, workspace: str, to: int) -> None:
        """An event or a command says it is at least this late; means nothing to a workspace on the wall clock."""
        known = self._event_now.get(workspace)
        if known is not None and to > known:
            self._event_now[workspace] = to

    def store(self) -> None:
        """Put the event clocks that moved into the view."""
        for workspace, now in self._event_now.items():
            if now != self._before[workspace]:
                self._view.put(_clock_key(workspace), b"%d" % now)


def _clock_key(workspace: str) -> bytes:
    return CLOCK + workspace.encode()
