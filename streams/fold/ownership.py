"""A shared device whose events belong to whoever signed in last: it folds none of theirs, it hands them on.

Who signed in is GRAPH's to say (`identity.ownership`); the way to the holder's profile is the agent's.
"""

from identity.ownership import changed, holder_at
from schemas.records import Event, Holder, Identifier
from streams.fold.state import ProfileState


def hand_on(state: ProfileState, event: Event) -> Identifier | None:
    """To whom an event of the device belongs; None when it is to be folded here, as of everything but such devices."""
    if not state.holders:
        return None
    holder = holder_at(state.holders, event.occurred_at)
    if (holder.namespace, holder.value) in state.identifiers:
        return None
    state.handed_on_until = max(state.handed_on_until, event.occurred_at)
    return holder


def assign(state: ProfileState, held: tuple[Holder, ...], decision: int) -> tuple[Identifier, ...]:
    """Take over who holds the device by a newer decision; who got events of others by the old one, or lacks some."""
    if decision <= state.assigned:
        return ()
    concerned = changed(state.holders, held, state.handed_on_until) if state.holders else ()
    state.holders, state.assigned = held, decision
    return tuple(dict.fromkeys(person for pair in concerned for person in pair))
