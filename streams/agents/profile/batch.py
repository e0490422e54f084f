"""What the handlers of PROFILE share during a batch: its profiles, clocks, messages and counts.

Each profile is decoded once and encoded once. What happens to it is the handlers', what is published `outputs`'.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from definitions import NEVER
from schemas.consent import encode_consent
from schemas.identity import default_profile_id, device_profile_id
from schemas.records import Command, Identifier, IdentityRequest, ProfileCommand, Repetition, Route
from settings import Workspace
from state.store import HELD
from state.view import StateView
from streams.adoption import Adopted
from streams.agents.profile.clocks import Clocks
from streams.agents.profile.ids import KnownIds
from streams.fold.entry import (
    BufferedRecord,
    Entry,
    Forward,
    HeldEvent,
    Rebuilding,
    Settling,
    deadline_of,
    decode_stored,
    encode_entry,
    encode_settling,
)
from streams.fold.expiry import Expiry
from streams.fold.fold import Added
from streams.fold.lineage import Lineage
from streams.fold.moment import BEGINNING, FoldContext, Outputs
from streams.fold.records import shown_traits
from streams.fold.sessions import SESSION_LATENESS_MS
from streams.fold.state import ProfileState
from streams.metrics import Tally

GRACE_MS = 5 * 60 * 1000  # what GRAPH has decided about an event should have arrived by then

Waiting = BufferedRecord | HeldEvent
"""What has waited at a profile, and is handled by what the profile is now."""

Message = ProfileCommand | Route | IdentityRequest | Repetition
"""What a handler sends to other profiles, to RESOLVE, to GRAPH or to the warehouse."""


class BatchProfile:
    """One profile during a batch.

    `visible`: others must learn of the change. `vanished`: others must forget the profile. `forgotten`: the store must,
    too. `deadline`: the next one, as of the sweep. `indexed`: the one under which the store has it; never a later one.
    `settling`: what it holds back, if anything; `has_settled`: it did so until this batch. `added`: what came late and
    was added to its state, of which nothing follows yet. `reached_at`: to which time (ms) what was held back has
    brought it.
    """

    __slots__ = (
        "added",
        "changed",
        "context",
        "deadline",
        "entry",
        "forgotten",
        "has_settled",
        "indexed",
        "key",
        "outputs",
        "reached_at",
        "settling",
        "vanished",
        "visible",
    )

    def __init__(self, key: bytes, stored: bytes | None, context: FoldContext) -> None:
        self.key = key
        self.entry: Entry | None
        self.settling: Settling | None
        self.entry, self.settling = (None, None) if stored is None else decode_stored(stored)
        self.context = context
        self.outputs = Outputs(segment_changes=[], sessions={}, drops={})
        self.deadline = NEVER
        self.indexed = NEVER if stored is None else deadline_of(stored)
        self.has_settled = False
        self.added: Added | None = None
        self.reached_at = BEGINNING
        self.changed = False
        self.visible = False
        self.vanished = False
        self.forgotten = False

    def keep(self, state: ProfileState) -> None:
        """Store the state; nothing of the change is for others."""
        self.entry = state
        self.changed = True

    def publish(self, state: ProfileState, now: int) -> None:
        """Store the state and publish it; a profile that had vanished is back."""
        state.expiry = Expiry(now + GRACE_MS)
        self.entry = state
        self.changed = self.visible = True

    def mark_swept(self) -> None:
        """Store what time has changed, and publish the profile if that led to a record."""
        self.changed = True
        outputs = self.outputs
        self.visible = self.visible or bool(
            outputs.segment_changes or outputs.sessions or outputs.triggers or outputs.changes_traits
        )

    def become(self, forward: Forward) -> None:
        """Be merged away; others learn of it if they can know of the profile."""
        self.visible = self.visible or isinstance(self.entry, ProfileState)
        self.entry = forward
        self.changed = True

    def wait_for(self, rebuilding: Rebuilding) -> None:
        """Wait to be rebuilt; nothing is published until then."""
        if isinstance(self.entry, ProfileState):
            self.outputs.former_traits = shown_traits(self.entry, self.context)
            self.outputs.former_consent = encode_consent(self.entry.consent.state())
        self.entry = rebuilding
        self.deadline = NEVER
        self.changed = True
        self.visible = False

    def vanish(self, state: ProfileState, now: int, wall_now: int) -> None:
        """Have others forget the profile, and keep its state for what comes late."""
        state.expiry = Expiry(now + SESSION_LATENESS_MS, wall_now)
        self.vanished = self.changed = self.visible = True

    def forget(self) -> None:
        """Delete the profile from the store; nobody else knows it any more."""
        self.forgotten = self.changed = True

    def encoded(self, now: int) -> bytes | None:
        """Encode the entry for the store; None deletes it.

        A deadline that moves on, as that of a session does with every event, leaves the index as it is: the sweep finds
        the profile too early, once, and stores it under the right one.
        """
        keeps_index = now < self.indexed <= self.deadline
        next_deadline = self.indexed if keeps_index else self.deadline
        if self.settling is not None:
            return encode_settling(self.settling, self.entry, next_deadline)
        if self.entry is None or self.forgotten:
            return None
        return encode_entry(self.entry, next_deadline if isinstance(self.entry, ProfileState) else NEVER)


class Batch:
    """One batch: handlers read its profiles and clocks, and leave messages and counts.

    `added_to`: the profiles of which something is to be evaluated.
    `messages`: in order; they are encoded at the end. `resumed`: records that were buffered and are to be handled next,
    each with its profile. `receipts`: as in `streams.phases`. `held`: how many events more than before are held back.
    `in_effect_since`: by workspace, since when (ms) the definitions of now are in effect; none if they always were.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - wired once, by the stage
        self,
        workspaces: Mapping[str, Workspace],
        context: Callable[[str, str], FoldContext],
        view: StateView,
        clocks: Clocks,
        settling_ms: int,
        adopted: Adopted,
    ) -> None:
        self.workspaces = workspaces
        self.adopted = adopted
        self.view = view
        self.clocks = clocks
        self.settling_ms = settling_ms
        self.messages: list[Message] = []
        self.resumed: deque[tuple[BatchProfile, Waiting]] = deque()
        self.added_to: list[BatchProfile] = []
        self.held = 0
        self.in_effect_since: Mapping[str, int] = {}
        self.tally: Tally = Tally()
        self.receipts: list[tuple[str, int]] = []
        self._context = context
        self._profiles: dict[bytes, BatchProfile] = {}

    def profile(self, key: bytes, workspace: str, profile_id: str) -> BatchProfile:
        """Return the profile of a key, which is made of workspace and profile id; it is read once."""
        profile = self._profiles.get(key)
        if profile is None:
            profile = BatchProfile(key, self.view.get(key), self._context(workspace, profile_id))
            self._profiles[key] = profile
        return profile

    def has_read(self, key: bytes) -> bool:
        """Return whether the profile of a key was read."""
        return key in self._profiles

    def profiles(self) -> Iterable[BatchProfile]:
        """Return all profiles that were read so far, in that order."""
        return self._profiles.values()

    def changed(self) -> Iterator[BatchProfile]:
        """Yield the profiles that must be stored."""
        return (profile for profile in self._profiles.values() if profile.changed)

    def now(self, profile: BatchProfile) -> int:
        """Return the time in the profile's workspace, in ms."""
        return self.clocks.now(profile.context.workspace)

    def due_until(self, profile: BatchProfile) -> int:
        """Return the time in the profile's workspace until which deadlines fire, in ms."""
        return self.clocks.due_until(profile.context.workspace)

    def arrived_at(self, profile: BatchProfile, received_at: int) -> int:
        """Return when an event came, in the time of the profile's workspace, in ms."""
        return self.clocks.arrived_at(profile.context.workspace, received_at)

    def default_profile_id(self, profile: BatchProfile, identifier: Identifier) -> str:
        """Return the default profile of an identifier of the same workspace."""
        return default_profile_id(self.workspaces[profile.context.workspace].namespace, identifier)

    def is_own(self, profile: BatchProfile, identifier: Identifier) -> bool:
        """Return whether it is the profile of an identifier by itself: a person's, or a shared device's."""
        profile_id_of = device_profile_id if profile.context.kind == "device" else default_profile_id
        namespace = self.workspaces[profile.context.workspace].namespace
        return profile_id_of(namespace, identifier) == profile.context.profile_id

    def send(self, profile: BatchProfile, target: str, command: Command) -> None:
        """Send a command to the profile `target` of the same workspace."""
        self.messages.append(ProfileCommand.of(profile.context.workspace, target, command))

    def known_ids(self, profile: BatchProfile, state: ProfileState) -> KnownIds:
        """Provide the ids of the events that a profile has folded."""
        return KnownIds(profile.key, state.recent_ids, self.view)

    def publish_repetition(self, profile: BatchProfile, lineage: Lineage, encoded: bytes, is_repeated: bool) -> None:
        """Say whether an event counts as a repetition from now on."""
        workspace, profile_id = profile.context.workspace, profile.context.profile_id
        lineage.version += 1
        decision = max(lineage.decision, lineage.rebuilt)
        self.messages.append(Repetition(workspace, profile_id, encoded, is_repeated, decision, lineage.version))

    def request_recount(self, profile: BatchProfile, identifier: Identifier) -> None:
        """Request from GRAPH that a profile is rebuilt in which an event may count twice."""
        workspace, now = profile.context.workspace, self.now(profile)
        self.messages.append(IdentityRequest(workspace, "", "", now, (identifier,), "recount"))

    def request_reattribution(self, profile: BatchProfile, device: Identifier, persons: Iterable[Identifier]) -> None:
        """Request from GRAPH that persons are rebuilt who have events of a device that are not theirs, or lack some."""
        workspace, now = profile.context.workspace, self.now(profile)
        self.messages.append(IdentityRequest(workspace, "", "", now, (device, *persons), "reattribute"))

    def resume(self, profile: BatchProfile, waiting: Iterable[Waiting]) -> None:
        """Have records handled next that have waited: for a rebuild, or for more that comes late."""
        self.resumed.extend((profile, record) for record in waiting)

    def store(self) -> None:
        """Put what changed into the view."""
        for profile in self.changed():
            self.view.put(profile.key, profile.encoded(self.due_until(profile)))
        if self.held:
            self.view.put(HELD, b"%d" % (int(self.view.get(HELD) or 0) + self.held))
        self.clocks.store()
