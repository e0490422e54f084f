"""Profiles of visits alone: they vanish when the session has ended, and are forgotten a day later."""

import pytest

from schemas.identity import profile_key
from schemas.records import Profile, ProfileCommand, Rebuild, SegmentChange, Session, Transfer
from schemas.topics import PROFILE_COMMANDS, PROFILES, SEGMENTS, SESSIONS
from tests.streams.agents.profile.partition import (
    ANN,
    ANNS,
    KEY,
    OTHER,
    OTHER_ID,
    PROFILE_ID,
    VISIT,
    ProfilePartition,
    chunk,
    visited,
)
from tests.streams.fold.given import HOUR, MINUTE, START, event

TO_ANN = ProfileCommand.of("main", PROFILE_ID, Transfer(1, ANNS, (VISIT,), canonical=ANN))
TO_OTHER = ProfileCommand.of("main", PROFILE_ID, Transfer(1, OTHER_ID, (VISIT,), canonical=OTHER))
TO_SOMEBODY = ProfileCommand.of("main", PROFILE_ID, Transfer(1, ANNS, (VISIT,)))


def _merge(profiles: ProfilePartition, transfer: ProfileCommand, now: int) -> None:
    """Transfer a profile, and let the target absorb its state."""
    profiles.command(transfer, now)
    [absorb] = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    profiles.command(absorb, now)


def _merged(transfer: ProfileCommand) -> ProfilePartition:
    """Return a partition where a visit with one event was transferred."""
    profiles = visited()
    _merge(profiles, transfer, START + 1)
    return profiles


def test_a_profile_of_a_session_alone_lives_while_the_session_does() -> None:
    profiles = visited()
    profiles.event(event(START + 29 * MINUTE, identifiers=(VISIT,)), VISIT)
    profiles.sweep(START + 31 * MINUTE)

    [profile] = visited().read(PROFILES, Profile)
    assert (profile.deleted, profile.identifiers) == (False, (VISIT,))
    assert KEY in profiles.table
    assert profiles.read(PROFILES, Profile) == []
    assert profiles.tombstones() == []


def test_it_does_not_vanish_when_only_a_window_ends() -> None:
    profiles = ProfilePartition()
    for at in (START - 50 * MINUTE, START - 50 * MINUTE + 1, START):
        profiles.event(event(at, identifiers=(VISIT,)), VISIT)
    profiles.sweep(START + 10 * MINUTE)

    changes = profiles.read(SEGMENTS, SegmentChange)
    assert [(change.segment, change.change, change.cause) for change in changes] == [("frequent", "exited", "deadline")]
    assert profiles.tombstones() == []
    assert KEY in profiles.table


def test_it_vanishes_when_the_session_ends() -> None:
    profiles = visited()
    profiles.sweep(START + 30 * MINUTE)

    [profile] = profiles.read(PROFILES, Profile)
    assert (profile.deleted, profile.profile_id, profile.identifiers) == (True, PROFILE_ID, (VISIT,))
    assert profiles.tombstones() == [KEY]
    assert [output.value is None for output in profiles.published if output.topic == PROFILES] == [False, True]
    [session] = profiles.read(SESSIONS, Session)
    assert session.status == "closed"
    changes = profiles.read(SEGMENTS, SegmentChange)
    assert [(change.segment, change.change, change.cause) for change in changes] == [
        ("pro_or_viewing", "exited", "session_end")
    ]
    assert profile.version > max(changes[0].version, session.version)


def test_a_session_that_comes_back_goes_on_behind_what_was_published_of_it() -> None:
    profiles = visited()
    profiles.sweep(START + 30 * MINUTE)
    [deleted] = profiles.read(PROFILES, Profile)
    profiles.event(event(START + HOUR, identifiers=(VISIT,), message_id="later"), VISIT)

    [profile] = profiles.read(PROFILES, Profile)
    assert (profile.events, profile.deleted) == (2, False)
    assert profile.version > deleted.version
    assert [(change.segment, change.change) for change in profiles.read(SEGMENTS, SegmentChange)] == [
        ("pro_or_viewing", "entered")
    ]
    profiles.sweep(START + 90 * MINUTE)
    assert [profile.deleted for profile in profiles.read(PROFILES, Profile)] == [True]


def test_a_retry_after_a_profile_has_vanished_counts_nothing() -> None:
    profiles = visited()
    profiles.sweep(START + 30 * MINUTE)
    profiles.event(event(START, identifiers=(VISIT,)), VISIT)

    assert profiles.published == []


def test_a_vanished_profile_is_forgotten_after_the_lateness_bound_without_a_record() -> None:
    profiles = visited()
    profiles.sweep(START + 30 * MINUTE)
    profiles.sweep(START + 24 * HOUR + 29 * MINUTE)
    assert KEY in profiles.table
    profiles.sweep(START + 24 * HOUR + 30 * MINUTE)

    assert KEY not in profiles.table
    assert profiles.published == []


def test_an_event_clock_that_runs_ahead_does_not_forget_a_vanished_profile() -> None:
    profiles = ProfilePartition("event")
    profiles.event(event(START, identifiers=(VISIT,)), VISIT)
    profiles.clock(START + 40 * HOUR, now=START)
    assert profiles.tombstones() == [KEY]
    for hours in (80, 200, 10_000):
        profiles.clock(START + hours * HOUR, now=START)
        assert KEY in profiles.table
        assert profiles.table.due("main", START + hours * HOUR, 1) == []
    profiles.clock(START + 30_000 * HOUR, now=START + 24 * HOUR)

    assert KEY not in profiles.table


def test_a_visit_of_long_ago_waits_for_what_is_decided_about_it() -> None:
    profiles = ProfilePartition()
    profiles.event(event(START, identifiers=(VISIT,)), VISIT, now=START + 9 * HOUR)
    profiles.sweep(settled := START + 9 * HOUR + MINUTE)
    profiles.sweep(settled + 5 * MINUTE - 1)
    assert profiles.tombstones() == []
    profiles.sweep(settled + 5 * MINUTE)

    assert profiles.tombstones() == [KEY]


@pytest.mark.parametrize("transfer", [TO_ANN, TO_SOMEBODY])
def test_a_person_of_whom_only_a_session_has_come_yet_does_not_vanish(transfer: ProfileCommand) -> None:
    profiles = _merged(transfer)
    profiles.sweep(START + HOUR)
    assert profiles.tombstones() == []
    profiles.event(event(START + HOUR, identifiers=(ANN, VISIT), message_id="m1"), ANN)

    assert [profile.events for profile in profiles.read(PROFILES, Profile)] == [2]


def test_a_visit_that_was_merged_by_hand_with_one_that_nobody_has_seen_vanishes() -> None:
    profiles = _merged(TO_OTHER)
    [profile] = profiles.read(PROFILES, Profile)
    assert (profile.profile_id, profile.identifiers) == (OTHER_ID, (VISIT, OTHER))
    profiles.sweep(START + 30 * MINUTE)

    assert [profile.deleted for profile in profiles.read(PROFILES, Profile)] == [True]
    assert profiles.tombstones() == [profile_key("main", OTHER_ID)]


def test_a_vanished_visit_that_is_merged_by_hand_with_an_unseen_one_vanishes_again() -> None:
    profiles = visited()
    profiles.sweep(START + 30 * MINUTE)
    _merge(profiles, TO_OTHER, START + HOUR)
    assert [profile.deleted for profile in profiles.read(PROFILES, Profile)] == [False]
    profiles.sweep(START + HOUR + 5 * MINUTE)

    assert profiles.tombstones() == [profile_key("main", OTHER_ID)]


def test_a_person_whom_no_event_names_is_known_by_the_identifier_that_an_operator_gave() -> None:
    [profile] = _merged(TO_ANN).read(PROFILES, Profile)

    assert (profile.profile_id, profile.identifiers, profile.events) == (ANNS, (ANN, VISIT), 1)


def test_a_vanished_profile_that_proves_to_be_somebodys_brings_its_events() -> None:
    profiles = visited()
    profiles.sweep(START + 30 * MINUTE)
    profiles.command(TO_ANN, START + HOUR)
    assert [session.status for session in profiles.read(SESSIONS, Session)] == ["retracted"]
    [absorbed] = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    profiles.command(absorbed, START + HOUR)

    assert [profile.events for profile in profiles.read(PROFILES, Profile)] == [1]


def test_a_vanished_profile_to_which_a_forward_leads_is_never_forgotten() -> None:
    profiles = visited()
    profiles.command(ProfileCommand.of("main", OTHER_ID, Transfer(1, target=PROFILE_ID, identifiers=(OTHER,))))
    [absorbed] = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    profiles.command(absorbed)
    profiles.sweep(START + 30 * MINUTE)
    assert profiles.tombstones() == [KEY]
    profiles.sweep(START + 1_000 * HOUR)
    profiles.event(event(START + 1_000 * HOUR, identifiers=(OTHER,), message_id="m1"), OTHER)
    [sent_on] = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    profiles.command(sent_on, START + 1_000 * HOUR)

    [profile] = profiles.read(PROFILES, Profile)
    assert (profile.events, profile.identifiers, profile.deleted) == (2, (VISIT, OTHER), False)


def test_a_profile_with_a_session_and_a_user_stays() -> None:
    profiles = _merged(TO_ANN)
    profiles.event(event(START + 2, identifiers=(ANN, VISIT)), ANN)
    [profile] = profiles.read(PROFILES, Profile)
    assert profile.identifiers == (ANN, VISIT)
    profiles.sweep(START + 10 * HOUR)

    assert profiles.tombstones() == []
    assert [profile.deleted for profile in profiles.read(PROFILES, Profile)] == [False]
    assert profile_key("main", ANNS) in profiles.table


def test_a_session_that_an_unmerge_has_left_alone_vanishes() -> None:
    profiles = visited()
    profiles.command(ProfileCommand.of("main", PROFILE_ID, Rebuild(5, identifiers=(VISIT,))))
    replay = chunk(0, event(START, identifiers=(VISIT,)), profile_id=PROFILE_ID)
    profiles.command(replay, START + 9 * HOUR)
    [profile] = profiles.read(PROFILES, Profile)
    assert (profile.events, profile.deleted) == (1, False)
    profiles.sweep(START + 9 * HOUR + 5 * MINUTE)

    assert [profile.deleted for profile in profiles.read(PROFILES, Profile)] == [True]
    assert profiles.tombstones() == [KEY]
