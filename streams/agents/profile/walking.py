"""Has every profile take over definitions that have changed: each when it is met, and all by a walk over the table.

Whom no event touches must enter or leave as well. How far the walk is lies in the task's state, so it goes on after a
crash; its pace is bounded, and live records come between.
"""

from collections.abc import Iterator

import msgspec

from definitions.sets.publication import walked_record
from schemas.identity import split_profile_key
from schemas.topics import DEFINITIONS
from state.outputs import Output
from state.store import META
from state.view import StateView
from streams.adoption import Adopted
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.seeding import unite_due
from streams.agents.profile.settling import decided_until
from streams.fold.fold import advance, next_deadline, refresh
from streams.fold.state import ProfileState

KEYS_AT_ONCE = 200
"""Of one partition in one fold: some 10 ms, if everybody changes; live records wait no longer for it."""
_WALK = META + b"walk"


class Walk(msgspec.Struct, array_like=True):
    """How far a walk is.

    `target`: what it takes over. `after`: the last key that was met; None: it met all. `began_at`: by workspace, its
    time (ms) when the walk began. `said`: by workspace, the version of which it was said that it met all.
    """

    target: str = ""
    after: bytes | None = None
    began_at: dict[str, int] = {}
    said: dict[str, int] = {}


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Walk).decode


def begin(batch: Batch, adopted: Adopted) -> None:
    """Note since when the definitions of now are in effect, for all profiles at the same time."""
    going = _under_way(batch.view, adopted.target)
    if going.target and not going.began_at:
        going.began_at = {workspace: batch.clocks.now(workspace) for workspace in batch.workspaces}
        batch.view.put(_WALK, _encode(going))
    batch.in_effect_since = going.began_at


def walk(batch: Batch, adopted: Adopted, records: int) -> bool:
    """Have the next profiles take over what has changed, if not all have done so; return whether to go on at once.

    A task that is behind does so with what came before the change: the walk waits for it. `records`: of the batch;
    beside some, no more profiles are met than there are of those, as what is live is not to wait for the walk.
    """
    going = _under_way(batch.view, adopted.target)
    if going.after is None or not _has_come_to(going, batch):
        return False
    at_most = min(records, KEYS_AT_ONCE) or KEYS_AT_ONCE
    keys = batch.view.after(going.after, at_most)
    addresses = {key: address for key in keys if (address := _address_of(key)) is not None}
    batch.view.prefetch(addresses)
    for key, address in addresses.items():
        take_over(batch, batch.profile(key, *address))
    going.after = keys[-1] if len(keys) == at_most else None
    batch.view.put(_WALK, _encode(going))
    return going.after is not None


def _has_come_to(going: Walk, batch: Batch) -> bool:
    """Return whether time has passed for everybody until the walk began, so that it meets them as they were then."""
    clocks = batch.clocks
    return clocks.has_caught_up and all(
        clocks.due_until(workspace) >= began_at or not clocks.is_wall(workspace)
        for workspace, began_at in going.began_at.items()
    )


def newly_walked(view: StateView, adopted: Adopted, partition: int) -> Iterator[Output]:
    """Say on `definitions`, once, by which versions everybody in a partition is evaluated."""
    going, evaluated = _under_way(view, adopted.target), dict(adopted.evaluated)
    if going.after is None and going.said != evaluated and any(evaluated.values()):
        going.said = evaluated
        view.put(_WALK, _encode(going))
        yield Output(DEFINITIONS, *walked_record(partition, evaluated))


def take_over(batch: Batch, profile: BatchProfile) -> None:
    """Evaluate a profile by definitions that have changed since it was last evaluated, as of when they took effect.

    What time alone has changed until then is a lapse by the definitions of before, what it changes since then is one
    like any other, also of a profile that was not stored when the walk met it.
    """
    state = profile.entry
    if isinstance(state, ProfileState) and (_is_outdated(profile, state) or state.seeds.pending):
        _take_over(batch, profile, state)


def _is_outdated(profile: BatchProfile, state: ProfileState) -> bool:
    return state.evaluations.definitions != profile.context.program.fingerprint


def _take_over(batch: Batch, profile: BatchProfile, state: ProfileState) -> None:
    takes_effect_at = _takes_effect_at(batch, profile)
    if _is_outdated(profile, state) and not _pass_time_before(takes_effect_at, batch, profile, state):
        return  # what it waits for comes at once, or the next deadline has it take over
    if unite_due(batch, profile, state):
        profile.keep(state)
        if state == ProfileState():
            profile.forget()  # it was known of a seed alone, and whoever it was meant for is elsewhere
            return
    if not _is_outdated(profile, state):
        return
    # One that has vanished is in no segment until an event brings it back; the time of one that is settling stands
    # still: the first event that is folded, or the next deadline, has it take over.
    if state.expiry.vanished_at is not None or profile.settling is not None:
        return
    outputs, earliest = profile.outputs, state.evaluations.earliest
    refresh(state, profile.context, outputs, takes_effect_at)
    if outputs.segment_changes or outputs.changes_traits or state.evaluations.earliest != earliest:
        profile.mark_swept()  # else it is as well stored as it was: whoever reads it evaluates it once more


def _pass_time_before(takes_effect_at: int, batch: Batch, profile: BatchProfile, state: ProfileState) -> bool:
    """Fire what was due by earlier definitions before those of now took effect; return False if some has to wait."""
    context = profile.context
    if next_deadline(state) > takes_effect_at:
        return True
    if profile.settling is not None or state.expiry.vanished_at is not None:
        return True
    former = batch.adopted.former.find(context.workspace, context.kind, state.evaluations.definitions)
    if former is None:
        return True
    until = min(takes_effect_at, decided_until(batch, profile, state))
    by_former = msgspec.structs.replace(context, program=former.program, definition=former.version)
    advance(state, until, by_former, profile.outputs)
    profile.mark_swept()
    return next_deadline(state) > takes_effect_at


def _takes_effect_at(batch: Batch, profile: BatchProfile) -> int:
    """Return since when (ms) the definitions of now hold for a profile, as far as time has passed for it."""
    due_until = batch.due_until(profile)
    return min(batch.in_effect_since.get(profile.context.workspace, due_until), due_until)


def _under_way(view: StateView, target: str) -> Walk:
    stored = view.get(_WALK)
    going = Walk() if stored is None else _decode(stored)
    return going if going.target == target else Walk(target, META + b"\xff")


def _address_of(key: bytes) -> tuple[str, str] | None:
    """Return workspace and profile id; None for what lies beside a profile, or is about the task."""
    try:
        return split_profile_key(key)
    except ValueError:
        return None
