"""A shared device whose events belong to whoever signed in last: it folds none of theirs, it hands them on.

Who signed in is GRAPH's to say (`identity.ownership`); the way to the owner's profile is the agent's.
"""

from identity.ownership import changed, owner_at
from schemas.records import Event, Identifier, Owner
from streams.fold.state import ProfileState


def owner_of(state: ProfileState, event: Event) -> Identifier | None:
    """To whom an event of the device belongs; None when it is to be folded here, as of everything but such devices."""
    if not state.owners:
        return None
    owner = owner_at(state.owners, event.occurred_at)
    if (owner.namespace, owner.value) in state.identifiers:
        return None
    state.attributed_until = max(state.attributed_until, event.occurred_at)
    return owner


def assign(state: ProfileState, held: tuple[Owner, ...], decision: int) -> tuple[Identifier, ...]:
    """Take over who holds the device by a newer decision; who got events of others by the old one, or lacks some."""
    if decision <= state.owners_decision:
        return ()
    concerned = changed(state.owners, held, state.attributed_until) if state.owners else ()
    state.owners, state.owners_decision = held, decision
    return tuple(dict.fromkeys(person for pair in concerned for person in pair))
