"""Memberships of a profile: asks the compiled segments and publishes what changed; their rules are in `definitions`."""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal

from definitions import NEVER, CompiledSegment
from schemas.records import SegmentChange
from streams.fold import identifiers, traits
from streams.fold.context import FoldContext, Outputs, stable_id
from streams.fold.state import ProfileState

DEADLINE, MERGE, DEFINITION, REBUILD = "deadline", "merge", "definition", "rebuild"
SESSION_END = "session_end"
_NO_TRAITS: Mapping[str, object] = {}


def concerned(context: FoldContext, accumulators: Collection[str], names: Collection[str]) -> list[CompiledSegment]:
    """The segments that read any of these accumulators or traits."""
    if not accumulators and not names:
        return []
    return [
        segment
        for segment in context.program.segments
        if not (segment.reads.isdisjoint(accumulators) and segment.traits_read.isdisjoint(names))
    ]


def settle(
    state: ProfileState, segments: Iterable[CompiledSegment], cause: str, context: FoldContext, out: Outputs
) -> None:
    """Evaluate segments at the state's time and publish the memberships that changed."""
    for segment in segments:
        known = traits.values(state.traits, segment.traits_read) if segment.traits_read else _NO_TRAITS
        verdict = segment.evaluate(state.windows, known, state.as_of)
        if verdict.until < NEVER:
            state.untils[segment.name] = verdict.until
        else:
            state.untils.pop(segment.name, None)
        if verdict.holds and segment.name not in state.memberships:
            state.memberships[segment.name] = state.as_of
            out.segment_changes.append(change_record(state, segment.name, "entered", cause, context))
        elif not verdict.holds and segment.name in state.memberships:
            del state.memberships[segment.name]
            out.segment_changes.append(change_record(state, segment.name, "exited", cause, context))


def change_record(
    state: ProfileState, segment: str, change: Literal["entered", "exited"], cause: str, context: FoldContext
) -> SegmentChange:
    """One segment change as of the state's time, under a new version."""
    state.version += 1
    # Several merges, definitions or rebuilds can take effect at one time; messages and deadlines cannot, so that the
    # ids of their changes are the same in every replay; after a rebuild they can happen once more.
    instance = state.version if cause in (MERGE, DEFINITION, REBUILD, SESSION_END) else state.rebuilt
    what = f"segment|{context.workspace}|{context.profile_id}|{segment}|{change}|{state.as_of}|{instance}|{cause}"
    return SegmentChange(
        workspace=context.workspace,
        change_id=stable_id(what),
        profile_id=context.profile_id,
        profile_kind=context.kind,
        segment=segment,
        change=change,
        changed_at=state.as_of,
        cause=cause,
        version=state.version,
        identifiers=identifiers.listed(state.identifiers),
    )


def forget(state: ProfileState, cause: str, context: FoldContext, out: Outputs) -> None:
    """Leave the segments that are no longer defined."""
    defined = {segment.name for segment in context.program.segments}
    for name in sorted(state.memberships.keys() - defined):
        del state.memberships[name]
        out.segment_changes.append(change_record(state, name, "exited", cause, context))
    for name in state.untils.keys() - defined:
        del state.untils[name]
