"""The state of a profile, and what a step decides, as the records of their topics."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import msgspec

from schemas.consent import encode_consent
from schemas.identity import stable_id
from schemas.records import ConsentChange, FiredTrigger, Identifier, Profile, SegmentChange
from streams.fold import facets
from streams.fold.moment import (
    BEGINNING,
    DEFINITION,
    MERGE,
    MINING,
    REBUILD,
    SESSION_END,
    FoldContext,
    Moment,
    Outputs,
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
        if moment.memberships:
            moment.out.segment_changes.extend(_change_records(state, moment, identifiers))
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
    return "{" + ",".join([_member(name) + texts[name] for name in sorted(texts)]) + "}"


def consent_records(
    state: ProfileState, context: FoldContext, out: Outputs, former_ids: Iterable[str], changed_at: int
) -> Iterator[ConsentChange]:
    """Make a record of what the profile has said, if that has changed, and one for each id that it was known by.

    Those of other ids name everything: what was published under them is not known here.
    """
    # Of whom an unmerge has left no event, nothing is known since now.
    changed = state.consent.publish(changed_at if state.as_of == BEGINNING else state.as_of)
    everything = state.consent.entries()
    if not changed and not out.announces_consent:
        return
    state.lineage.version += 1
    lineage = state.lineage
    own = ConsentChange(
        context.workspace,
        context.profile_id,
        context.kind,
        context.profile_id,
        max(lineage.decision, lineage.rebuilt),
        lineage.version,
        changed_at,
        encode_consent(state.consent.state()),
        changed,
    )
    yield own
    for former_id in former_ids:
        if former_id != context.profile_id:
            yield msgspec.structs.replace(own, profile_id=former_id, changed=everything)


def retired_consent(state: ProfileState, context: FoldContext, as_of: int) -> ConsentChange | None:
    """Make a record of what counts no more under the id of a profile that is merged away; None if nothing counted.

    It has all that the profile had said: what counts from the merge on follows by its decision, which is later.
    """
    retracted, lineage = state.consent.retracted(as_of), state.lineage
    if not retracted:
        return None
    return ConsentChange(
        context.workspace,
        context.profile_id,
        context.kind,
        context.profile_id,
        max(lineage.decision, lineage.rebuilt),
        lineage.version + 1,
        as_of,
        encode_consent(state.consent.state()),
        retracted,
    )


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


@lru_cache(maxsize=4_096)  # the names are those of definitions, and of a few attributes
def _member(name: str) -> str:
    """Return how the member of an object begins."""
    return f"{_encode(name).decode()}:"


def _change_records(
    state: ProfileState, moment: Moment, identifiers: tuple[Identifier, ...]
) -> Iterator[SegmentChange]:
    context, rebuilt = moment.context, state.lineage.rebuilt
    workspace, profile_id, kind = context.workspace, context.profile_id, context.kind
    decided_at, definition = context.decided_at, context.definition
    whose = f"segment|{workspace}|{profile_id}|"
    for membership in moment.memberships:
        moment.version = version = moment.version + 1
        segment, change = membership.segment, membership.change
        changed_at, cause = membership.changed_at, membership.cause
        instance = version if cause in _REPEATABLE else rebuilt
        change_id = stable_id(f"{whose}{segment}|{change}|{changed_at}|{instance}|{cause}")
        left = moment.former if change == "exited" else None  # what it has entered under, it leaves under
        yield SegmentChange(
            workspace,
            change_id,
            profile_id,
            segment,
            change,
            changed_at,
            cause,
            version,
            identifiers if left is None else left,
            kind,
            decided_at,
            definition,
        )


def _trigger_record(
    state: ProfileState, firing: TriggerFiring, moment: Moment, identifiers: tuple[Identifier, ...]
) -> FiredTrigger:
    context = moment.context
    instance = moment.version if firing.cause in _REPEATABLE else state.lineage.rebuilt
    what = (
        f"trigger|{context.workspace}|{context.profile_id}|{firing.trigger}|{firing.fired_at}|{instance}|{firing.cause}"
    )
    return FiredTrigger(
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
