"""Takes what the query of a mined trait has found, and lets all that reads the trait follow (docs/decisions/0040)."""

from schemas.records import Mine
from streams import metrics
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.settling import decided_until
from streams.fold.entry import Forward
from streams.fold.evaluation import evaluate_mined
from streams.fold.fold import advance
from streams.fold.moment import BEGINNING, DEFINITION, MINING
from streams.fold.state import ProfileState


def take(batch: Batch, profile: BatchProfile, state: ProfileState | None, mine: Mine) -> None:
    """Know a value from now on, as of when the query ran; a profile that nobody sees does not take it."""
    context = profile.context
    if mine.trait not in context.program.mined or state is None or _is_unseen(state):
        batch.tally[metrics.MINED, (context.workspace, "ignored")] += 1
        return
    is_changed = (
        state.mined.take(mine.trait, mine.value)
        if mine.value is None or mine.origin == context.profile_id
        else state.mined.take_greater(mine.trait, mine.value)
    )
    batch.tally[metrics.MINED, (context.workspace, "changed" if is_changed else "unchanged")] += 1
    if not is_changed:
        return
    profile.keep(state)
    if state.evaluations.definitions != context.program.fingerprint:
        return  # everything is evaluated when its time goes on
    due_until = batch.due_until(profile)
    at = min(mine.queried_at, due_until) if batch.clocks.is_wall(context.workspace) else due_until
    if profile.settling is None:
        advance(state, min(at, decided_until(batch, profile, state)), context, profile.outputs)
    cause = DEFINITION if mine.is_new else MINING
    evaluate_mined(state, mine.trait, at, cause, context, profile.outputs)
    profile.mark_swept()


def pass_on(batch: Batch, profile: BatchProfile, entry: Forward, mine: Mine) -> None:
    """Send a value on to where the state has gone; that there is none is true of this profile alone."""
    if mine.value is not None:
        batch.send(profile, entry.target, mine)


def _is_unseen(state: ProfileState) -> bool:
    return state.as_of == BEGINNING or state.expiry.vanished_at is not None
