"""What a profile does with an event: folds it, or sends it to the profile that it belongs to."""

from schemas.records import Fold, Identifier
from streams import metrics
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.decoding import RoutedEvent
from streams.agents.profile.settling import hold, is_correction, is_held_back
from streams.fold.attribution import owner_of
from streams.fold.entry import Forward
from streams.fold.evaluation import evaluate_all
from streams.fold.fold import add_event, evaluate_added, fold_event
from streams.fold.recent_ids import id_of
from streams.fold.state import ProfileState


def forward(batch: Batch, profile: BatchProfile, entry: Forward, routed: RoutedEvent) -> None:
    """Send an event on to the profile that took this one in.

    The default profile of its identifier adds the decision by which it is a forward, others keep the one that came.
    """
    identifier = routed.owner or routed.event.identifiers[0]
    decision = entry.decision if batch.is_own(profile, identifier) else routed.decision
    _send(batch, profile, entry.target, Fold(routed.encoded, decision, routed.owner, routed.owner_decision))


def fold(batch: Batch, profile: BatchProfile, state: ProfileState | None, routed: RoutedEvent) -> None:
    """Fold an event, unless it must wait, is misrouted, or belongs to an owner of the shared device that this is of."""
    event, context = routed.event, profile.context
    owner = routed.owner
    if owner is not None and _is_outdated(state, routed):
        owner = None
    identifier = owner or event.identifiers[0]
    if _is_misrouted(batch, profile, state, identifier, routed.decision):
        target = batch.default_profile_id(profile, identifier)
        _send(batch, profile, target, Fold(routed.encoded, 0, owner, routed.owner_decision))
        return
    batch.clocks.advance(context.workspace, event.occurred_at)
    if state is not None and owner is None and (attributed := owner_of(state, event)) is not None:
        profile.keep(state)
        target = batch.default_profile_id(profile, attributed)
        _send(batch, profile, target, Fold(routed.encoded, 0, attributed, state.ownership.decision))
        return
    if is_held_back(batch, profile, state, routed):
        hold(batch, profile, state, routed)
        return
    if state is None:
        state = ProfileState()
        batch.tally[metrics.CREATED, (context.workspace,)] += 1
    # What the default profile has sent here belongs here by that decision, though a state that it sent may be lost.
    state.lineage.decision = max(state.lineage.decision, routed.decision)
    if owner is not None:
        state.identifiers.take((owner,), context.rules)
    known = batch.known_ids(profile, state)
    if known.is_stored(event) or not _add(batch, profile, state, routed, adds_identifier=owner is None):
        _repeat(batch, profile, state, routed)
        return
    known.store_full()
    profile.publish(state, batch.arrived_at(profile, event.received_at))
    if routed.buffered:  # how long it took says how long the rebuild did, or how late it came
        batch.tally[metrics.EVENTS, (context.workspace, "folded")] += 1
    else:
        batch.receipts.append((context.workspace, event.received_at))


def evaluate_corrected(batch: Batch) -> None:
    """Evaluate the profiles to which only has been added what lies in their past."""
    for profile in batch.added_to:
        if isinstance(profile.entry, ProfileState):
            _evaluate_added(profile, profile.entry)
    batch.added_to.clear()


def _add(batch: Batch, profile: BatchProfile, state: ProfileState, routed: RoutedEvent, adds_identifier: bool) -> bool:
    """Fold an event, or add one that is a correction; return False for a repetition."""
    event, context, outputs = routed.event, profile.context, profile.outputs
    if is_correction(profile, state, routed):
        added = add_event(state, event, context, outputs, adds_identifier, profile.added)
        if added is None:
            return False
        if profile.added is None:
            batch.added_to.append(profile)
        if state.expiry.vanished_at is not None:
            added.items = context.program.evaluable
        profile.added = added
        return True
    _evaluate_added(profile, state)
    if not fold_event(state, event, context, outputs, adds_identifier):
        return False
    if routed.settled:
        profile.reached_at = event.occurred_at
    if state.expiry.vanished_at is not None:
        evaluate_all(state, event.message_id, context, outputs)
    return True


def _evaluate_added(profile: BatchProfile, state: ProfileState) -> None:
    if profile.added is not None:
        added, profile.added = profile.added, None
        evaluate_added(state, added)


def _repeat(batch: Batch, profile: BatchProfile, state: ProfileState, routed: RoutedEvent) -> None:
    """Count a repetition; the warehouse must hear of it, unless it is the row that the first event has already."""
    batch.tally[metrics.EVENTS, (profile.context.workspace, "duplicate")] += 1
    event_id = id_of(routed.event)
    if batch.known_ids(profile, state).tag_of(event_id.hash) != event_id.tag:
        batch.publish_repetition(profile, state.lineage, routed.encoded, is_repeated=True)
        profile.keep(state)


def _is_outdated(state: ProfileState | None, routed: RoutedEvent) -> bool:
    """Return whether the device's events were reattributed after this one was attributed to the profile."""
    return state is not None and state.ownership.is_stale(routed.event.identifiers[0], routed.owner_decision)


def _is_misrouted(
    batch: Batch, profile: BatchProfile, state: ProfileState | None, identifier: Identifier, decision: int
) -> bool:
    """Return whether an event was on its way here when the identifier that it counts for was split off.

    All others are of an identifier that the profile has taken in, or whose default profile it is. One that the default
    profile has sent here (by `decision`) stays unless the profile was rebuilt since: it would be sent here again.
    """
    if state is not None and state.identifiers.has(identifier):
        return False
    rebuilt = 0 if state is None else state.lineage.rebuilt
    if rebuilt <= decision > 0:
        return False
    return not batch.is_own(profile, identifier)


def _send(batch: Batch, profile: BatchProfile, target: str, command: Fold) -> None:
    batch.tally[metrics.EVENTS, (profile.context.workspace, "forwarded")] += 1
    batch.send(profile, target, command)
