"""Merges profiles (docs/decisions/0006): one becomes a forward and sends its state, the other absorbs it."""

from collections.abc import Iterator

import msgspec

from definitions import NEVER
from schemas.records import Absorb, Route, Transfer
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.decoding import AbsorbedState, Outdating
from streams.agents.profile.denying import give_away, outlive
from streams.agents.profile.ids import forget_stored
from streams.agents.profile.reaffirming import readdress
from streams.agents.profile.seeding import unite_due
from streams.agents.profile.settling import decided_until
from streams.fold.entry import Forward, encode_entry
from streams.fold.fold import advance
from streams.fold.merge import merge, retire
from streams.fold.recent_ids import EventId, unpacked
from streams.fold.state import ProfileState

MAX_SENT_IDS = 150_000  # 1.8 MB beside the state, of the 8 MB that a record may have; beyond it, the target is rebuilt


def transfer(batch: Batch, profile: BatchProfile, state: ProfileState | None, command: Transfer) -> None:
    """Become a forward and send the state to the target.

    Only identifiers whose state is here move with it: those of a state that is still on its way here follow with that
    state, through the forward. Otherwise their events could overtake it.
    """
    if is_void(profile, command):
        return
    rebuilt, version = 0, 0
    if state is not None:
        rebuilt = state.lineage.rebuilt
        if command.decision < rebuilt:
            return  # an unmerge has taken it from the target since
        _retire(batch, profile, state)
        version = state.lineage.version + 1
    batch.send(profile, command.target, _state_for_target(batch, profile, state, command))
    if state is not None:
        batch.known_ids(profile, state).forget()
    profile.become(Forward(command.target, command.decision, version, rebuilt))


def outdate(batch: Batch, profile: BatchProfile, entry: ProfileState | Forward | None, outdating: Outdating) -> None:
    """Become a forward without a state: the events are replayed at the target, and what is on its way here as well."""
    command, version = outdating.command, 0
    if is_void(profile, command):
        return
    match entry:
        case Forward():
            if command.decision <= entry.decision:
                return
            version = entry.version
        case ProfileState():
            if command.decision < entry.lineage.rebuilt:
                return
            give_away(profile, entry, entry.identifiers.listed())
            _retire(batch, profile, entry)
            version = entry.lineage.version + 1
    forget_stored(profile.key, batch.view)
    profile.become(Forward(command.target, command.decision, version, command.decision))


def redirect(_: Batch, profile: BatchProfile, entry: Forward, command: Transfer) -> None:
    """Lead to another target from now on, by a later decision."""
    if not is_void(profile, command) and command.decision > entry.decision:
        profile.become(Forward(command.target, command.decision, entry.version, entry.rebuilt))


def is_void(profile: BatchProfile, command: Transfer) -> bool:
    """Return whether a transfer transfers nothing, or nowhere."""
    return command.target == profile.context.profile_id or not command.identifiers


def absorb(batch: Batch, profile: BatchProfile, state: ProfileState | None, absorbed: AbsorbedState) -> None:
    """Take a state in, and only then let RESOLVE send the identifiers' events here.

    One that was sent here before the profile was last rebuilt counts no more: its events were replayed, here or where
    they belong by now. Each forward on its way has judged it by what was replayed there.
    """
    command, state = absorbed.command, state or ProfileState()
    former = state.identifiers.listed()
    unite_due(batch, profile, absorbed.state)
    is_repeated = not command.identifiers or state.identifiers.has(command.identifiers[0])
    if command.decision < state.lineage.rebuilt or is_repeated:
        outlive(batch, profile, state, absorbed)
        return
    known = batch.known_ids(profile, state)
    both_have = any(known.tag_of(hash_) is not None for hash_, _ in _ids(absorbed))
    known.add_stored(unpacked(command.ids))
    taken = command.identifiers
    if command.canonical is not None and batch.is_own(profile, command.canonical):
        taken = (*taken, command.canonical)  # merged by hand, it may have no event
    merge(state, absorbed.state, taken, command.decision, profile.context, profile.outputs)
    known.store_full()
    if both_have or command.recount:
        batch.request_recount(profile, command.identifiers[0])
    readdress(batch, profile, state, former)
    profile.publish(state, batch.now(profile))
    workspace, profile_id = profile.context.workspace, profile.context.profile_id
    for identifier in command.identifiers:
        route = Route(workspace, identifier.namespace, identifier.value, profile_id, command.decision)
        batch.messages.append(route)


def pass_on(batch: Batch, profile: BatchProfile, entry: Forward, absorbed: AbsorbedState) -> None:
    """Send a state on to the target of the forward, by the later of both decisions."""
    command = absorbed.command
    if command.decision < entry.rebuilt:
        give_away(profile, absorbed.state, command.identifiers)
    else:
        decision = max(command.decision, entry.decision)
        batch.send(profile, entry.target, msgspec.structs.replace(command, decision=decision))


def _retire(batch: Batch, profile: BatchProfile, state: ProfileState) -> None:
    """Leave what others know of it as of now; what time had changed by then is published first, if it is decided."""
    is_current = state.evaluations.definitions == profile.context.program.fingerprint
    if is_current and profile.settling is None and state.expiry.vanished_at is None:
        advance(state, decided_until(batch, profile, state), profile.context, profile.outputs)
    retire(state, profile.context, profile.outputs, batch.due_until(profile))


def _state_for_target(batch: Batch, profile: BatchProfile, state: ProfileState | None, command: Transfer) -> Absorb:
    has_too_many = state is not None and state.recent_ids.stored > MAX_SENT_IDS
    ids = () if state is None or has_too_many else batch.known_ids(profile, state).stored()
    moving = {command.identifiers[0], *(state.identifiers.listed() if state is not None else ())}
    return Absorb(
        decision=command.decision,
        origin=profile.context.profile_id,
        identifiers=tuple(sorted(moving, key=profile.context.rules.rank)),
        state=None if state is None else encode_entry(state, NEVER),
        ids=b"".join(hash_ + tag for hash_, tag in ids),
        recount=has_too_many,
        canonical=command.canonical,
        definitions=batch.adopted.version,
        complete_to=batch.adopted.complete_to.get(profile.context.workspace, 0),
    )


def _ids(absorbed: AbsorbedState) -> Iterator[EventId]:
    yield from unpacked(absorbed.state.recent_ids.packed)
    yield from unpacked(absorbed.command.ids)
