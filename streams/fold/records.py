"""The state of a profile, and what a step decides, as the records of their topics."""

from collections.abc import Mapping

import msgspec

from schemas.identity import stable_id
from schemas.records import Identifier, Profile, SegmentChange, Trigger
from streams.fold import facets
from streams.fold.moment import (
    DEFINITION,
    MERGE,
    MINING,
    REBUILD,
    SESSION_END,
    FoldContext,
    MembershipChange,
    Moment,
    TriggerFiring,
)
from streams.fold.state import ProfileState

_encode = msgspec.json.Encoder().encode

# What can take effect several times at one time. Messages and deadlines cannot, so that the ids of their changes are
# the same in every replay; after a rebuild they can happen once more.
_REPEATABLE = {MERGE, DEFINITION, REBUILD, SESSION_END, MINING}


def publish(state: ProfileState, moment: Moment) -> None:
    """End a step: make records of what it decided, and go on after the version of the last record."""
    if moment.memberships or moment.triggers:
        identifiers = state.identifiers.listed()
        for membership in moment.memberships:
            moment.version += 1
            moment.out.segment_changes.append(_change_record(state, membership, moment, identifiers))
        for firing in moment.triggers:
            moment.version += 1
            moment.out.triggers.append(_trigger_record(state, firing, moment, identifiers))
    state.lineage.version = moment.version


def profile_record(state: ProfileState, context: FoldContext, updated_at: int) -> Profile:
    """Make a record of the profile as it is now, under a new version."""
    state.lineage.version += 1
    version = state.lineage.version
    record = Profile(context.workspace, context.profile_id, updated_at, version, traits="{}", kind=context.kind)
    facets.render(state, record, context)
    record.traits = traits_object(shown_traits(state, context))
    return record


def shown_traits(state: ProfileState, context: FoldContext) -> dict[str, str]:
    """Return the JSON texts of the traits that others see now, by name: a defined one before one that was sent."""
    return state.traits.shown(context.program.defaults) | state.computed.texts


def traits_object(texts: Mapping[str, str]) -> str:
    """Join the JSON texts of members to that of an object, ordered by their names."""
    return "{" + ",".join(f"{_encode(name).decode()}:{texts[name]}" for name in sorted(texts)) + "}"


def merged_record(context: FoldContext, target: str, version: int, decision: int, updated_at: int) -> Profile:
    """Make a record of what is left of a profile that was merged into `target`."""
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


def deleted_record(state: ProfileState, context: FoldContext, updated_at: int) -> Profile:
    """Make a record of the end of a profile that has nothing left; its identifiers say what to forget with it."""
    state.lineage.version += 1
    return Profile(
        workspace=context.workspace,
        profile_id=context.profile_id,
        kind=context.kind,
        updated_at=updated_at,
        version=state.lineage.version,
        traits="{}",
        identifiers=state.identifiers.listed(),
        decision=state.lineage.decision,
        deleted=True,
    )


def is_empty(state: ProfileState) -> bool:
    """Return whether an unmerge, or a merge by hand, has left identifiers without any event: nobody is to see that."""
    return state.counters.events == 0


def _change_record(
    state: ProfileState, membership: MembershipChange, moment: Moment, identifiers: tuple[Identifier, ...]
) -> SegmentChange:
    context, segment, change, changed_at, cause = (
        moment.context,
        membership.segment,
        membership.change,
        membership.changed_at,
        membership.cause,
    )
    instance = moment.version if cause in _REPEATABLE else state.lineage.rebuilt
    what = f"segment|{context.workspace}|{context.profile_id}|{segment}|{change}|{changed_at}|{instance}|{cause}"
    return SegmentChange(
        context.workspace,
        stable_id(what),
        context.profile_id,
        segment,
        change,
        changed_at,
        cause,
        moment.version,
        identifiers,
        context.kind,
    )


def _trigger_record(
    state: ProfileState, firing: TriggerFiring, moment: Moment, identifiers: tuple[Identifier, ...]
) -> Trigger:
    context = moment.context
    instance = moment.version if firing.cause in _REPEATABLE else state.lineage.rebuilt
    what = (
        f"trigger|{context.workspace}|{context.profile_id}|{firing.trigger}|{firing.fired_at}|{instance}|{firing.cause}"
    )
    return Trigger(
        workspace=context.workspace,
        trigger_id=stable_id(what),
        trigger=firing.trigger,
        profile_id=context.profile_id,
        fired_at=firing.fired_at,
        cause=firing.cause,
        version=moment.version,
        payload=firing.payload,
        identifiers=identifiers,
        profile_kind=context.kind,
    )
