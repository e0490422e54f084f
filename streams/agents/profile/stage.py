"""PROFILE: obeys commands and folds events into profiles, lets deadlines fire, and tells what changed.

A batch: decode -> one read of all states -> record by record -> sweep what is due -> encode what changed, once each.
The rules of merging are docs/decisions/0006, of parting and rebuilding 0009; what an event does to a state is
`streams.fold`'s.
"""

import struct
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from definitions import NEVER, Program
from identity.rules import IdentityRules
from schemas.codec import Codec, DecodeError
from schemas.identity import default_profile_id, profile_key, split_profile_key
from schemas.records import (
    Absorb,
    Advance,
    Attribute,
    Command,
    Disown,
    Event,
    Fold,
    Identifier,
    ProfileCommand,
    Rebuild,
    Replay,
    Transfer,
)
from schemas.topics import EVENTS_RESOLVED, PROFILE_COMMANDS
from settings import Workspace
from streams import metrics
from streams.agents.profile.batch import Clocks, Slot, Slots
from streams.agents.profile.buffer import Beside
from streams.agents.profile.outputs import ProfileOutputs
from streams.dead_letters import DeadLetters
from streams.fold import rebuild, segments, sessions
from streams.fold.attribution import owner_of
from streams.fold.entry import (
    Forward,
    Rebuilding,
    deadline_of,
    decode_entry,
    encode_entry,
)
from streams.fold.fold import advance, fold_event, next_deadline
from streams.fold.merge import absorb, retire
from streams.fold.moment import SESSION_END, FoldContext, Moment
from streams.fold.records import is_empty, publish
from streams.fold.state import ProfileState
from streams.metrics import Tally
from streams.phases import Folded, Output, Received, Record
from streams.state.view import StateView

SWEEP_LIMIT = 2_000


class _Decoded(msgspec.Struct, frozen=True, gc=False):
    """`key`: of the profile that is meant; empty for a command to all. `raw`: of the event, or of the command.

    `replayed`: the events of a replay. `owner`, `owner_decision`: to whom a shared device attributes an event.
    `decision`: of the forward that its identifier's own profile is, if that has sent the event on; else 0.
    """

    workspace: str
    profile_id: str
    key: bytes
    content: Event | Command
    raw: bytes | None
    replayed: tuple[Event, ...] = ()
    owner: Identifier | None = None
    owner_decision: int = 0
    decision: int = 0


def stored_deadline(value: bytes) -> int | None:
    """Next deadline of a stored entry, for the store's index; None when time alone never changes it."""
    deadline = deadline_of(value)
    return None if deadline >= NEVER else deadline


class ProfileStage:
    name = "profile"
    table = "profiles"
    topics: tuple[str, ...] = (EVENTS_RESOLVED, PROFILE_COMMANDS)
    sweeps = True
    deadline_of: Callable[[bytes], int | None] | None = staticmethod(stored_deadline)

    def __init__(
        self, workspaces: Mapping[str, Workspace], program: Program, rules: IdentityRules, codec: Codec
    ) -> None:
        self._workspaces = workspaces
        self._rules = rules
        self._programs = {name: program.for_workspace(name) for name in workspaces}
        self._codec = codec
        self._dead = DeadLetters(codec, self.name)
        self.bury = self._dead.of
        self._outputs = ProfileOutputs(codec, self._programs)

    def fold(self, received: Received, view: StateView) -> Folded:
        """Fold a batch; with no records it is a sweep."""
        outputs: list[Output] = []
        tally: Tally = Tally()
        decoded = self._decode_all(received, outputs, tally)
        view.prefetch(item.key for item in decoded if item.key)
        clocks = Clocks(self._workspaces, view, received.now)
        slots = Slots(view, self._context, tally)
        receipts: list[tuple[str, int]] = []
        for item in decoded:
            if self._handle(item, clocks, slots, outputs) and isinstance(item.content, Event):
                receipts.append((item.workspace, item.content.received_at))
        more = self._sweep(clocks, slots, view)
        for slot in slots.changed():
            now = clocks.now(slot.context.workspace)
            outputs += self._outputs.of(slot, now, tally)
            view.put(slot.key, slot.encoded(now))
        clocks.store()
        for workspace, events in Counter(workspace for workspace, _ in receipts).items():
            tally[metrics.EVENTS, (workspace, "folded")] += events
        return Folded(outputs, view, tally, more, receipts)

    # -- what came in

    def _decode_all(self, received: Received, outputs: list[Output], tally: Tally) -> list[_Decoded]:
        decoded = []
        for record in received.records:
            try:
                decoded.append(self._decode(record))
            except DecodeError as error:
                outputs.append(self._dead.of(record, error, received.now, tally))
        return decoded

    def _decode(self, record: Record) -> _Decoded:
        if record.topic == PROFILE_COMMANDS:
            item = self._decode_command(self._codec.decode(ProfileCommand, record.value), record.value)
        else:
            try:
                workspace, profile_id = split_profile_key(record.key)
            except ValueError as error:
                raise DecodeError("invalid", str(error)) from None
            event = self._codec.decode(Event, record.value)
            item = _Decoded(workspace, profile_id, record.key or b"", event, record.value)
        if item.workspace not in self._workspaces:
            raise DecodeError("unknown_workspace", "the record names a workspace that is not configured")
        return item

    def _decode_command(self, command: ProfileCommand, raw: bytes | None) -> _Decoded:
        _check(command)
        key = profile_key(command.workspace, command.profile_id) if command.profile_id else b""
        content = command.command
        match content:
            case Fold():
                return _Decoded(
                    command.workspace, command.profile_id, key, self._codec.decode(Event, content.event), content.event,
                    owner=content.owner, owner_decision=content.owner_decision, decision=content.decision,
                )  # fmt: skip
            case Replay():
                replayed = tuple(self._codec.decode(Event, event) for event in content.events)
                return _Decoded(command.workspace, command.profile_id, key, content, raw, replayed)
            case None:
                raise DecodeError("unprocessable", "a command that this release does not know")
        return _Decoded(command.workspace, command.profile_id, key, content, raw)

    def _context(self, workspace: str, profile_id: str) -> FoldContext:
        priority = self._workspaces[workspace].source_priority
        return FoldContext(workspace, profile_id, self._programs[workspace], priority, self._rules)

    # -- what it does

    def _handle(self, item: _Decoded, clocks: Clocks, slots: Slots, outputs: list[Output]) -> bool:
        """Obey one record; True for an event that became part of a profile."""
        content = item.content
        if isinstance(content, Advance):
            clocks.advance(item.workspace, content.to)
            return False
        if not item.key:
            return False
        slot = slots.get(item.key, item.workspace, item.profile_id)
        if isinstance(slot.entry, Rebuilding) and not isinstance(content, Rebuild | Replay | Disown):
            self._put_aside(item, slot, slot.entry, slots)
            return False
        if isinstance(content, Event):
            return self._event(item, content, slot, clocks, outputs, slots.tally)
        slots.tally[metrics.COMMANDS, (type(content).__name__.lower(),)] += 1
        match content:
            case Transfer():
                self._transfer(content, slot, outputs)
            case Absorb():
                self._absorb(content, slot, clocks, outputs)
            case Rebuild():
                self._rebuild(content, slot, slots)
            case Attribute():
                self._attribute(content, slot, clocks, outputs)
            case Disown():
                self._disown(content, slot, clocks, outputs)
            case Replay():
                self._replay(content, item.replayed, slot, clocks, outputs, slots)
        return False

    def _event(  # noqa: PLR0913, PLR0917 - a batch is many things
        self, item: _Decoded, event: Event, slot: Slot, clocks: Clocks, outputs: list[Output], tally: Tally
    ) -> bool:
        entry = slot.entry
        if isinstance(entry, Forward):
            is_home = self._home(item.workspace, item.owner or event.identifiers[0]) == item.profile_id
            decision = entry.decision if is_home else item.decision
            outputs.append(self._sent_on(item, entry.target, tally, item.owner, item.owner_decision, decision))
            return False
        owner = None if self._is_outdated(item, entry, event) else item.owner
        stray = self._stray(entry, event, owner, item.decision, slot.context)
        if stray is not None:
            outputs.append(self._sent_on(item, self._home(item.workspace, stray), tally, owner, item.owner_decision))
            return False
        clocks.advance(item.workspace, event.occurred_at)
        state = slot.state()
        if owner is None and (held_by := owner_of(state, event)) is not None:
            slot.changed = True
            outputs.append(
                self._sent_on(item, self._home(item.workspace, held_by), tally, held_by, state.ownership.decision)
            )
            return False
        if entry is None:
            tally[metrics.CREATED, (item.workspace,)] += 1
        if not fold_event(state, event, slot.context, slot.outputs, adds_identifier=owner is None):
            tally[metrics.EVENTS, (item.workspace, "duplicate")] += 1
            return False
        if state.expiry.vanished_at is not None:
            moment = Moment(slot.context, slot.outputs, event.message_id, state.as_of, state.lineage.version)
            segments.settle(state, slot.context.program.segments, moment)
            publish(state, moment)
        slot.touch(clocks.now(item.workspace))
        return True

    def _transfer(self, command: Transfer, slot: Slot, outputs: list[Output]) -> None:
        """Become a forward and send the state on, unless its events are being replayed at the target.

        Only identifiers whose state is here move with it: those of a state that is still on its way here follow
        with that state, through the forward. Otherwise their events could overtake it (docs/decisions/0006).
        """
        target, entry = command.target, slot.entry
        assert not isinstance(entry, Rebuilding)
        if target == slot.context.profile_id or not command.identifiers:
            return
        if isinstance(entry, ProfileState) and command.decision < entry.lineage.rebuilt:
            return  # it was parted from the target since
        rebuilt = command.decision if command.outdates else 0 if entry is None else _rebuilt(entry)
        if isinstance(entry, Forward):
            if command.decision > entry.decision:
                forward = Forward(target, command.decision, entry.version, max(rebuilt, entry.rebuilt))
                slot.become(forward, had_state=False)
            return
        version = 0
        if entry is not None:
            retire(entry, slot.context, slot.outputs)
            version = entry.lineage.version + 1
        if not command.outdates:
            moving = {command.identifiers[0], *(entry.identifiers.listed() if entry else ())}
            moved = Absorb(
                decision=command.decision,
                origin=slot.context.profile_id,
                identifiers=tuple(sorted(moving, key=self._rules.rank)),
                state=None if entry is None else encode_entry(entry, NEVER),
            )
            outputs.append(self._outputs.command(slot.context.workspace, target, moved))
        slot.become(Forward(target, command.decision, version, rebuilt), had_state=entry is not None)

    def _absorb(self, command: Absorb, slot: Slot, clocks: Clocks, outputs: list[Output]) -> None:
        """Take a state in, and only then let RESOLVE send the identifiers' events here.

        One that was sent here before the profile was last rebuilt counts no more: its events were replayed, here or
        where they belong by now. Each forward on its way has judged it by what was replayed there.
        """
        entry = slot.entry
        assert not isinstance(entry, Rebuilding)
        if entry is not None and command.decision < _rebuilt(entry):
            return
        if isinstance(entry, Forward):
            decision = max(command.decision, entry.decision)
            redirected = msgspec.structs.replace(command, decision=decision)
            outputs.append(self._outputs.command(slot.context.workspace, entry.target, redirected))
            return
        state = slot.state()
        if not command.identifiers or state.identifiers.has(command.identifiers[0]):
            return  # a repetition: it is already here
        other = decode_entry(command.state) if command.state is not None else ProfileState()
        if not isinstance(other, ProfileState):
            raise AssertionError("only a profile's state can be absorbed")
        absorb(state, other, command.identifiers, command.decision, slot.context, slot.outputs)
        slot.touch(clocks.now(slot.context.workspace))
        outputs.extend(self._outputs.routes(slot.context, command))

    # -- parting

    def _rebuild(self, command: Rebuild, slot: Slot, slots: Slots) -> None:
        """Wait for the replay of the events that belong here from this decision on."""
        former, rebuilding = slot.entry, rebuild.begin(slot.entry, command)
        if rebuilding is not None:
            if isinstance(former, Rebuilding):
                Beside(slot.key, former, slots.view).forget_told(former.next_chunk)
            slot.wait_for(rebuilding)

    def _attribute(self, command: Attribute, slot: Slot, clocks: Clocks, outputs: list[Output]) -> None:
        """Learn who holds a shared device; if events were handed on otherwise, ask GRAPH to have that put right."""
        if isinstance(slot.entry, Forward):
            return
        persons = slot.state().ownership.assign(command.owners, command.decision)
        slot.changed = True
        if persons:
            workspace = slot.context.workspace
            outputs.append(self._outputs.reattribute(workspace, (command.device, *persons), clocks.now(workspace)))

    def _disown(self, command: Disown, slot: Slot, clocks: Clocks, outputs: list[Output]) -> None:
        """Have the profile rebuilt anew if it waits for a replay of events that are not all its own any more."""
        if isinstance(slot.entry, Rebuilding) and command.decision > slot.entry.lineage.rebuilt:
            workspace = slot.context.workspace
            concerned = command.device, command.person
            outputs.append(self._outputs.reattribute(workspace, concerned, clocks.now(workspace)))

    def _put_aside(self, item: _Decoded, slot: Slot, rebuilding: Rebuilding, slots: Slots) -> None:
        """Keep a record, in order, until the profile is rebuilt."""
        message_id = item.content.message_id if isinstance(item.content, Event) else None
        Beside(slot.key, rebuilding, slots.view).put_aside(message_id, item.raw or b"")
        slots.tally[metrics.ASIDE, ()] += 1
        slot.changed = True

    def _replay(  # noqa: PLR0913, PLR0917 - a batch is many things
        self,
        command: Replay,
        events: tuple[Event, ...],
        slot: Slot,
        clocks: Clocks,
        outputs: list[Output],
        slots: Slots,
    ) -> None:
        """Fold a part of the replay; with the last one, go on with what was put aside."""
        rebuilding = slot.entry
        if not isinstance(rebuilding, Rebuilding) or command.decision != rebuilding.lineage.rebuilt:
            return
        beside, came = Beside(slot.key, rebuilding, slots.view), rebuilding.next_chunk
        if not rebuild.replay(rebuilding, command.attempt, command.chunk, command.version, events, slot.context):
            return
        slot.changed = True
        if command.chunk == 0:
            beside.forget_told(came)
        slots.tally[metrics.EVENTS, (slot.context.workspace, "replayed")] += beside.drop(events)
        if not command.last:
            beside.put_told(command.chunk, command.sessions)
            return
        known = [*beside.take_told(), *command.sessions]
        now = clocks.now(slot.context.workspace)
        slot.entry = rebuild.finish(rebuilding, known, now, slot.context, slot.outputs)
        slot.touch(now)
        slots.tally[metrics.REBUILT, (slot.context.workspace,)] += 1
        for is_event, raw in beside.take():
            if self._handle(self._taken_up(slot, is_event, raw), clocks, slots, outputs):
                slots.tally[metrics.EVENTS, (slot.context.workspace, "folded")] += 1

    def _taken_up(self, slot: Slot, is_event: bool, raw: bytes) -> _Decoded:
        if not is_event:
            return self._decode_command(self._codec.decode(ProfileCommand, raw), raw)
        event = self._codec.decode(Event, raw)
        return _Decoded(slot.context.workspace, slot.context.profile_id, slot.key, event, raw)

    def _is_outdated(self, item: _Decoded, entry: ProfileState | Rebuilding | None, event: Event) -> bool:
        """Whether the events of a shared device were reattributed out anew since this one was handed on."""
        if item.owner is None or entry is None:
            return False
        return entry.ownership.is_stale(event.identifiers[0], item.owner_decision)

    def _stray(
        self,
        state: ProfileState | Rebuilding | None,
        event: Event,
        owner: Identifier | None,
        decision: int,
        context: FoldContext,
    ) -> Identifier | None:
        """Whose own profile a stray event goes to: one that was on its way when its identifier was parted from here.

        All others are of an identifier that this profile has taken in, or whose own profile it is. An event that a
        shared device has handed on counts as its owner's. One that its own profile has sent here (by `decision`)
        stays, unless its identifier was parted since: its own profile would send it here again.
        """
        owner = owner or event.identifiers[0]
        pairs = (
            () if state is None else state.identifiers.pairs if isinstance(state, ProfileState) else state.identifiers
        )
        if (owner.namespace, owner.value) in pairs:
            return None
        rebuilt = 0 if state is None else _rebuilt(state)
        if self._home(context.workspace, owner) == context.profile_id or rebuilt <= decision > 0:
            return None
        return owner

    def _home(self, workspace: str, identifier: Identifier) -> str:
        return default_profile_id(self._workspaces[workspace].namespace, identifier)

    def _sent_on(  # noqa: PLR0913, PLR0917 - the event, where to, and on whose behalf by which decisions
        self,
        item: _Decoded,
        target: str,
        tally: Tally,
        owner: Identifier | None,
        owner_decision: int,
        decision: int = 0,
    ) -> Output:
        tally[metrics.EVENTS, (item.workspace, "forwarded")] += 1
        fold = Fold(item.raw or b"", decision, owner, owner_decision)
        return self._outputs.command(item.workspace, target, fold)

    # -- what time does

    def _sweep(self, clocks: Clocks, slots: Slots, view: StateView) -> bool:
        """Fire every deadline that is due; True when some had to be left for another pass."""
        more = False
        for workspace in self._workspaces:
            now = clocks.now(workspace)
            due = view.due(workspace, now, SWEEP_LIMIT)
            more = more or len(due) == SWEEP_LIMIT
            view.prefetch(due)
            for key in due:
                slots.get(key, *split_profile_key(key))
        for slot in slots.loaded():
            state, now = slot.entry, clocks.now(slot.context.workspace)
            if isinstance(state, ProfileState):
                slot.deadline = self._deadline(state, slot)
                if slot.deadline <= now:
                    if state.expiry.vanished_at is None:
                        advance(state, now, slot.context, slot.outputs)
                        slot.mark_swept()
                    self._vanish_with_session(state, slot, clocks)
                    slot.deadline = self._deadline(state, slot)
                elif slot.indexed <= now:
                    slot.changed = True  # found too early: it gets its place in the index
        return more

    def _deadline(self, state: ProfileState, slot: Slot) -> int:
        """When time changes something next, vanishing included, or NEVER."""
        return min(next_deadline(state), self._vanishes_at(state, slot))

    def _vanishes_at(self, state: ProfileState, slot: Slot) -> int:
        """When a profile of which nothing but sessions that have ended is known vanishes, or is forgotten; or NEVER.

        The identifier whose own profile it is may come only after what the profile was told to absorb.
        """
        if not state.identifiers.pairs or state.sessions.deadline(state.as_of) < NEVER or is_empty(state):
            return NEVER
        known = state.identifiers.listed()
        if not all(self._rules.kind(one) == "session" for one in known):
            return NEVER
        if all(self._home(slot.context.workspace, one) != slot.context.profile_id for one in known):
            return NEVER
        if state.expiry.vanished_at is not None and (state.lineage.decision or state.lineage.rebuilt):
            return NEVER  # forwards may lead here
        return state.expiry.kept_until

    def _vanish_with_session(self, state: ProfileState, slot: Slot, clocks: Clocks) -> None:
        """Tell that a profile of ended sessions is no more, or forget one of which this was told long ago.

        In between it is remembered: its session may come back, late or twice, or prove to be somebody's.
        """
        now = clocks.now(slot.context.workspace)
        if self._vanishes_at(state, slot) > now:
            return
        if state.expiry.vanished_at is None:
            moment = Moment(slot.context, slot.outputs, SESSION_END, state.as_of, state.lineage.version)
            state.memberships.retire(moment)
            publish(state, moment)
            slot.vanish(now, clocks.wall_now)
        elif clocks.wall_now - state.expiry.vanished_at >= sessions.SESSION_LATENESS_MS:
            slot.forget()
        else:  # an event clock runs ahead: the later, the less often it is asked for again
            state.expiry.kept_until = now + max(sessions.SESSION_LATENESS_MS, now - state.as_of)
            slot.changed = True


def _check(record: ProfileCommand) -> None:
    """Raise DecodeError for a command that decodes, but that no stage of ours has written."""
    command = record.command
    name = type(command).__name__
    try:
        if not isinstance(command, Advance):
            split_profile_key(profile_key(record.workspace, record.profile_id))
        if isinstance(command, Transfer):
            split_profile_key(profile_key(record.workspace, command.target))
        holds_state = (
            not isinstance(command, Absorb)
            or command.state is None
            or isinstance(decode_entry(command.state), ProfileState)
        )
    except (ValueError, msgspec.DecodeError, struct.error) as error:
        raise DecodeError("invalid", f"{name}: {error}") from None
    if not holds_state:
        raise DecodeError("invalid", f"{name}: a forward holds no state that could be absorbed")


def _rebuilt(entry: ProfileState | Forward | Rebuilding) -> int:
    return entry.rebuilt if isinstance(entry, Forward) else entry.lineage.rebuilt
