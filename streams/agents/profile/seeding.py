"""Takes what a back-fill has computed of the past, and unites it with what was folded since, once all is complete.

A seed goes the way of the state that it follows: along forwards, and into the buffer of a profile under rebuild. Like
an absorbed state it is judged by the decision that it came by: a later replay has everything itself (decision 0034).
"""

import msgspec

from schemas.records import Seed
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.decoding import Addressed
from streams.fold.entry import Forward, with_seed
from streams.fold.merge import unite_seed
from streams.fold.seeds import PendingSeed
from streams.fold.state import ProfileState


def take(_: Batch, profile: BatchProfile, state: ProfileState | None, seed: Seed) -> None:
    """Keep a seed until the back-fill is complete; a state that is to be absorbed may come after it."""
    state = state or ProfileState()
    if seed.decision < state.lineage.rebuilt:
        return
    state.seeds.take(seed.origin, PendingSeed.of(seed))
    profile.keep(state)


def take_unread(batch: Batch, addressed: Addressed, seed: Seed) -> bool:
    """Keep a seed, as `take` does, without reading the profile; return False if it has to be read.

    What `take_over` would do first is done when the profile is read, as there is no other seed that this one replaces.
    """
    if batch.has_read(addressed.key):
        return False
    stored = batch.view.get(addressed.key)
    seeded = None if stored is None else with_seed(stored, seed)
    if seeded is None:
        return False
    batch.view.put(addressed.key, seeded)
    return True


def pass_on(batch: Batch, profile: BatchProfile, entry: Forward, seed: Seed) -> None:
    """Send a seed on to where the state has gone, by the later of both decisions."""
    if seed.decision >= entry.rebuilt:
        decision = max(seed.decision, entry.decision)
        batch.send(profile, entry.target, msgspec.structs.replace(seed, decision=decision))


def unite_due(batch: Batch, profile: BatchProfile, state: ProfileState) -> bool:
    """Unite the seeds of complete back-fills with a state; return whether there were any."""
    workspace = profile.context.workspace
    complete_to = batch.adopted.complete_to.get(workspace, 0)
    if not state.seeds.is_due(complete_to):
        return False
    attempts = batch.adopted.attempts.get(workspace, ())
    for states in state.seeds.take_out(complete_to, attempts):
        unite_seed(state, states, profile.context, profile.outputs)
    return True
