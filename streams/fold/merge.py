"""Merging profiles: what two states know is united as a commutative monoid, then sessions and segments are published.

Which profile survives is GRAPH's decision; carrying the state from one to the other is left to the agent.
"""

from schemas.records import Identifier
from streams.fold import counters, identifiers, recent_ids, segments, sessions, traits, windows
from streams.fold.context import FoldContext, Outputs
from streams.fold.fold import advance
from streams.fold.state import BEGINNING, ProfileState


def absorb(  # noqa: PLR0913, PLR0917 - two states, the decision in two parts, and where it happens
    state: ProfileState,
    other: ProfileState,
    known_identifiers: tuple[Identifier, ...],
    decision: int,
    context: FoldContext,
    out: Outputs,
) -> None:
    """Merge another profile's state into this one, by GRAPH's decision; `other` is left as it is.

    The own deadlines before the other's time fire first. Memberships follow from the united state as of its time.
    """
    own_as_of = state.as_of
    advance(state, other.as_of, context, out)
    unite_facts(state, other, context, out)
    moved = [(known.namespace, known.value) for known in known_identifiers]
    identifiers.unite(state.identifiers, moved, context.rules)
    state.decision = max(state.decision, decision)
    state.version = max(state.version, other.version)
    sessions.absorb(state, other.visits, own_as_of, context, out)
    if state.as_of != BEGINNING:
        segments.settle(state, context.program.segments, segments.MERGE, context, out)


def unite_facts(state: ProfileState, other: ProfileState, context: FoldContext, out: Outputs) -> None:
    """All of the merge but sessions and memberships, of which nothing is published: commutative and associative."""
    state.as_of = max(state.as_of, other.as_of)
    state.first_seen_at = min(_known(state.first_seen_at, other.first_seen_at), default=None)
    state.last_seen_at = max(_known(state.last_seen_at, other.last_seen_at), default=None)
    state.events += other.events
    identifiers.unite(state.identifiers, other.identifiers, context.rules)
    out.dropped_traits += traits.unite(state.traits, other.traits)
    counters.unite(state.counters, other.counters)
    windows.unite(state.windows, other.windows, state.as_of, context.program)
    recent_ids.unite(state.recent_ids, other.recent_ids)
    for device, decision in other.reattributed.items():
        state.reattributed[device] = max(decision, state.reattributed.get(device, 0))


def retire(state: ProfileState, context: FoldContext, out: Outputs) -> None:
    """Publish that a profile that is merged away leaves its segments, and retract the sessions that move on.

    The state keeps them, so it does not matter whether it is sent to the survivor before or after.
    """
    for name in sorted(state.memberships):
        out.segment_changes.append(segments.change_record(state, name, "exited", segments.MERGE, context))
    for visit in state.visits:
        sessions.retract(state, visit, context, out)


def _known(*times: int | None) -> list[int]:
    return [time for time in times if time is not None]
