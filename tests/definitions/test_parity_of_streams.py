"""The streams, SQL and the naive evaluation agree about everybody."""

import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from uuid import uuid4

import pytest

from definitions import Program, compile_program
from definitions.model import Definitions
from schemas import topics
from schemas.records import ConsentChange, Event, Profile, SegmentChange
from streams.fold.fold import advance, fold_event
from streams.fold.moment import FoldContext, Outputs
from streams.fold.records import consent_records, profile_record
from streams.fold.state import ProfileState
from tests.definitions.generated import PRIORITIES, Generator
from tests.definitions.naive.lives import order_of
from tests.definitions.populations import (
    Histories,
    check,
    differences,
    moments,
    person,
    population,
    record,
    record_statements,
    recorded,
)
from tests.sinks.examples import insert, placed
from warehouse.client import Warehouse
from warehouse.queries.definition_differences import Point
from warehouse.queries.definition_differences import differences as drifts
from warehouse.queries.definitions import Evaluated, EvaluationQuery

Arrivals = Mapping[str, Sequence[Event]]
"""By profile, its events in the order in which they come."""


def arrivals(workspace: str, histories: Histories) -> Arrivals:
    """The events of all histories: of every other one in order, the others as they are."""
    return {
        profile_id: [
            recorded(workspace, profile_id, happened)
            for happened in (sorted(events, key=order_of) if number % 2 else events)
        ]
        for number, (profile_id, events) in enumerate(histories.items())
    }


class Followed:
    """What the streams make of a profile whose events came one by one, until a time."""

    def __init__(self, program: Program, workspace: str, profile_id: str, events: Sequence[Event], now: int) -> None:
        self.context = FoldContext(workspace, profile_id, program, lambda source: PRIORITIES.get(source, 0))
        self.state, self.out = ProfileState(), Outputs(segment_changes=[], sessions={}, drops={})
        for event in events:
            if event.occurred_at <= now:
                fold_event(self.state, event, self.context, self.out)
        self.is_known = bool(self.state.counters.events)
        if self.is_known:
            advance(self.state, now, self.context, self.out)

    @property
    def evaluated(self) -> Evaluated:
        """Its segments, and the computed traits that it shows."""
        traits = {name: json.loads(text) for name, text in self.state.computed.texts.items()}
        return Evaluated(self.context.profile_id, frozenset(self.state.memberships.entered_at), traits)


def follow(definitions: Definitions, workspace: str, events: Arrivals, now: int) -> Iterator[Followed]:
    """Everybody of whom something is known by then."""
    program = compile_program(definitions).of(workspace, "person")
    for profile_id, arrived in events.items():
        followed = Followed(program, workspace, profile_id, arrived, now)
        if followed.is_known:
            yield followed


def test_streams_and_sql_agree_about_everybody_as_a_verification_sees_them(warehouse: Warehouse) -> None:
    for seed in range(3):
        generator, workspace = Generator(Random(seed)), f"streams {uuid4()}"
        definitions = generator.definitions(12)
        histories = {person(number): generator.history() for number in range(60)}
        now = max(moments(seed, histories, 3))
        record(warehouse, workspace, histories)
        records, changes, said = list[Profile](), list[SegmentChange](), list[ConsentChange]()
        for followed in follow(definitions, workspace, arrivals(workspace, histories), now):
            said += consent_records(followed.state, followed.context, followed.out, (), now)
            records.append(profile_record(followed.state, followed.context, now))
            changes += followed.out.segment_changes
        written = [
            *((topics.PROFILES, each) for each in records),
            *((topics.SEGMENTS, each) for each in changes),
            *((topics.CONSENTS, each) for each in said),
        ]
        insert(warehouse, [placed(*each, offset) for offset, each in enumerate(written)])
        check(warehouse, workspace, definitions, histories, now)
        wanted = EvaluationQuery(definitions, workspace, "person", now, PRIORITIES)
        assert list(drifts(warehouse, wanted, Point(received=2**42))) == []


@pytest.mark.soak
def test_all_three_agree_about_500_definitions_of_1000_histories(warehouse: Warehouse, examples: int) -> None:
    """As many sets of 12 definitions as are asked for, 42 of them without being asked: the events are made once."""
    histories, workspace = population(1_000), f"streams {uuid4()}"
    record(warehouse, workspace, histories)
    events = arrivals(workspace, histories)
    for seed in range(max(examples // 70, 3)):
        definitions = Generator(Random(seed)).definitions(12)
        now = max(moments(seed, histories, 3))
        wanted = EvaluationQuery(definitions, workspace, "person", now, PRIORITIES)
        evaluated = [followed.evaluated for followed in follow(definitions, workspace, events, now)]
        assert differences(evaluated, wanted, histories) == [], seed
        record_statements(warehouse, workspace, histories, now, seed + 1)
        check(warehouse, workspace, definitions, histories, now)
