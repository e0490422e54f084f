"""Learns to whom the events of a shared device belong (docs/decisions/0010), and requests what has to be put right."""

from schemas.records import Attribute, Disown
from streams.agents.profile.batch import Batch, BatchProfile
from streams.fold.entry import Rebuilding
from streams.fold.state import ProfileState


def attribute(batch: Batch, profile: BatchProfile, state: ProfileState | None, command: Attribute) -> None:
    """Learn who owns a shared device, and have those rebuilt to whom events were attributed otherwise before."""
    state = state or ProfileState()
    persons = state.ownership.assign(command.owners, command.decision)
    profile.keep(state)
    if persons:
        batch.request_reattribution(profile, command.device, persons)


def disown(batch: Batch, profile: BatchProfile, rebuilding: Rebuilding, command: Disown) -> None:
    """Have the profile rebuilt anew: it waits for a replay of events that are not all its own any more."""
    if command.decision > rebuilding.decision:
        batch.request_reattribution(profile, command.device, (command.person,))
