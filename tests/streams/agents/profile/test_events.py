"""An event that reaches a profile: whether it stays, and with which decision it is sent on."""

from definitions import compile_program
from definitions.model import (
    Call,
    Comparison,
    Definitions,
    EventCount,
    EventMatcher,
    Operator,
    PropertyFilter,
    Segment,
    Trigger,
    Window,
)
from schemas.codec import Codec
from schemas.records import Event, Fold, Profile, ProfileCommand, Transfer
from schemas.topics import PROFILE_COMMANDS, PROFILES
from streams import metrics
from streams.adoption import unchanging
from tests.schemas.fixed import FixedSchemas
from tests.streams.agents.profile.partition import (
    ANN,
    ANNS,
    OTHER,
    PROFILE_ID,
    VISIT,
    ProfilePartition,
    chunk,
    unmerged,
)
from tests.streams.fold.given import HOUR, START, event, identify


def test_what_a_forward_sent_on_stays_where_nothing_is_known_of_it() -> None:
    profiles = ProfilePartition()
    profiles.command(_sent_on(decision=1))

    assert profiles.read(PROFILE_COMMANDS, ProfileCommand) == []
    assert [profile.events for profile in profiles.read(PROFILES, Profile)] == [1]


def test_what_a_forward_sent_on_before_its_identifier_was_split_off_goes_to_its_default_profile() -> None:
    profiles = unmerged()
    profiles.command(chunk(0, event(START, message_id="m0")))
    profiles.command(_sent_on(ANNS, decision=4))

    assert profiles.folds() == [(PROFILE_ID, 0)]


def test_an_event_keeps_the_decision_of_its_own_profile_through_other_forwards() -> None:
    profiles = ProfilePartition()
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(7, target=PROFILE_ID, identifiers=(ANN,))))
    for decision in (0, 4):
        profiles.command(_sent_on(ANNS, decision))
        assert profiles.folds() == [(PROFILE_ID, decision)]
    profiles.command(_own_to(ANNS))
    assert profiles.folds() == [(PROFILE_ID, 7)]


def test_what_a_profile_does_not_keep_is_counted_by_field_and_reason() -> None:
    profiles = ProfilePartition()
    profiles.event(identify(START, {"n" * 257: 1, "x" * 300: 2, "bio": "x" * 9_000, "plan": "pro"}), ANN)
    profiles.event(event(START, "E" * 129), ANN)

    assert {labels: number for (metric, labels), number in profiles.tally.items() if metric is metrics.DROPPED} == {
        ("main", "trait", "too_long"): 2,
        ("main", "trait", "too_large"): 1,
        ("main", "event_name", "too_long"): 1,
    }


def test_a_value_of_the_wrong_type_is_counted_for_each_definition_that_it_is_nothing_for() -> None:
    above = EventMatcher(
        (Call("track", "Buy"),), (PropertyFilter(("total",), (Comparison(Operator.GREATER_THAN, 5),)),)
    )
    buyers = EventCount(above, Window(HOUR))
    definitions = Definitions((Segment("often", buyers), Segment("ever", EventCount(above, Window()))))
    profiles = ProfilePartition(adopt=unchanging(compile_program(definitions), ["main"]))
    profiles.event(event(START, "Buy", properties={"total": "6"}), ANN)
    assert {labels: number for (metric, labels), number in profiles.tally.items() if metric is metrics.MISTYPED} == {
        ("main", "segment", "often"): 1,
        ("main", "segment", "ever"): 1,
    }


def test_texts_that_payloads_lack_are_counted_for_each_trigger() -> None:
    bought = EventMatcher((Call("track", "Buy"),))
    payload = (("share", "{{ 1 | divided_by: event.properties.total }}"), ("thanks", "Thanks"))
    definitions = Definitions(triggers=(Trigger("buyer", on=bought, payload=payload),))
    profiles = ProfilePartition(adopt=unchanging(compile_program(definitions), ["main"]))
    for number in range(3):
        profiles.event(event(START + number, "Buy", properties={"total": number // 2}), ANN)
    assert profiles.tally[metrics.MISSED_TEXTS, ("main", "buyer")] == 2


def _own_to(to: str) -> ProfileCommand:
    sent = event(START, identifiers=(ANN,), message_id="own")
    return ProfileCommand.of("main", to, Fold(event=Codec(FixedSchemas()).encoder(Event)(sent)))


def _sent_on(to: str = PROFILE_ID, decision: int = 0) -> ProfileCommand:
    sent = event(START, identifiers=(OTHER if to == PROFILE_ID else VISIT,), message_id="sent_on")
    return ProfileCommand.of("main", to, Fold(decision=decision, event=Codec(FixedSchemas()).encoder(Event)(sent)))
