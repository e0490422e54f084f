"""A profile that takes another one in: what is published of the two."""

from schemas.records import Absorb, Profile, ProfileCommand, SegmentChange, Transfer
from schemas.topics import PROFILE_COMMANDS, PROFILES, SEGMENTS
from tests.streams.agents.profile.partition import ANN, ANNS, OTHER, OTHER_ID, ProfilePartition, chunk, unmerged
from tests.streams.fold.given import DAY, HOUR, MINUTE, START, event, identify


def _merged(profiles: ProfilePartition) -> Profile:
    """Ann's profile gives way to the other one; what the other one publishes."""
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(6, target=OTHER_ID, identifiers=(ANN,))))
    [absorb] = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    assert isinstance(absorb.command, Absorb)
    profiles.command(absorb)
    [profile] = profiles.read(PROFILES, Profile)
    return profile


def test_two_identifiers_without_events_make_no_profile_that_others_see() -> None:
    profiles = ProfilePartition()
    assert _merged(profiles).deleted
    profiles.event(event(START, message_id="m0", identifiers=(OTHER,)), OTHER)
    assert [(profile.deleted, profile.events) for profile in profiles.read(PROFILES, Profile)] == [(False, 1)]


def test_what_an_unmerge_has_left_empty_stays_so_where_it_is_merged_into() -> None:
    profiles = unmerged()
    profiles.command(chunk(0))
    assert _merged(profiles).deleted


def test_a_profile_with_events_is_seen_where_it_is_merged_into() -> None:
    profiles = ProfilePartition()
    profiles.event(event(START, message_id="m0"), ANN)
    merged = _merged(profiles)
    assert (merged.deleted, merged.events) == (False, 1)


def test_a_profile_leaves_its_segments_when_it_is_merged_away_and_what_had_lapsed_before_has_its_own_time() -> None:
    profiles = ProfilePartition()
    profiles.events([identify(START, {"plan": "pro"}), event(START, message_id="m0")], ANN, START)
    now = START + 100 * DAY
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(6, target=OTHER_ID, identifiers=(ANN,))), now)
    changes = profiles.read(SEGMENTS, SegmentChange)
    assert [(each.segment, each.change, each.changed_at, each.cause) for each in changes] == [
        ("quiet", "entered", START + 90 * MINUTE, "deadline"),
        ("pro", "exited", now, "merge"),
        ("pro_or_viewing", "exited", now, "merge"),
        ("quiet", "exited", now, "merge"),
    ]


def test_a_profile_that_is_merged_away_before_its_own_time_leaves_its_segments_at_that() -> None:
    profiles = ProfilePartition()
    profiles.event(identify(START + HOUR, {"plan": "pro"}), ANN)
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(6, target=OTHER_ID, identifiers=(ANN,))), START)
    exited = [each for each in profiles.read(SEGMENTS, SegmentChange) if each.segment == "pro"]
    assert [(each.change, each.changed_at) for each in exited] == [("exited", START + HOUR)]
