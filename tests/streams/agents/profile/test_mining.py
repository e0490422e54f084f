"""What a query has found reaches its profile, and all that reads the trait follows in the same commit."""

import pytest

from definitions import Definitions, compile_program
from definitions.model import (
    Call,
    Case,
    Comparison,
    EventMatcher,
    Function,
    Literally,
    Mining,
    Operator,
    Rule,
    Segment,
    Trait,
    TraitComparison,
    TraitValue,
    Trigger,
)
from schemas.identity import default_profile_id
from schemas.records import FiredTrigger, Identifier, Mine, Profile, ProfileCommand, Rebuild, SegmentChange, Transfer
from schemas.topics import EVENTS_DEAD, PROFILE_COMMANDS, PROFILES, SEGMENTS, TRIGGERS
from streams.adoption import unchanging
from tests.streams.agents.profile.partition import ANN, ANNS, NAMESPACE, ProfilePartition, chunk
from tests.streams.agents.profile.test_walking import NOW, PEOPLE, Worker
from tests.streams.fold.given import HOUR, START, event

BEN = Identifier("user_id", "ben")
BENS = default_profile_id(NAMESPACE, BEN)
RISK = Trait("risk", Mining("SELECT profile_id, value FROM scores", HOUR))
IS_HIGH = TraitComparison(("risk",), (Comparison(Operator.GREATER_THAN, 0.5),))
LEVEL = Trait(
    "level", Rule((Case(IS_HIGH, Literally("high")),), Function("multiply", (TraitValue(("risk",)), Literally(10))))
)
LEAVING = Segment("leaving", IS_HIGH)
CALL = Trigger("call", None, IS_HIGH)
PROGRAM = compile_program(Definitions((LEAVING,), traits=(RISK, LEVEL), triggers=(CALL,)))
BUY = EventMatcher((Call("track", "Buy"),))


@pytest.fixture
def profiles() -> ProfilePartition:
    """Ann and Ben, of whom an event each was folded."""
    partition = ProfilePartition(adopt=unchanging(PROGRAM, ["main"]))
    for person in (ANN, BEN):
        partition.event(event(START, identifiers=(person,), message_id=person.value), person)
    partition.sweep(START + HOUR)  # their sessions end
    return partition


def mine(
    profiles: ProfilePartition, value: str | None, to: str = ANNS, *, is_new: bool = False, origin: str = ""
) -> None:
    command = Mine("risk", value, origin or to, START + HOUR, is_new=is_new)
    profiles.command(ProfileCommand.of("main", to, command), START + 2 * HOUR)


def shown(profiles: ProfilePartition) -> list[str]:
    return [profile.traits for profile in profiles.read(PROFILES, Profile)]


def changes(profiles: ProfilePartition) -> list[tuple[str, str, str, int]]:
    read = profiles.read(SEGMENTS, SegmentChange)
    return [(each.profile_id, each.change, each.cause, each.changed_at) for each in read]


def fired(profiles: ProfilePartition) -> list[str]:
    return [each.cause for each in profiles.read(TRIGGERS, FiredTrigger)]


def outcomes(profiles: ProfilePartition) -> dict[str, int]:
    return {labels[1]: number for (metric, labels), number in profiles.tally.items() if "mined_values" in str(metric)}


def test_a_value_is_shown_and_what_reads_it_follows_in_the_same_commit(profiles: ProfilePartition) -> None:
    mine(profiles, "0.75")
    assert shown(profiles) == ['{"level":"high","risk":0.75}']
    assert changes(profiles) == [(ANNS, "entered", "mining", START + HOUR)]
    assert fired(profiles) == ["mining"]
    mine(profiles, "0.25")
    assert shown(profiles) == ['{"level":2.5,"risk":0.25}']
    assert changes(profiles) == [(ANNS, "exited", "mining", START + HOUR)]


def test_the_same_value_once_more_changes_nothing(profiles: ProfilePartition) -> None:
    mine(profiles, "0.75")
    mine(profiles, "0.75")
    assert profiles.published == []


def test_a_profile_that_the_result_lacks_loses_the_value(profiles: ProfilePartition) -> None:
    mine(profiles, "0.75")
    mine(profiles, None)
    assert shown(profiles) == ["{}"]
    assert [change for _, change, *_ in changes(profiles)] == ["exited"]


def test_the_first_values_of_a_query_are_of_the_definitions_and_fire_nothing(profiles: ProfilePartition) -> None:
    mine(profiles, "0.75", is_new=True)
    assert changes(profiles) == [(ANNS, "entered", "definition", START + HOUR)]
    assert fired(profiles) == []


def test_texts_lists_and_truth_values_are_traits_as_well(profiles: ProfilePartition) -> None:
    for value in ('"gold"', "true", '["a","b"]', "[]"):
        mine(profiles, value)
        assert shown(profiles) == [f'{{"risk":{value}}}']


@pytest.mark.parametrize("value", ["no json", '{"a": 1}', "null", ""])
def test_what_is_no_value_is_a_dead_letter(profiles: ProfilePartition, value: str) -> None:
    mine(profiles, value)
    assert [output.topic for output in profiles.published] == [EVENTS_DEAD]


def test_a_profile_that_there_is_not_is_left_alone(profiles: ProfilePartition) -> None:
    nobody = default_profile_id(NAMESPACE, Identifier("user_id", "nobody"))
    before = dict(profiles.table)
    mine(profiles, "1", nobody)
    assert profiles.published == []
    assert profiles.table == before


def test_of_two_values_that_merge_the_greater_one_counts_whichever_profile_survives() -> None:
    for survivor, other in ((ANN, BEN), (BEN, ANN)):
        profiles = ProfilePartition(adopt=unchanging(PROGRAM, ["main"]))
        for person, value in ((ANN, "0.75"), (BEN, "0.25")):
            profiles.event(event(START, identifiers=(person,), message_id=person.value), person)
            mine(profiles, value, default_profile_id(NAMESPACE, person))
        merge(profiles, other, survivor)
        assert shown(profiles) == ['{"level":"high","risk":0.75}']


def merge(profiles: ProfilePartition, other: Identifier, survivor: Identifier) -> None:
    """Have one profile become part of another; the last batch is that in which it is absorbed."""
    target = default_profile_id(NAMESPACE, survivor)
    transfer = Transfer(1, target, (other,))
    command = ProfileCommand.of("main", default_profile_id(NAMESPACE, other), transfer)
    profiles.command(command, START + 3 * HOUR)
    (absorb,) = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    profiles.command(absorb, START + 3 * HOUR)


def test_a_forward_passes_a_value_on_where_the_greater_one_counts(profiles: ProfilePartition) -> None:
    mine(profiles, "0.25", BENS)
    merge(profiles, ANN, BEN)
    for value, expected in (("0.125", []), ("0.5", ['{"level":5,"risk":0.5}'])):
        mine(profiles, value)
        (passed,) = profiles.read(PROFILE_COMMANDS, ProfileCommand)
        assert passed.profile_id == BENS
        profiles.command(passed, START + 4 * HOUR)
        assert shown(profiles) == expected
    mine(profiles, None)
    assert profiles.published == [], "that there is no value for the former profile says nothing of the present one"


def test_a_replay_keeps_the_value_and_what_follows_from_it(profiles: ProfilePartition) -> None:
    mine(profiles, "0.75")
    profiles.command(ProfileCommand.of("main", ANNS, Rebuild(2, (ANN,))), START + 3 * HOUR)
    sent = event(START, identifiers=(ANN,), message_id=ANN.value)
    profiles.command(chunk(0, sent, decision=2), START + 3 * HOUR)
    assert shown(profiles) == ['{"level":"high","risk":0.75}']
    assert changes(profiles) == []


def test_a_value_that_comes_during_a_replay_waits_for_it(profiles: ProfilePartition) -> None:
    profiles.command(ProfileCommand.of("main", ANNS, Rebuild(2, (ANN,))), START + 3 * HOUR)
    mine(profiles, "0.75")
    assert profiles.published == []
    sent = event(START, identifiers=(ANN,), message_id=ANN.value)
    profiles.command(chunk(0, sent, decision=2), START + 3 * HOUR)
    assert shown(profiles)[-1] == '{"level":"high","risk":0.75}'


def test_a_trait_that_is_removed_takes_its_value_along() -> None:
    worker = Worker()
    worker.apply(LEAVING, traits=(RISK,))
    worker.identify(NOW - HOUR, "pro", "m", PEOPLE[0])
    profile_id = default_profile_id(NAMESPACE, PEOPLE[0])
    command = Mine("risk", "0.75", profile_id, NOW, version=1, complete_to=1)
    worker.partition.command(ProfileCommand.of("main", profile_id, command), NOW)
    assert [change for _, change, *_ in worker.changes()] == ["leaving entered"]
    worker.apply()
    assert worker.sweep() == [("p0", "leaving exited", "definition", NOW)]
    worker.apply(LEAVING, traits=(RISK,))
    assert worker.sweep() == [], "it is to be asked anew"


def test_a_command_by_a_set_that_is_removed_meanwhile_is_ignored() -> None:
    worker = Worker()
    worker.apply(LEAVING, traits=(RISK,))
    worker.identify(NOW - HOUR, "pro", "m", PEOPLE[0])
    worker.apply()
    worker.sweep()
    profile_id = default_profile_id(NAMESPACE, PEOPLE[0])
    command = Mine("risk", "0.75", profile_id, NOW, version=1, complete_to=1)
    worker.partition.command(ProfileCommand.of("main", profile_id, command), NOW)
    assert worker.partition.published == []


def test_a_value_is_told_with_the_event_that_comes_next(profiles: ProfilePartition) -> None:
    mine(profiles, "0.75")
    profiles.event(event(START + 5 * HOUR, identifiers=(ANN,), message_id="later"), ANN)
    assert shown(profiles) == ['{"level":"high","risk":0.75}']
