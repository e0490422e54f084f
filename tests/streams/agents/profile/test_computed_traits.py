"""Computed traits are published as those that are sent, also when time alone changes them."""

from definitions import Definitions, compile_program
from definitions.model import Aggregate, Call, EventMatcher, Measure, Statistical, Trait, Window
from schemas.records import Profile
from schemas.topics import PROFILES
from streams.adoption import unchanging
from tests.streams.agents.profile.partition import ANN, ProfilePartition
from tests.streams.fold.given import HOUR, START, event


def test_a_profile_whose_computed_trait_time_alone_changes_is_published() -> None:
    buys = EventMatcher((Call("track", "Buy"),))
    orders = Trait("orders", Statistical(Aggregate(buys, Measure.COUNT, None, Window(2 * HOUR))))
    program = compile_program(Definitions(traits=(orders,)))
    profiles = ProfilePartition(adopt=unchanging(program, ["main"]))
    profiles.event(event(START, "Buy"), ANN)
    assert [profile.traits for profile in profiles.read(PROFILES, Profile)] == ['{"orders":1}']
    profiles.sweep(START + HOUR)
    assert [profile.traits for profile in profiles.read(PROFILES, Profile)] == ['{"orders":1}'], "its session has ended"
    profiles.sweep(START + 2 * HOUR - 1)
    assert profiles.read(PROFILES, Profile) == []
    profiles.sweep(START + 2 * HOUR)
    assert [profile.traits for profile in profiles.read(PROFILES, Profile)] == ["{}"]
