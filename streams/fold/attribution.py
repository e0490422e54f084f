"""Whether an event is folded here or attributed to the owner of a shared device; the way there is the agent's."""

from schemas.records import Event, Identifier
from streams.fold.state import ProfileState


def owner_of(state: ProfileState, event: Event) -> Identifier | None:
    """Say to whom an event belongs; None when it is to be folded here, as all are but those of a shared device."""
    owner = state.ownership.owner_of(event)
    if owner is None or state.identifiers.has(owner):
        return None
    state.ownership.attribute(event)
    return owner
