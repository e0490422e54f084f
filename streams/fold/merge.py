"""Merging profiles: what two states know is united as a commutative monoid, then what is defined is evaluated.

A seed, which is what a back-fill knows of a profile's past, is united in the same way.

Which profile survives is GRAPH's decision; carrying the state from one to the other is left to the agent.
"""

from msgspec import Raw

from schemas.consent import encode_consent
from schemas.records import Identifier
from streams.fold import facets
from streams.fold.evaluation import evaluate
from streams.fold.firing import drop_waits
from streams.fold.fold import advance
from streams.fold.moment import BEGINNING, DEFINITION, MERGE, FoldContext, Moment, Outputs
from streams.fold.records import publish, retired_consent, shown_traits
from streams.fold.state import ProfileState


def merge(  # noqa: PLR0913, PLR0917 - two states, the decision in two parts, and where it happens
    state: ProfileState,
    other: ProfileState,
    identifiers: tuple[Identifier, ...],
    decision: int,
    context: FoldContext,
    out: Outputs,
) -> None:
    """Merge another profile's retired state into this one, by GRAPH's decision; `other` is left as it is.

    The own deadlines before the other's time fire first. Memberships follow from the united state as of its time, and
    what the other has put off until then fires, unless the united profile would not have put it off.
    """
    before = state.as_of
    advance(state, other.as_of, context, out)
    as_of = max(state.as_of, other.as_of)
    moment = Moment(context, out, MERGE, as_of, max(state.lineage.version, other.lineage.version), before=before)
    moment.former = state.identifiers.listed()
    facets.unite(state, other, moment)
    if context.program.consent.is_defined or state.consent.said:
        # Also where nothing was said: what an earlier profile has had published under the other id counts no more.
        out.touches_consent = out.announces_consent = True
    state.identifiers.take(identifiers, context.rules)
    state.consent.rejoin(state.identifiers.listed())
    state.lineage.decision = max(state.lineage.decision, decision)
    facets.forget(state, moment)
    drop_waits(state, moment)
    if state.as_of != BEGINNING:
        evaluate(state, context.program.evaluable, moment)
        state.triggers.release(moment)
    publish(state, moment)


def unite_seed(state: ProfileState, seed: dict[str, Raw], context: FoldContext, out: Outputs) -> None:
    """Unite states of the past with those of the events folded since; all is to be evaluated anew."""
    moment = Moment(context, out, DEFINITION, state.as_of, state.lineage.version)
    state.aggregates.take(seed, moment)
    state.evaluations.definitions = ""


def retire(state: ProfileState, context: FoldContext, out: Outputs, at: int = BEGINNING) -> None:
    """Publish that a profile that is merged away leaves its segments, and has no sessions any more.

    It leaves them at a time, or at the state's if that is later. What is left of the state is what another profile can
    take over.
    """
    out.former_traits, out.former_consent = shown_traits(state, context), encode_consent(state.consent.state())
    moment = Moment(context, out, MERGE, max(state.as_of, at), state.lineage.version)
    out.retired_consent = retired_consent(state, context, moment.as_of)
    facets.retire(state, moment)
    publish(state, moment)
