"""Has every profile take over definitions that have changed: each when it is met, and all by a walk over the table.

Whom no event touches must enter or leave as well. How far the walk is lies in the task's state, so it goes on after a
crash; its pace is bounded, and live records come between.
"""

from collections.abc import Iterator

import msgspec

from definitions.sets.publication import walked_record
from schemas.identity import split_profile_key
from schemas.topics import DEFINITIONS
from streams.adoption import Adopted
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.seeding import settle
from streams.fold.fold import refresh
from streams.fold.state import ProfileState
from streams.phases import Output
from streams.state.store import META
from streams.state.view import StateView

KEYS_AT_ONCE = 250
"""Of one partition in one batch: some 20 ms, if everybody changes; live records wait no longer for it."""
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


def walk(batch: Batch, adopted: Adopted) -> None:
    """Have the next profiles take over what has changed, if not all have done so."""
    going = _under_way(batch.view, adopted.target)
    if going.after is None:
        return
    keys = batch.view.after(going.after, KEYS_AT_ONCE)
    profile_keys = [key for key in keys if _is_profile(key)]
    batch.view.prefetch(profile_keys)
    for key in profile_keys:
        take_over(batch, batch.profile(key, *split_profile_key(key)))
    going.after = keys[-1] if len(keys) == KEYS_AT_ONCE else None
    batch.view.put(_WALK, _encode(going))


def newly_walked(view: StateView, adopted: Adopted, partition: int) -> Iterator[Output]:
    """Say on `definitions`, once, by which versions everybody in a partition is evaluated."""
    going, evaluated = _under_way(view, adopted.target), dict(adopted.evaluated)
    if going.after is None and going.said != evaluated and any(evaluated.values()):
        going.said = evaluated
        view.put(_WALK, _encode(going))
        yield Output(DEFINITIONS, *walked_record(partition, evaluated))


def take_over(batch: Batch, profile: BatchProfile) -> None:
    """Evaluate a profile by definitions that have changed since it was last evaluated, as of when they took effect.

    So what time alone has changed since then is a lapse like any other, also of a profile that was not stored when the
    walk met it.
    """
    state = profile.entry
    if not isinstance(state, ProfileState):
        return
    if settle(batch, profile, state):
        profile.keep(state)
        if state == ProfileState():
            profile.forget()  # it was known of a seed alone, and whoever it was meant for is elsewhere
            return
    if state.evaluations.definitions == profile.context.program.fingerprint:
        return
    if state.expiry.vanished_at is not None:
        return  # it is in no segment until an event brings it back
    if profile.settling is not None:
        return  # its time stands still: the first event that is folded, or the next deadline, has it take over
    outputs, earliest = profile.outputs, state.evaluations.earliest
    due_until = batch.due_until(profile)
    refresh(
        state, profile.context, outputs, min(batch.in_effect_since.get(profile.context.workspace, due_until), due_until)
    )
    if outputs.segment_changes or outputs.changes_traits or state.evaluations.earliest != earliest:
        profile.mark_swept()  # else it is as well stored as it was: whoever reads it evaluates it once more


def _under_way(view: StateView, target: str) -> Walk:
    stored = view.get(_WALK)
    going = Walk() if stored is None else _decode(stored)
    return going if going.target == target else Walk(target, META + b"\xff")


def _is_profile(key: bytes) -> bool:
    try:
        split_profile_key(key)
    except ValueError:  # what lies beside a profile, or is about the task
        return False
    return True
