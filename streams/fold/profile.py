"""The state of a profile as the records of the topic `profiles`."""

from itertools import starmap

from schemas.records import Membership, Profile
from streams.fold import identifiers, sessions, traits
from streams.fold.context import FoldContext
from streams.fold.state import ProfileState


def profile_record(state: ProfileState, context: FoldContext, updated_at: int) -> Profile:
    """The profile as it is now, under a new version."""
    state.version += 1
    return Profile(
        workspace=context.workspace,
        profile_id=context.profile_id,
        kind=context.kind,
        updated_at=updated_at,
        version=state.version,
        identifiers=identifiers.listed(state.identifiers),
        traits=traits.render(state.traits),
        counters=dict(state.counters),
        segments=tuple(starmap(Membership, sorted(state.memberships.items()))) if state.memberships else (),
        session=sessions.open_session(state, context),
        events=state.events,
        first_seen_at=state.first_seen_at,
        last_seen_at=state.last_seen_at,
        decision=state.decision,
    )


def merged_record(context: FoldContext, target: str, version: int, decision: int, updated_at: int) -> Profile:
    """What is left of a profile that was merged into `target`."""
    return Profile(
        workspace=context.workspace,
        profile_id=context.profile_id,
        kind=context.kind,
        updated_at=updated_at,
        version=version,
        traits="{}",
        merged_into=target,
        decision=decision,
    )


def is_nobody(state: ProfileState) -> bool:
    """Whether a split has left identifiers without any event: no profile would come of them by themselves."""
    return state.events == 0 and state.rebuilt > 0


def deleted_record(state: ProfileState, context: FoldContext, updated_at: int) -> Profile:
    """What is told when nothing is left of a profile; its identifiers say what must be forgotten with it."""
    state.version += 1
    return Profile(
        workspace=context.workspace,
        profile_id=context.profile_id,
        kind=context.kind,
        updated_at=updated_at,
        version=state.version,
        traits="{}",
        identifiers=identifiers.listed(state.identifiers),
        decision=state.decision,
        deleted=True,
    )
