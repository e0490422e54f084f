"""The fold of a profile: one event, or the passing of time, at a time. Pure: no clock, no store, no topic.

Each is a loop over the facets that it concerns, and then an evaluation of what is defined over them. Merging two
profiles is in `merge`, making records in `records`.
"""

from collections.abc import Collection

import msgspec

from definitions import NEVER
from schemas.records import Event
from streams.fold import facets
from streams.fold.evaluation import evaluate
from streams.fold.firing import fire_on, locate
from streams.fold.moment import BEGINNING, DEADLINE, DEFINITION, FoldContext, Moment, Outputs
from streams.fold.records import publish
from streams.fold.state import ProfileState

next_deadline = facets.deadline
"""When something may change next without an event (always after `as_of`), or NEVER."""


class Added(msgspec.Struct, gc=False):
    """Events that have been added to a state, of which nothing follows yet, and what is to be evaluated of it."""

    moment: Moment
    items: Collection[int]
    events: list[Event]


def fold_event(
    state: ProfileState, event: Event, context: FoldContext, out: Outputs, adds_identifier: bool = True
) -> bool:
    """Fold one event into the state; False, and nothing changed, when its id is among the recent ones.

    `adds_identifier`: whether its primary identifier becomes the profile's; not that of a shared device.
    """
    added = add_event(state, event, context, out, adds_identifier)
    if added is None:
        return False
    evaluate_added(state, added)
    return True


def add_event(  # noqa: PLR0913, PLR0917 - what `fold_event` is given, and what was added before
    state: ProfileState,
    event: Event,
    context: FoldContext,
    out: Outputs,
    adds_identifier: bool = True,
    former: Added | None = None,
) -> Added | None:
    """Add an event to the state, as `fold_event`, without what follows from it; None if its id is a recent one.

    `former`: what is to be evaluated together with it; only of events that are not later than the state.
    """
    if not state.recent_ids.remember(event):
        return None
    program, is_first = context.program, state.as_of == BEGINNING
    has_past = bool(state.aggregates.states or state.mined.texts)
    if event.occurred_at > state.as_of:
        advance(state, event.occurred_at, context, out)
        state.as_of = event.occurred_at
    else:
        refresh(state, context, out)
    moment = Moment(context, out, event.message_id, state.as_of, state.lineage.version, adds_identifier)
    changed = facets.add(state, event, moment)
    items = program.touched(changed, state.memberships.entered_at, state.evaluations.untils, state.aggregates.number)
    if is_first and has_past:  # a seed, or a query, has known of events before the first one that comes here
        items = items.union(program.evaluable)
    elif is_first:
        state.computed.begin(program.initial)
        items = items.union(program.at_first)
    locate(state, event, moment)
    if former is None:
        return Added(moment, items, [event])
    state.lineage.version = moment.version
    return Added(moment, {*former.items, *items}, [*former.events, event])


def evaluate_added(state: ProfileState, added: Added) -> None:
    """Evaluate once what the added events may have changed; the newest of them is the cause."""
    moment = added.moment
    moment.version = max(moment.version, state.lineage.version)
    evaluate(state, added.items, moment)
    for event in added.events:
        moment.cause = event.message_id
        fire_on(state, event, moment)
    publish(state, moment)


def advance(state: ProfileState, to: int, context: FoldContext, out: Outputs) -> None:
    """Fire every deadline until `to`, in the order of time, each at its exact time."""
    if state.evaluations.definitions != context.program.fingerprint:
        refresh(state, context, out)
    while (due := next_deadline(state)) <= to and due < NEVER:
        moment = Moment(context, out, DEADLINE, due, state.lineage.version)
        facets.advance(state, moment)
        evaluate(state, state.evaluations.due(due), moment)
        state.triggers.release(moment)
        publish(state, moment)


def refresh(state: ProfileState, context: FoldContext, out: Outputs, at: int = BEGINNING) -> None:
    """Evaluate everything if the definitions have changed since it was last done: at a time, or the state's if later.

    Events and deadlines do so by themselves; a profile that has neither stays as it was until it is refreshed.
    """
    if state.evaluations.definitions == context.program.fingerprint:
        return
    state.evaluations.end_all()
    state.evaluations.definitions = context.program.fingerprint
    if state.as_of == BEGINNING:
        return  # nothing has happened yet that a definition could be about
    moment = Moment(context, out, DEFINITION, max(state.as_of, at), state.lineage.version)
    facets.forget(state, moment)
    evaluate(state, context.program.evaluable, moment)
    publish(state, moment)
