"""Definitions that change under a partition of PROFILE: everybody takes them over, touched by an event or not."""

from collections.abc import Mapping

import msgspec
import pytest

from definitions.destinations import Destination
from definitions.model import (
    AllOf,
    Call,
    Comparison,
    Definitions,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    Segment,
    Trait,
    TraitComparison,
    Trigger,
    Window,
)
from definitions.sets import Completion, DefinitionSet, Publication, Stamping, next_set
from definitions.sets.publication import completion_record, published_by, set_record, stamping_record
from definitions.streaming.states import Times, encode_state
from schemas.identity import default_profile_id
from schemas.records import FiredTrigger, Identifier, ProfileCommand, Seed, SegmentChange
from schemas.topics import DEFINITIONS, SEGMENTS, TRIGGERS, activation
from streams.adoption import Adopted, Compiler
from streams.agents.profile import walking
from streams.agents.profile.clocks import MERGE_MS
from streams.phases import NotYet
from tests.streams.agents.profile.partition import NAMESPACE, ProfilePartition
from tests.streams.fold.given import START, event

HOUR = 3_600_000
NOW = START + 10 * HOUR
PEOPLE = tuple(Identifier("user_id", f"p{number}") for number in range(5))
ADDED = EventMatcher((Call("track", "Add"),))
LEFT = AllOf((EventCount(ADDED, Window(24 * HOUR)), Not(EventCount(ADDED, Window(HOUR)))))
ABANDONED, REMINDER = Segment("abandoned", LEFT), Trigger("reminder", when=LEFT)


def plan(name: str) -> Segment:
    return Segment("chosen", TraitComparison(("plan",), (Comparison(Operator.EQUALS, name),)), destinations=("mail",))


def viewers(hours: int) -> Segment:
    return Segment("viewers", EventCount(EventMatcher((Call("track", "View"),)), Window(hours * HOUR)))


class Worker:
    """One partition of PROFILE whose worker hears what a topic says."""

    def __init__(self) -> None:
        self.publication = Publication()
        self._compiler = Compiler(["main"], 1)
        self.adopted = self._compiler.adopted(self.publication)
        self.partition = ProfilePartition(adopt=lambda: self.adopted)

    def hear(self, key: bytes, value: bytes) -> None:
        self.publication = self.publication.with_record(key, value)
        self.adopted = self._compiler.adopted(self.publication)

    def apply(
        self, *segments: Segment, triggers: tuple[Trigger, ...] = (), traits: tuple[Trait, ...] = ()
    ) -> DefinitionSet:
        definitions = Definitions(segments, (Destination("mail"),), traits=traits, triggers=triggers)
        new = next_set(self.publication.newest, definitions, {}, 0, "")
        self.hear(*set_record(new))
        self.hear(*stamping_record(0, Stamping(new.version, 1)))
        return new

    def complete(self, version: int) -> None:
        self.hear(*completion_record("main", Completion(version)))

    def identify(self, at: int, plan: str, message_id: str, person: Identifier) -> None:
        sent = event(at, None, type="identify", traits={"plan": plan}, message_id=message_id, identifiers=(person,))
        self.partition.event(sent, person)

    def view(self, at: int, definitions: int, person: Identifier) -> None:
        sent = event(at, "View", message_id="v", definitions=definitions, identifiers=(person,))
        self.partition.event(sent, person)

    def changes(self) -> list[tuple[str, str, str, int]]:
        """What the last batch has published: who, segment and change, cause and time."""
        names = {default_profile_id(NAMESPACE, person): person.value for person in PEOPLE}
        read = self.partition.read(SEGMENTS, SegmentChange)
        return sorted(
            (names[each.profile_id], f"{each.segment} {each.change}", each.cause, each.changed_at) for each in read
        )

    def sweep(self, now: int = NOW) -> list[tuple[str, str, str, int]]:
        self.partition.sweep(now)
        return self.changes()


@pytest.fixture
def worker() -> Worker:
    """Five people, of whom the first two are pros and the others free; nobody does anything any more."""
    worker = Worker()
    worker.apply(plan("pro"))
    for number, person in enumerate(PEOPLE):
        worker.identify(START + number, "pro" if number < 2 else "free", person.value, person)
    worker.sweep()  # their sessions end
    return worker


def test_who_fulfils_an_edited_segment_enters_and_who_does_not_any_more_leaves(worker: Worker) -> None:
    worker.apply(plan("free"))
    assert worker.sweep() == [
        *((person, "chosen exited", "definition", NOW) for person in ("p0", "p1")),
        *((person, "chosen entered", "definition", NOW) for person in ("p2", "p3", "p4")),
    ]
    assert worker.sweep() == []


def test_nobody_stays_in_a_segment_that_is_removed_and_its_destination_hears_of_it(worker: Worker) -> None:
    worker.apply()
    assert worker.sweep() == [(person, "chosen exited", "definition", NOW) for person in ("p0", "p1")]
    assert [each.topic for each in worker.partition.published].count(activation("mail")) == 2


def test_a_set_that_says_the_same_moves_nobody(worker: Worker) -> None:
    worker.apply(plan("pro"))
    assert worker.sweep() == []


def test_an_edit_leaves_the_lapses_of_those_whom_it_does_not_concern_as_they_are(worker: Worker) -> None:
    worker.apply(ABANDONED, triggers=(REMINDER,))
    worker.complete(2)
    worker.sweep()
    worker.partition.event(event(NOW, "Add", definitions=2, identifiers=PEOPLE[:1]), PEOPLE[0])
    worker.sweep(NOW + HOUR // 2)  # the session ends
    worker.apply(ABANDONED, plan("nobody's"), triggers=(REMINDER,))
    assert worker.sweep(NOW + HOUR * 2 // 3) == []
    assert worker.sweep(NOW + HOUR - 1) == []
    assert worker.sweep(NOW + HOUR + 400) == [("p0", "abandoned entered", "deadline", NOW + HOUR)]
    fired = worker.partition.read(TRIGGERS, FiredTrigger)
    assert [(each.trigger, each.fired_at, each.cause) for each in fired] == [("reminder", NOW + HOUR, "deadline")]


def away_while(worker: Worker, *segments: Segment) -> list[tuple[str, str, str, int]]:
    """What is published of a cart that was left at NOW, if nobody reads from half an hour until two hours later.

    Meanwhile these segments are applied.
    """
    worker.apply(ABANDONED, plan("pro"), triggers=(REMINDER,))
    worker.complete(2)
    worker.sweep()
    worker.partition.event(event(NOW, "Add", definitions=2, identifiers=PEOPLE[:1]), PEOPLE[0])
    worker.sweep(NOW + HOUR // 2)
    worker.apply(*segments, triggers=(REMINDER,))
    worker.partition.opened_at = NOW + 2 * HOUR
    changes, fired = [], []
    for after in (0, 1_000, 5_000, 6_000):
        changes += worker.sweep(NOW + 2 * HOUR + after)
        fired += worker.partition.read(TRIGGERS, FiredTrigger)
    assert [(each.trigger, each.fired_at, each.cause) for each in fired] == [("reminder", NOW + HOUR, "deadline")]
    return changes


def test_a_walk_waits_until_what_came_before_the_change_is_read(worker: Worker) -> None:
    worker.apply(ABANDONED, plan("pro"))
    worker.complete(2)
    worker.sweep()
    worker.partition.read_to = NOW
    worker.apply(ABANDONED, plan("free"))
    assert worker.sweep(NOW + HOUR) == []
    worker.partition.read_to = NOW + HOUR + MERGE_MS
    changes = worker.sweep(NOW + 2 * HOUR)

    assert {changed_at for *_, changed_at in changes} == {NOW + HOUR}
    assert len(changes) == len(PEOPLE)


def test_what_lapsed_while_no_worker_read_has_its_own_time_though_an_edit_came_meanwhile(worker: Worker) -> None:
    assert away_while(worker, ABANDONED, plan("free")) == [
        ("p0", "abandoned entered", "deadline", NOW + HOUR),
        ("p0", "chosen exited", "definition", NOW + 2 * HOUR),
        ("p1", "chosen exited", "definition", NOW + 2 * HOUR),
        *((person, "chosen entered", "definition", NOW + 2 * HOUR) for person in ("p2", "p3", "p4")),
    ]


def test_what_lapsed_before_its_segment_was_removed_is_published_as_the_segment_was(worker: Worker) -> None:
    changes = away_while(worker, plan("pro"))
    assert changes == [
        ("p0", "abandoned entered", "deadline", NOW + HOUR),
        ("p0", "abandoned exited", "definition", NOW + 2 * HOUR),
    ]


def test_a_lapse_says_by_which_version_it_happened(worker: Worker) -> None:
    versions = list[tuple[str, int]]()
    read = worker.changes

    def noted() -> list[tuple[str, str, str, int]]:
        versions.extend((each.change, each.definition) for each in worker.partition.read(SEGMENTS, SegmentChange))
        return read()

    worker.changes = noted  # type: ignore[method-assign]
    away_while(worker, plan("pro"))
    assert versions == [("entered", 2), ("exited", 3)]


def test_what_lapsed_has_its_own_time_however_many_versions_were_applied_meanwhile(worker: Worker) -> None:
    worker.apply(ABANDONED, triggers=(REMINDER,))
    worker.complete(2)
    worker.sweep()
    worker.partition.event(event(NOW, "Add", definitions=2, identifiers=PEOPLE[:1]), PEOPLE[0])
    worker.sweep(NOW + HOUR // 2)
    for number in range(40):
        worker.apply(ABANDONED, plan(f"nobody's {number}"), triggers=(REMINDER,))
    worker.partition.opened_at = NOW + 2 * HOUR
    changes, fired = [], []
    for after in (0, 1_000, 5_000, 6_000):
        changes += worker.sweep(NOW + 2 * HOUR + after)
        fired += worker.partition.read(TRIGGERS, FiredTrigger)
    assert changes == [("p0", "abandoned entered", "deadline", NOW + HOUR)]
    assert [(each.fired_at, each.cause) for each in fired] == [(NOW + HOUR, "deadline")]


def test_a_profile_whose_definitions_are_not_there_any_more_goes_by_those_of_now_and_the_log_says_so(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    worker.apply(ABANDONED)
    worker.complete(2)
    worker.sweep()
    worker.partition.event(event(NOW, "Add", definitions=2, identifiers=PEOPLE[:1]), PEOPLE[0])
    worker.sweep(NOW + HOUR // 2)
    worker.apply(ABANDONED, plan("nobody's"))
    kept = {version: of for version, of in worker.publication.sets.items() if version != 2}
    worker.publication = msgspec.structs.replace(worker.publication, sets=kept)
    worker.hear(*stamping_record(0, Stamping(3, 1)))
    worker.partition.opened_at = NOW + 2 * HOUR
    changes = [each for after in (0, 1_000, 5_000) for each in worker.sweep(NOW + 2 * HOUR + after)]
    assert changes == [("p0", "abandoned entered", "definition", NOW + 2 * HOUR)]
    assert "are not on the topic definitions any more" in caplog.text


def test_an_event_after_an_edit_is_folded_behind_what_lapsed_before_both(worker: Worker) -> None:
    worker.apply(ABANDONED)
    worker.complete(2)
    worker.sweep()
    worker.partition.event(event(NOW, "Add", definitions=2, identifiers=PEOPLE[:1]), PEOPLE[0])
    worker.apply(ABANDONED, plan("free"))
    worker.partition.event(event(NOW + 2 * HOUR, "Add", definitions=3, identifiers=PEOPLE[:1]), PEOPLE[0])
    assert [each for each in worker.changes() if each[0] == "p0"] == [
        ("p0", "abandoned entered", "deadline", NOW + HOUR),
        ("p0", "abandoned exited", f"{NOW + 2 * HOUR}-Add", NOW + 2 * HOUR),
    ]


def test_whose_first_event_is_held_back_meanwhile_enters_all_the_same(worker: Worker) -> None:
    worker.apply(viewers(5))
    worker.complete(2)
    worker.sweep()
    person, late = Identifier("user_id", "p9"), NOW - HOUR
    order = event(late, "Order", received_at=NOW, definitions=2, identifiers=(person,))
    worker.partition.event(order, person, NOW)
    worker.apply(viewers(5), Segment("buyers", EventCount(EventMatcher((Call("track", "Order"),)), Window(24 * HOUR))))
    accumulators = worker.adopted.programs["main", "person"].accumulators
    (new,) = (each for each in accumulators if each.planned.events.calls == (Call("track", "Order"),))
    profile_id = default_profile_id(NAMESPACE, person)
    seed = Seed(3, "1", profile_id, 0, 0, {new.key: encode_state(Times([late]))})
    worker.partition.command(ProfileCommand.of("main", profile_id, seed), NOW + 1)
    worker.hear(*completion_record("main", Completion(3, ("1",))))
    changes = []
    for after in range(0, 60_000, 5_000):
        worker.partition.sweep(NOW + 2 + after)
        changes += [(each.segment, each.change) for each in worker.partition.read(SEGMENTS, SegmentChange)]
    assert changes == [("buyers", "entered")]


def test_until_a_set_is_complete_profiles_go_by_the_one_before(worker: Worker) -> None:
    worker.apply(viewers(5), plan("free"))
    assert worker.sweep() == []
    worker.identify(NOW, "pro", "m", PEOPLE[4])
    assert worker.changes() == [("p4", "chosen entered", "m", NOW)]
    worker.complete(2)
    assert worker.sweep(NOW + 1) == [
        *((person, "chosen exited", "definition", NOW + 1) for person in ("p0", "p1")),
        *((person, "chosen entered", "definition", NOW + 1) for person in ("p2", "p3")),
        ("p4", "chosen exited", "definition", NOW + 1),
    ]


def test_what_a_new_set_needs_is_remembered_from_the_first_event_with_its_stamp(worker: Worker) -> None:
    worker.apply(plan("pro"), viewers(5))
    worker.view(NOW, 2, PEOPLE[3])
    assert worker.changes() == []
    worker.complete(2)
    assert worker.sweep(NOW + 1) == [("p3", "viewers entered", "definition", NOW + 1)]
    assert worker.sweep(NOW + 5 * HOUR) == [("p3", "viewers exited", "deadline", NOW + 5 * HOUR)]


def test_a_set_that_is_complete_when_another_has_followed_it_knows_all_events(worker: Worker) -> None:
    worker.apply(viewers(50))
    worker.apply(viewers(100))
    worker.view(NOW, 3, PEOPLE[3])
    worker.complete(2)
    assert worker.adopted.evaluated == {"main": 2}
    assert ("p3", "viewers entered", "definition", NOW + 1) in worker.sweep(NOW + 1)


def test_a_touched_profile_takes_over_before_its_event_counts(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "KEYS_AT_ONCE", 1)
    worker.apply(plan("free"))
    last = max(PEOPLE, key=lambda person: default_profile_id(NAMESPACE, person))
    assert last.value == "p1"
    worker.identify(NOW, "free", "m", last)
    changes = [(what, cause) for person, what, cause, _ in worker.changes() if person == "p1"]
    assert sorted(changes) == [("chosen entered", "m"), ("chosen exited", "definition")]


def test_beside_live_records_a_walk_meets_no_more_profiles_than_those_are_of(worker: Worker) -> None:
    worker.apply(plan("free"))
    stranger = Identifier("user_id", "p9")
    worker.partition.event(event(NOW, "View", message_id="v", identifiers=(stranger,)), stranger)
    assert len(worker.partition.read(SEGMENTS, SegmentChange)) == 1
    assert len(worker.sweep()) == len(PEOPLE) - 1


def test_a_walk_goes_on_where_it_was_however_often_it_breaks_off(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "KEYS_AT_ONCE", 2)
    worker.apply(plan("free"))
    seen = [len(worker.sweep()) for _ in range(4)]
    assert (seen, sum(seen)) == ([2, 2, 1, 0], 5)


def test_a_set_that_comes_while_a_walk_is_under_way_reaches_everybody(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "KEYS_AT_ONCE", 2)
    worker.apply(plan("free"))
    begun = worker.sweep()
    worker.apply(plan("pro"))
    ended = [each for _ in range(5) for each in worker.sweep(NOW + 1)]
    assert [each[:2] for each in begun] == [("p0", "chosen exited"), ("p4", "chosen entered")]
    assert [each[:2] for each in ended] == [("p0", "chosen entered"), ("p4", "chosen exited")]


def said(worker: Worker) -> list[Mapping[int, Mapping[str, int]]]:
    """What the last batch has said about how far everybody is."""
    sent = [each for each in worker.partition.published if each.topic == DEFINITIONS]
    return [published_by([(each.key, each.value)]).walked for each in sent]


def test_a_walk_says_once_that_it_has_met_everybody(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "KEYS_AT_ONCE", 2)
    worker.apply(plan("free"))
    met, heard = 0, list[list[Mapping[int, Mapping[str, int]]]]()
    for _ in range(10):
        met += len(worker.sweep())
        heard.append(said(worker))
        assert not heard[-1] or met == len(PEOPLE)
    assert [each for each in heard if each] == [[{0: {"main": 2}}]]


def test_a_version_that_changes_nothing_is_said_as_well(worker: Worker) -> None:
    worker.apply(plan("pro"))
    worker.sweep()
    assert said(worker) == [{0: {"main": 2}}]
    worker.sweep()
    assert said(worker) == []


def test_a_version_that_is_not_complete_is_not_said(worker: Worker) -> None:
    worker.apply(plan("free"), viewers(5))
    worker.sweep()
    assert said(worker) == []
    worker.complete(2)
    worker.sweep()
    assert said(worker) == [{0: {"main": 2}}]


def test_what_is_stamped_by_unknown_definitions_waits_until_they_are_known(worker: Worker) -> None:
    worker.adopted = replaced(worker.adopted, 0.0)
    with pytest.raises(NotYet):
        worker.view(NOW, 2, PEOPLE[0])
    worker.apply(plan("pro"))
    worker.view(NOW, 2, PEOPLE[0])


def replaced(adopted: Adopted, as_of: float) -> Adopted:
    return Adopted(
        adopted.programs, adopted.version, adopted.complete_to, adopted.evaluated, adopted.attempts,
        adopted.destinations, adopted.target, adopted.is_beginning, as_of, adopted.former,
    )  # fmt: skip
