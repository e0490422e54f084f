"""Takes what calls of another profile deny for an identifier of this one (docs/decisions/0043).

Such a call carries identifiers of both, who were one profile once. What is denied goes to the default profile of the
identifier, and along forwards to whoever it is of.
"""

from schemas.records import Identifier
from streams.agents.profile.batch import Batch, BatchProfile
from streams.agents.profile.decoding import AbsorbedState, Denied
from streams.fold.entry import Forward, Rebuilding
from streams.fold.evaluation import evaluate_all
from streams.fold.moment import BEGINNING
from streams.fold.said import Denials
from streams.fold.state import ProfileState


def take(batch: Batch, profile: BatchProfile, state: ProfileState | None, denied: Denied) -> None:
    """Take a denial in, and evaluate what it changes."""
    _hear(batch, profile, state or ProfileState(), denied.identifier, denied.denials)


def pass_on(batch: Batch, profile: BatchProfile, entry: Forward, denied: Denied) -> None:
    """Send a denial to where the identifier has gone."""
    batch.send(profile, entry.target, denied.command)


def take_early(_: Batch, profile: BatchProfile, rebuilding: Rebuilding, denied: Denied) -> None:
    """Take a denial in before the replay is over: nothing is sent to whom it concerns without it."""
    for state in (rebuilding.kept, rebuilding.shadow):
        if state is not None:
            state.consent.hear(denied.identifier, denied.denials)
    profile.changed = True


def outlive(batch: Batch, profile: BatchProfile, state: ProfileState, outdated: AbsorbedState) -> None:
    """Keep what was denied, of a state that is not taken in as its events were replayed."""
    for identifier in outdated.command.identifiers:
        if state.identifiers.has(identifier):
            _hear(batch, profile, state, identifier, outdated.state.consent.denials(identifier))
        else:
            give_away(profile, outdated.state, (identifier,))


def give_away(profile: BatchProfile, state: ProfileState, identifiers: tuple[Identifier, ...]) -> None:
    """Have the profiles of identifiers told what was denied for them, as this state is kept no longer."""
    for identifier in identifiers:
        if denials := state.consent.denials(identifier):
            profile.outputs.deny(identifier, denials)
            profile.changed = True


def _hear(batch: Batch, profile: BatchProfile, state: ProfileState, identifier: Identifier, denials: Denials) -> None:
    former = state.consent.shown()
    if not state.consent.hear(identifier, denials):
        return
    profile.outputs.touches_consent = True
    # Calls that carry what somebody wants deny the same all day: its time is kept, a later grant is measured by it.
    is_news = state.consent.counts_otherwise(former)
    if not is_news or state.as_of == BEGINNING or state.expiry.vanished_at is not None:
        profile.keep(state)
        return
    evaluate_all(state, max(denials.values()).message_id, profile.context, profile.outputs)
    profile.publish(state, batch.now(profile))
