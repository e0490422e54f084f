"""When a trigger across persons is evaluated, and what becomes of memories and owners: over a world in memory."""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from definitions.across import Course, Memory, Span, at_or_after, evaluate
from definitions.across.remembered import ClockRecord, remembered
from definitions.destinations import Checks, Destination
from definitions.model import AcrossTrigger, Call, EventMatcher, Field
from definitions.sets import Completion, DefinitionSet, Publication
from jobs.across import metrics
from jobs.across.evaluating import AcrossEvaluator
from jobs.across.level import Level
from jobs.across.outputs import AcrossOutputs
from jobs.across.protocols import Unanswered
from runtime.errors import TerminalError, TransientError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.offsets import Extent, Partition
from runtime.kafka.transactions import ProducerFenced
from schemas.records import FiredTrigger
from schemas.topics import EVENTS, TRIGGERS, TRIGGERS_ACROSS, activation
from settings import Workspace
from settings.workspaces import Clock
from tests.definitions.across.plain import Occurred
from tests.sinks.examples import codec
from warehouse.queries.across import TriggerTicks

MINUTE, HOUR = 60_000, 3_600_000
APPLIED = 1_700_000_100_000 // MINUTE * MINUTE
VIEWS = EventMatcher((Call("track", "Product Viewed"),))
MANY = AcrossTrigger("many", VIEWS, MINUTE, 3, Field(("product_id",)), payload=(("n", "{{ across.number }}"),))
MAIN = frozenset({"main"})


class World:
    """Kafka and ClickHouse as the evaluator sees them."""

    def __init__(self, clock: Clock, *triggers: AcrossTrigger) -> None:
        self.events: list[Occurred] = []
        self.log: list[ProducerRecord] = []
        self.owner: Own | None = None
        self.is_answering, self.breaks_off = True, False
        self.failing: Exception | None = None
        self.refused_key: bytes | None = None
        self.behind: int | None = None
        self.moved: ClockRecord | None = None
        self.queried: list[TriggerTicks] = []
        self.sets: dict[int, DefinitionSet] = {}
        self.workspaces = {"main": Workspace("main", UUID(int=1), clock)}
        self.apply(*triggers)

    def apply(self, *triggers: AcrossTrigger, at: int = APPLIED, destinations: Sequence[Destination] = ()) -> None:
        version = len(self.sets) + 1
        self.sets[version] = DefinitionSet(version, at, "", across=triggers, destinations=tuple(destinations))

    def publication(self) -> Publication:
        return Publication(self.sets, completions={"main": Completion(len(self.sets))})

    # what it asks of the past
    def firings(self, ticks: TriggerTicks, memory: Memory | None, *, fires_from: int | None = 0) -> Course:
        if not self.is_answering:
            raise Unanswered("away")
        if self.failing is not None and ticks.trigger.name == "many":
            raise self.failing
        self.queried.append(ticks)
        listed: dict[str, tuple[Span, ...]] = {}
        for each in self.events:
            span = Span(at_or_after(each.at, 5_000), at_or_after(each.at + MINUTE, 5_000), 1)
            if ticks.first - MINUTE < each.at <= ticks.last:
                listed[each.value] = (*listed.get(each.value, ()), span)
        return evaluate(ticks.trigger, memory, ticks.first, ticks.last, listed, None, fires_from=fires_from)

    def first_event_at(self, workspace: str) -> int | None:  # noqa: ARG002 - a protocol
        return min((event.at for event in self.events), default=None)

    def latest_event_at(self, workspace: str, received: int | None = None) -> int | None:  # noqa: ARG002
        return max((event.at for event in self.events), default=None) if received != APPLIED else None

    # what it owns
    def take(self, workspace: str) -> "Own":
        self.owner = Own(self, workspace)
        return self.owner

    def clock(self, workspace: str) -> ClockRecord | None:  # noqa: ARG002
        return self.moved

    # how far everything has come
    def partitions(self, topics: Sequence[str]) -> tuple[Partition, ...]:
        return tuple((topic, 0) for topic in topics)

    def extents(self, partitions: Sequence[Partition]) -> Mapping[Partition, Extent]:
        return {partition: Extent(0, 7) for partition in partitions}

    def committed(self, group: str, partitions: Sequence[Partition]) -> Mapping[Partition, int]:  # noqa: ARG002
        return {(topic, at): 6 if self.behind is not None and topic == EVENTS else 7 for topic, at in partitions}

    def fired(self) -> list[tuple[str, int]]:
        decoded = (codec().decode(FiredTrigger, each.value) for each in self.log if each.topic == TRIGGERS)
        return [(json.loads(each.across or ""), each.fired_at - APPLIED) for each in decoded]

    def fired_names(self) -> list[str]:
        return [codec().decode(FiredTrigger, each.value).trigger for each in self.log if each.topic == TRIGGERS]

    def memory(self) -> Memory:
        return remembered(each.value for each in self.log if each.topic == TRIGGERS_ACROSS).of("main")["many"]

    def burst(self, at: int, value: str = '"a"', number: int = 3) -> None:
        self.events += [Occurred(APPLIED + at + each, value) for each in range(number)]


class Own:
    """See `protocols.FencedWorkspace`."""

    def __init__(self, world: World, workspace: str) -> None:
        said = (each.value for each in world.log if each.topic == TRIGGERS_ACROSS)
        self.memories = remembered(said).of(workspace)
        self._world = world

    def publish(self, records: Sequence[ProducerRecord]) -> None:
        if self._world.owner is not self:
            raise ProducerFenced("another one")
        if any(each.key == self._world.refused_key for each in records):
            self._world.owner = None  # with a transaction open it is of no use any more
            raise TerminalError("Message size too large")
        self._world.log += records
        if self._world.breaks_off:
            self._world.breaks_off = False
            raise TransientError("nobody heard whether it was committed")

    def close(self) -> None:
        pass


def evaluator(world: World) -> AcrossEvaluator:
    return AcrossEvaluator(
        world,
        world,
        Level(world),  # type: ignore[arg-type]  # sequences are enough here
        AcrossOutputs(codec()),
        world.publication,
        world.workspaces,
        1,
    )


def test_it_fires_at_the_newest_tick_once_everything_has_come() -> None:
    world = World("wall", MANY)
    process = evaluator(world)
    world.burst(1_000)
    process.look(MAIN, 1, APPLIED + 4_000)
    assert world.fired() == []
    world.behind = 1
    process.look(MAIN, 1, APPLIED + 6_000)
    assert world.fired() == [], "the worker has not read all that was accepted"
    world.behind = None
    process.look(MAIN, 1, APPLIED + 8_000)
    assert world.fired() == [("a", 5_000)], "of the tick of which everything is there, not of the newest"
    for at in range(9_000, 60_000, 1_000):
        process.look(MAIN, 1, APPLIED + at)
    assert world.fired() == [("a", 5_000)]
    assert len({ticks.last for ticks in world.queried}) == len(world.queried), "a tick is evaluated once"


def test_after_an_hour_away_what_holds_fires_and_what_has_passed_does_not() -> None:
    world = World("wall", MANY)
    evaluator(world).look(MAIN, 1, APPLIED + 5_000)
    asked = len(world.queried)
    world.burst(30 * MINUTE, '"passed"')
    world.burst(HOUR - 10_000, '"holds"')
    evaluator(world).look(MAIN, 2, APPLIED + HOUR)
    assert world.fired() == [("holds", HOUR)]
    assert len(world.queried) == asked + 1, "all ticks between are one query"
    world.burst(HOUR + 60_000, '"holds"')
    evaluator(world).look(MAIN, 3, APPLIED + 2 * HOUR)
    world.burst(3 * HOUR - 10_000, '"holds"')
    evaluator(world).look(MAIN, 4, APPLIED + 3 * HOUR)
    assert world.fired() == [("holds", HOUR), ("holds", 3 * HOUR)], "it has ceased meanwhile, so it begins anew"


def test_what_held_before_the_definition_does_not_fire_and_what_began_while_nobody_evaluated_does() -> None:
    world = World("wall", MANY)
    world.burst(-1_000, '"before"')
    world.burst(10_000, '"since"')
    evaluator(world).look(MAIN, 1, APPLIED + 40_000)
    assert world.fired() == [("since", 40_000)]


def test_another_set_that_says_the_same_of_it_begins_nothing_anew() -> None:
    world = World("wall", MANY)
    world.burst(1_000)
    world.apply(replace(MANY, title="Many"), at=APPLIED + 20_000)
    evaluator(world).look(MAIN, 1, APPLIED + 40_000)
    assert world.fired() == [("a", 40_000)]


def test_a_changed_condition_does_not_fire_for_what_it_finds() -> None:
    world = World("wall", MANY)
    process = evaluator(world)
    world.burst(1_000, number=2)
    process.look(MAIN, 1, APPLIED + 5_000)
    world.apply(replace(MANY, at_least=2), at=APPLIED + 20_000)
    process.look(MAIN, 1, APPLIED + 30_000)
    world.burst(35_000, '"new"', number=2)
    process.look(MAIN, 1, APPLIED + 40_000)
    assert world.fired() == [("new", 40_000)]


def test_a_process_that_is_fenced_leaves_the_workspace_until_it_has_it_again() -> None:
    world = World("wall", MANY)
    first, second = evaluator(world), evaluator(world)
    first.look(MAIN, 1, APPLIED + 5_000)
    second.look(MAIN, 2, APPLIED + 6_000)
    world.burst(7_000)
    first.look(MAIN, 1, APPLIED + 10_000)
    assert world.fired() == [], "nothing of the fenced one is there"
    owner = world.owner
    first.look(MAIN, 1, APPLIED + 15_000)
    assert world.owner is owner, "it does not fence the other in turn"
    second.look(MAIN, 2, APPLIED + 15_000)
    assert world.fired() == [("a", 15_000)]
    first.look(MAIN, 3, APPLIED + 20_000)
    world.burst(90_000)
    first.look(MAIN, 3, APPLIED + 95_000)
    assert world.fired() == [("a", 15_000), ("a", 95_000)], "with another assignment it goes on"


def test_a_transaction_of_unknown_end_is_not_repeated() -> None:
    world = World("wall", MANY)
    process = evaluator(world)
    process.look(MAIN, 1, APPLIED + 5_000)
    world.burst(6_000)
    world.breaks_off = True
    with pytest.raises(TransientError):
        process.look(MAIN, 1, APPLIED + 10_000)
    process.look(MAIN, 1, APPLIED + 15_000)
    assert world.fired() == [("a", 10_000)]


def test_while_clickhouse_is_away_nothing_is_evaluated_and_then_it_goes_on() -> None:
    world = World("wall", MANY)
    process = evaluator(world)
    process.look(MAIN, 1, APPLIED + 5_000)
    world.is_answering = False
    world.burst(6_000)
    process.look(MAIN, 1, APPLIED + 10_000)
    world.is_answering = True
    process.look(MAIN, 1, APPLIED + 20_000)
    assert world.fired() == [("a", 20_000)]


@pytest.mark.parametrize("clock", ["wall", "event"])
def test_what_one_trigger_cannot_publish_ends_nothing_and_is_tried_at_the_next_tick(clock: Clock) -> None:
    other = replace(MANY, name="other")
    world = World(clock, MANY, other)
    process = evaluator(world)
    world.burst(-HOUR, '"begin"', number=1)
    world.moved = ClockRecord("main", APPLIED + 5_000, APPLIED + 1)
    process.look(MAIN, 1, APPLIED + 5_000)
    failed = metrics.FAILED.labels("main", "many")._value.get()
    world.burst(6_000)
    world.refused_key = b'main|across|many|"a"'
    world.moved = ClockRecord("main", APPLIED + 10_000, APPLIED + 5_001)
    for at in (10_000, 10_500, 14_500):
        process.look(MAIN, 1, APPLIED + at)
    assert world.fired_names() == ["other"]
    assert metrics.FAILED.labels("main", "many")._value.get() == failed + 1, "not before its next tick"
    world.refused_key = None
    process.look(MAIN, 1, APPLIED + 15_000)
    assert world.fired_names() == ["other", "many"]


@pytest.mark.parametrize("failing", [ValueError("no UTF-8"), TerminalError("Kafka refuses"), OverflowError("inf")])
def test_whatever_is_wrong_with_the_data_of_a_trigger_ends_nothing_else(failing: Exception) -> None:
    world = World("wall", MANY, replace(MANY, name="other"))
    process = evaluator(world)
    process.look(MAIN, 1, APPLIED + 5_000)
    world.failing = failing
    world.burst(6_000)
    process.look(MAIN, 1, APPLIED + 10_000)
    assert world.fired_names() == ["other"]
    world.failing = None
    process.look(MAIN, 1, APPLIED + 20_000)
    assert world.fired_names() == ["other", "many"]


def test_on_the_event_clock_every_tick_is_evaluated_whatever_the_speed() -> None:
    def history(world: World, days: int) -> None:
        for day in range(days):
            world.burst(day * 24 * HOUR + 1, f'"{day}"')

    at_once, in_time = World("event", MANY), World("event", MANY)
    history(at_once, 30)
    process, now = evaluator(at_once), APPLIED + 100 * 24 * HOUR
    for look in range(3):
        process.look(MAIN, 1, now + look * 1_000)
    slow = evaluator(in_time)
    for days in range(1, 31):
        in_time.events.clear()
        history(in_time, days)
        slow.look(MAIN, 1, now + days * 1_000)
    expected = [(str(day), day * 24 * HOUR + 5_000) for day in range(29)]
    assert at_once.fired() == in_time.fired() == expected
    at_once.moved = ClockRecord("main", APPLIED + 31 * 24 * HOUR, now + 3_000)
    process.look(MAIN, 1, now + 3_000)
    assert len(at_once.fired()) == 30, "the clock was moved past the last event's tick"


def test_a_destination_is_sent_what_is_not_too_late_for_it() -> None:
    world = World("wall")
    named = [Destination("ops"), Destination("strict", checks=Checks(not_older_than_ms=1))]
    world.apply(replace(MANY, destinations=("ops", "strict")), destinations=[*named, Destination("other")])
    world.burst(1_000)
    evaluator(world).look(MAIN, 1, APPLIED + 6_000)
    by_topic = {record.topic: record for record in world.log}
    assert by_topic.keys() == {TRIGGERS, TRIGGERS_ACROSS, activation("ops")}
    assert by_topic[TRIGGERS].value == by_topic[activation("ops")].value
    assert by_topic[TRIGGERS].key == b'main|across|many|"a"'


def test_the_record_is_about_nobody_and_its_id_follows_from_what_it_is_about() -> None:
    ids = set()
    for value, tick in (('"1"', 5_000), ("1", 5_000), ('"1"', 65_000), ('""', 5_000), ("", 5_000)):
        world = World("wall", MANY)
        world.burst(tick - 4_000, value)
        evaluator(world).look(MAIN, 1, APPLIED + tick)
        record = codec().decode(FiredTrigger, next(each.value for each in world.log if each.topic == TRIGGERS))
        assert (record.profile_id, record.profile_kind, record.identifiers) == (None, None, ())
        assert (record.across, record.cause, record.version) == (value or None, "tick", 0), "as JSON, if it has one"
        assert msgspec.json.decode(record.payload) == {"n": "3"}
        ids.add(record.trigger_id)
    assert len(ids) == 5


def test_workspaces_that_are_not_assigned_or_have_no_trigger_are_not_evaluated() -> None:
    world = World("wall", replace(MANY, workspaces=("other",)))
    evaluator(world).look(MAIN, 1, APPLIED + 10_000)
    evaluator(World("wall", MANY)).look(frozenset(), 1, APPLIED + 10_000)
    assert world.queried == []
    assert world.owner is None
