"""The fold of a profile: one event, or the passing of time, at a time. Pure: no clock, no store, no topic.

Merging two profiles is in `merge`, rendering a state as a record in `profile`.
"""

from definitions import NEVER
from schemas.records import Event
from streams.fold import counters, identifiers, recent_ids, segments, sessions, traits, windows
from streams.fold.context import FoldContext, Outputs
from streams.fold.state import BEGINNING, ProfileState


def fold_event(
    state: ProfileState, event: Event, context: FoldContext, out: Outputs, adds_identifier: bool = True
) -> bool:
    """Fold one event into the state; False, and nothing changed, when its message id was folded before.

    `adds_identifier`: whether its primary identifier becomes the profile's; not that of a shared device.
    """
    if not recent_ids.remember(state.recent_ids, event.message_id, event.received_at):
        return False
    refresh(state, context, out)
    at = event.occurred_at
    is_first = state.as_of == BEGINNING
    if at > state.as_of:
        advance(state, at, context, out)
        state.as_of = at
    _count(state, event)
    if adds_identifier:
        identifiers.add_primary(state.identifiers, event.identifiers, context.rules)
    accumulators = windows.add(state.windows, event, state.as_of, context.program)
    names: set[str] = set()
    if event.type == "identify" and event.traits != "{}":
        priority = context.source_priority(event.source)
        names, dropped = traits.write(state.traits, event.traits, at, priority, event.message_id)
        out.dropped_traits += dropped
    sessions.add(state, event, context, out)
    concerned = context.program.segments if is_first else segments.concerned(context, accumulators, names)
    segments.settle(state, concerned, event.message_id, context, out)
    return True


def advance(state: ProfileState, to: int, context: FoldContext, out: Outputs) -> None:
    """Fire every deadline until `to`, in the order of time, each at its exact time."""
    refresh(state, context, out)
    while (due := next_deadline(state)) <= to and due < NEVER:
        ends_session = sessions.deadline(state) == due
        state.as_of = due
        if ends_session:
            sessions.close(state, context, out)
        expired = [segment for segment in context.program.segments if state.untils.get(segment.name, due + 1) <= due]
        segments.settle(state, expired, segments.DEADLINE, context, out)


def next_deadline(state: ProfileState) -> int:
    """When something may change next without an event (always after `as_of`), or NEVER."""
    ends_at = sessions.deadline(state)
    return min(ends_at, *state.untils.values()) if state.untils else ends_at


def refresh(state: ProfileState, context: FoldContext, out: Outputs) -> None:
    """Evaluate all segments as of the state's time if the definitions have changed since it was last done.

    Events and deadlines do so by themselves; a profile that has neither stays as it was until it is refreshed.
    """
    if state.definitions == context.program.fingerprint:
        return
    state.definitions = context.program.fingerprint
    if state.as_of == BEGINNING:
        return  # nothing has happened yet that a definition could be about
    windows.unite(state.windows, {}, state.as_of, context.program)
    segments.forget(state, segments.DEFINITION, context, out)
    segments.settle(state, context.program.segments, segments.DEFINITION, context, out)


def _count(state: ProfileState, event: Event) -> None:
    at = event.occurred_at
    state.events += 1
    if state.first_seen_at is None or at < state.first_seen_at:
        state.first_seen_at = at
    if state.last_seen_at is None or at > state.last_seen_at:
        state.last_seen_at = at
    counters.count(state.counters, event.event or event.type)
