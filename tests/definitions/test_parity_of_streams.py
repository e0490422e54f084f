"""The streams, SQL and the naive evaluation agree: what was published, seen as `onefold verify` sees it."""

from collections.abc import Sequence
from random import Random
from uuid import uuid4

from definitions import Definitions, compile_program
from schemas import topics
from schemas.records import Profile, SegmentChange
from streams.fold.fold import advance, fold_event
from streams.fold.moment import FoldContext, Outputs
from streams.fold.records import profile_record
from streams.fold.state import ProfileState
from tests.definitions.generated import PRIORITIES, Generator
from tests.definitions.naive import Happened, place
from tests.definitions.test_parity import check, person, record, recorded
from tests.sinks.examples import insert, placed
from warehouse.client import Warehouse
from warehouse.queries.definition_differences import Point, differences
from warehouse.queries.definitions import Question


def followed(
    definitions: Definitions, workspace: str, profile_id: str, events: Sequence[Happened], now: int
) -> tuple[Profile | None, list[SegmentChange]]:
    """What the streams publish of a profile whose events came one by one, until a time."""
    program = compile_program(definitions).of(workspace, "person")
    context = FoldContext(workspace, profile_id, program, lambda source: PRIORITIES.get(source, 0))
    state, out = ProfileState(), Outputs(segment_changes=[], sessions={}, drops={})
    for happened in events:
        if happened.at <= now:
            fold_event(state, recorded(workspace, profile_id, happened), context, out)
    if not state.counters.events:
        return None, []
    advance(state, now, context, out)
    return profile_record(state, context, now), out.segment_changes


def test_streams_and_sql_agree_about_everybody(warehouse: Warehouse, is_long: bool, examples: int) -> None:
    people, sets = (200, max(examples // 70, 3)) if is_long else (60, 3)
    for seed in range(sets):
        generator, workspace = Generator(Random(seed)), f"streams {uuid4()}"
        definitions = generator.definitions(12)
        histories = {person(number): generator.history() for number in range(people)}
        now = max(generator.moments([event for events in histories.values() for event in events], 3))
        for events in list(histories.values())[::2]:
            events.sort(key=place)
        record(warehouse, workspace, histories)
        published = [followed(definitions, workspace, *history, now) for history in histories.items()]
        records = [(topics.PROFILES, profile) for profile, _ in published if profile is not None]
        changes = [(topics.SEGMENTS, change) for _, changes in published for change in changes]
        insert(warehouse, [placed(*each, offset) for offset, each in enumerate((*records, *changes))])
        check(warehouse, workspace, definitions, histories, now)
        question = Question(definitions, workspace, "person", now, PRIORITIES)
        assert list(differences(warehouse, question, Point(received=2**42))) == []
