"""What time does: it fires deadlines, and profiles of ended sessions alone vanish and are forgotten."""

from definitions import NEVER
from schemas.identity import split_profile_key
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.settling import deadline as settling_deadline
from streams.agents.profile.settling import decided_at, decided_until, is_settling
from streams.agents.profile.walking import take_over
from streams.fold.evaluation import leave_all
from streams.fold.fold import advance, next_deadline
from streams.fold.moment import SESSION_END
from streams.fold.records import is_empty
from streams.fold.sessions import SESSION_LATENESS_MS
from streams.fold.state import ProfileState

SWEEP_LIMIT = 500
"""Of one partition in one batch: live records wait no longer for it than for so many lapses."""


def read_due(batch: Batch) -> bool:
    """Read every profile with a deadline that is due; return True when some had to be left for another pass."""
    more = False
    for workspace in batch.workspaces:
        due = batch.view.due(workspace, batch.clocks.due_until(workspace), SWEEP_LIMIT)
        more = more or len(due) == SWEEP_LIMIT
        batch.view.prefetch(due)
        for key in due:
            batch.profile(key, *split_profile_key(key))
    return more


def sweep(batch: Batch) -> None:
    """Fire every deadline that is due of the profiles that were read; those of a profile that is settling wait."""
    for profile in batch.profiles():
        if is_settling(batch, profile):
            assert profile.settling is not None
            profile.deadline = settling_deadline(batch, profile, profile.settling)
            profile.changed = profile.changed or profile.indexed <= batch.due_until(profile)
        elif isinstance(profile.entry, ProfileState):
            _pass_time(batch, profile, profile.entry)


def _pass_time(batch: Batch, profile: BatchProfile, state: ProfileState) -> None:
    take_over(batch, profile)
    now = batch.due_until(profile)
    profile.deadline = _deadline(batch, profile, state)
    if profile.deadline <= now:
        if state.expiry.vanished_at is None:
            advance(state, decided_until(batch, profile, state), profile.context, profile.outputs)
            profile.mark_swept()
        if _vanishes_at(batch, profile, state) <= now:
            _expire(batch, profile, state, batch.now(profile))
        profile.deadline = _deadline(batch, profile, state)
    elif profile.indexed <= now:
        profile.changed = True  # it was found too early: the index gets its deadline


def _deadline(batch: Batch, profile: BatchProfile, state: ProfileState) -> int:
    """Return when time changes something next, vanishing included, or NEVER."""
    return min(decided_at(batch, profile, state, next_deadline(state)), _vanishes_at(batch, profile, state))


def _vanishes_at(batch: Batch, profile: BatchProfile, state: ProfileState) -> int:
    """Return when a profile that has only sessions, all ended, vanishes or is forgotten; NEVER for all others.

    A profile that does not know its own identifier stays: that may be a person's.
    """
    if not state.identifiers.pairs or state.sessions.deadline(state.as_of) < NEVER or is_empty(state):
        return NEVER
    identifiers = state.identifiers.listed()
    if not all(profile.context.rules.kind(identifier) == "session" for identifier in identifiers):
        return NEVER
    if not any(batch.is_own(profile, identifier) for identifier in identifiers):
        return NEVER
    if state.expiry.vanished_at is not None and (state.lineage.decision or state.lineage.rebuilt):
        return NEVER  # forwards may lead here
    return state.expiry.kept_until


def _expire(batch: Batch, profile: BatchProfile, state: ProfileState, now: int) -> None:
    """Have a profile of ended sessions vanish, or forget one that vanished long ago.

    In between it is remembered: its session may come back, late or twice, or prove to be somebody's.
    """
    wall_now = batch.clocks.wall_now
    if state.expiry.vanished_at is None:
        leave_all(state, SESSION_END, profile.context, profile.outputs)
        profile.vanish(state, now, wall_now)
    elif wall_now - state.expiry.vanished_at >= SESSION_LATENESS_MS:
        batch.known_ids(profile, state).forget()
        profile.forget()
    else:  # an event clock runs ahead: the later, the less often its deadline fires in vain
        state.expiry.kept_until = now + max(SESSION_LATENESS_MS, now - state.as_of)
        profile.changed = True
