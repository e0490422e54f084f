"""Which segments a profile is in follows from several facets: evaluates them; their rules are in `definitions`."""

from collections.abc import Collection, Iterable, Mapping

from definitions import CompiledSegment, Program
from streams.fold.moment import FoldContext, Moment, Outputs
from streams.fold.records import publish
from streams.fold.state import ProfileState

_NO_TRAITS: Mapping[str, object] = {}


def reading(program: Program, names: Collection[str]) -> list[CompiledSegment]:
    """The segments that read any of these accumulators or traits."""
    if not names:
        return []
    return [
        segment
        for segment in program.segments
        if not (segment.reads.isdisjoint(names) and segment.traits_read.isdisjoint(names))
    ]


def evaluate(state: ProfileState, segments: Iterable[CompiledSegment], moment: Moment) -> None:
    """Evaluate segments at the moment's time, and enter or leave those whose evaluation has changed."""
    for segment in segments:
        traits = state.traits.values(segment.traits_read) if segment.traits_read else _NO_TRAITS
        evaluation = segment.evaluate(state.windows.times, traits, moment.as_of)
        state.memberships.decide(segment.name, evaluation, moment)


def evaluate_all(state: ProfileState, cause: str, context: FoldContext, out: Outputs) -> None:
    """Evaluate all segments as of the state's time."""
    moment = Moment(context, out, cause, state.as_of, state.lineage.version)
    evaluate(state, context.program.segments, moment)
    publish(state, moment)


def leave_all(state: ProfileState, cause: str, context: FoldContext, out: Outputs) -> None:
    """Leave all segments as of the state's time, until the next evaluation."""
    moment = Moment(context, out, cause, state.as_of, state.lineage.version)
    state.memberships.leave_all(moment)
    publish(state, moment)
