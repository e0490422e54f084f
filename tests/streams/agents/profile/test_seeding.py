"""What a back-fill sends: it waits beside the live states, follows them, and is void where a replay has it all."""

import msgspec
import pytest

from definitions.model import Call, EventCount, EventMatcher, Segment, Window
from definitions.plan import needs
from definitions.sets import Completion
from definitions.sets.publication import completion_record
from definitions.streaming.states import Times, encode_state
from schemas.identity import default_profile_id
from schemas.records import Identifier, ProfileCommand, Rebuild, Seed, Transfer
from schemas.topics import DEFINITIONS, PROFILE_COMMANDS
from streams.phases import NotYet
from tests.streams.agents.profile.partition import NAMESPACE, chunk
from tests.streams.agents.profile.test_walking import NOW, PEOPLE, Worker, plan
from tests.streams.fold.given import event

HOUR = 3_600_000
VIEWS = EventCount(EventMatcher((Call("track", "View"),)), Window(5 * HOUR), 2)
VIEWERS = Segment("viewers", VIEWS)
ANN, BEN = PEOPLE[0], PEOPLE[1]


def profile_of(person: Identifier) -> str:
    return default_profile_id(NAMESPACE, person)


@pytest.fixture
def worker() -> Worker:
    """Two people; the set that was applied last needs two views, of which they had some before."""
    worker = Worker()
    worker.apply(plan("pro"))
    for person in (ANN, BEN):
        worker.identify(NOW - HOUR, "pro", person.value, person)
    worker.apply(plan("pro"), VIEWERS)
    return worker


def seed(attempt: str, *times: int, origin: Identifier = ANN, decision: int = 0) -> Seed:
    (need,) = needs(VIEWS)
    states = {f"{need.id}@2": encode_state(Times(list(times)))}
    return Seed(2, attempt, profile_of(origin), decision, complete_to=1, states=states)


def send(worker: Worker, to: Identifier, command: Seed | Transfer | Rebuild) -> list[ProfileCommand]:
    """Have a profile obey; what it sends on."""
    worker.partition.command(ProfileCommand.of("main", profile_of(to), command), NOW)
    return worker.partition.read(PROFILE_COMMANDS, ProfileCommand)


def complete(worker: Worker, attempt: str) -> list[str]:
    """Say that an attempt is complete; who is in the segment then."""
    worker.hear(*completion_record("main", Completion(2, (attempt,))))
    return [person for person, what, *_ in worker.sweep() if what == "viewers entered"]


def test_a_seed_and_what_was_folded_since_are_one(worker: Worker) -> None:
    send(worker, ANN, seed("a", NOW - HOUR))
    assert worker.changes() == []
    worker.view(NOW, 2, ANN)
    assert worker.changes() == []
    assert complete(worker, "a") == ["p0"]


def test_an_event_that_is_in_the_seed_counts_once(worker: Worker) -> None:
    worker.view(NOW, 1, ANN)
    send(worker, ANN, seed("a", NOW))
    assert complete(worker, "a") == []


def test_a_later_attempt_takes_the_place_of_an_earlier_one_in_whatever_order_they_come(worker: Worker) -> None:
    for attempt, times in (("b", (NOW,)), ("a", (NOW - 1, NOW)), ("b", (NOW,))):
        send(worker, ANN, seed(attempt, *times))
    assert complete(worker, "b") == []


def test_the_seed_of_an_attempt_that_broke_off_does_not_count(worker: Worker) -> None:
    send(worker, ANN, seed("a", NOW - 1, NOW))
    assert complete(worker, "b") == []


def test_a_forward_sends_a_seed_after_the_state_by_the_later_decision(worker: Worker) -> None:
    absorbing = send(worker, ANN, Transfer(7, profile_of(BEN), (ANN,)))[0]
    (passed,) = send(worker, ANN, seed("a", NOW - 1, NOW, decision=5))
    assert passed.seed is not None
    assert (passed.profile_id, passed.seed.decision, passed.seed.origin) == (profile_of(BEN), 7, profile_of(ANN))
    for command in (absorbing, passed):
        worker.partition.command(command, NOW)
    send(worker, BEN, seed("a", NOW - 2, origin=BEN))
    assert complete(worker, "a") == ["p1"]


def test_a_merge_brings_a_seed_along(worker: Worker) -> None:
    send(worker, ANN, seed("a", NOW - 1))
    (absorbing,) = send(worker, ANN, Transfer(7, profile_of(BEN), (ANN,)))
    worker.partition.command(absorbing, NOW)
    send(worker, BEN, seed("a", NOW - 2, origin=BEN))
    assert complete(worker, "a") == ["p1"]


def test_a_state_that_goes_by_a_complete_back_fill_waits_where_nobody_has_heard_of_that(worker: Worker) -> None:
    before = msgspec.structs.replace(worker.adopted, as_of=0.0)
    worker.hear(*completion_record("main", Completion(2)))
    after = worker.adopted
    (absorbing,) = send(worker, ANN, Transfer(7, profile_of(BEN), (ANN,)))
    worker.adopted = before
    with pytest.raises(NotYet):
        worker.partition.command(absorbing, NOW)
    worker.adopted = after
    worker.partition.command(absorbing, NOW)


def test_a_seed_may_come_before_the_state_that_it_belongs_to(worker: Worker) -> None:
    cleo = Identifier("user_id", "cleo")
    send(worker, cleo, seed("a", NOW - 1, NOW, origin=cleo))
    assert complete(worker, "a") == []
    assert {each.topic for each in worker.partition.published} <= {DEFINITIONS}


def test_a_seed_that_is_older_than_a_rebuild_is_void_since_the_replay_has_it_all(worker: Worker) -> None:
    send(worker, ANN, Rebuild(9, identifiers=(ANN,)))
    send(worker, ANN, seed("a", NOW - 1, NOW, decision=8))
    worker.hear(*completion_record("main", Completion(2, ("a",))))
    replayed = event(NOW, "View", message_id="v", definitions=1, identifiers=(ANN,))
    replay = chunk(0, replayed, decision=9, profile_id=profile_of(ANN))
    assert replay.replay is not None
    worker.partition.command(replay, NOW)
    assert [what for _, what, *_ in worker.changes()] == ["chosen exited"]  # and not in for two views


def test_a_replay_contributes_to_what_is_complete_whatever_its_stamps(worker: Worker) -> None:
    send(worker, ANN, Rebuild(9, identifiers=(ANN,)))
    worker.hear(*completion_record("main", Completion(2, ("a",))))
    events = [event(NOW - n, "View", message_id=f"v{n}", definitions=1, identifiers=(ANN,)) for n in (1, 0)]
    replay = chunk(0, *events, decision=9, profile_id=profile_of(ANN)).replay
    assert replay is not None
    complete_replay = type(replay)(
        replay.decision, replay.attempt, replay.chunk, replay.last, replay.version, replay.events, definitions=2
    )
    worker.partition.command(ProfileCommand.of("main", profile_of(ANN), complete_replay), NOW)
    assert "viewers entered" in [what for _, what, *_ in worker.changes()]
