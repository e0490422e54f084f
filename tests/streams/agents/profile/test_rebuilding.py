"""A profile under rebuild: what is buffered, which chunks count, and what is published in the end."""

import msgspec
import pytest

import schemas.records
from definitions import compile_program
from definitions.model import Call, Definitions, EventMatcher, Trigger
from schemas.records import Event, Profile, ProfileCommand, Rebuild, SegmentChange, Session, Transfer
from schemas.topics import PROFILE_COMMANDS, PROFILES, SEGMENTS, SESSIONS, TRIGGERS
from streams import metrics
from streams.adoption import unchanging
from streams.fold import rebuild
from tests.streams.agents.profile.partition import ANN, ANNS, OTHER_ID, PROFILE_ID, ProfilePartition, chunk, unmerged
from tests.streams.fold.given import HOUR, START, event, identify


def test_nothing_is_published_while_a_profile_waits() -> None:
    profiles = unmerged()
    assert profiles.published == []
    profiles.event(event(START + 1, message_id="m1"), ANN)
    assert profiles.published == []
    profiles.command(chunk(0, event(START, message_id="m0"), last=False))
    assert profiles.published == []
    profiles.sweep(START + 10 * HOUR)
    assert profiles.published == []


def test_what_was_buffered_is_folded_after_the_replay_and_once() -> None:
    profiles = unmerged()
    for message_id in ("m1", "m2"):
        profiles.event(event(START + 1, message_id=message_id), ANN)
    profiles.command(chunk(0, event(START, message_id="m0"), event(START + 1, message_id="m1")))

    [profile] = profiles.read(PROFILES, Profile)
    assert profile.events == 3
    assert not [key for key in profiles.table if b"#" in key and b"#i" not in key]


def test_triggers_of_what_came_meanwhile_fire_when_the_replay_is_done_whichever_chunk_has_it() -> None:
    trigger = Trigger("failed", on=EventMatcher((Call("track", "Payment Failed"),)))
    profiles = unmerged(unchanging(compile_program(Definitions(triggers=(trigger,))), ["main"]))
    failed = [event(START + at, "Payment Failed", message_id=f"f{at}") for at in (-2, -1, 1, 2)]
    for each in failed[1:]:
        profiles.event(each, ANN)
    profiles.command(chunk(0, *failed[:2], event(START, message_id="m0"), failed[2], last=False))
    assert profiles.published == []
    profiles.command(chunk(1, failed[3], last=False))
    profiles.command(chunk(2))

    assert [(record.cause, record.fired_at) for record in profiles.read(TRIGGERS, schemas.records.FiredTrigger)] == [
        ("f-1", START - 1), ("f1", START + 1), ("f2", START + 2)
    ]  # fmt: skip


def test_what_a_chunk_has_replayed_waits_no_longer() -> None:
    profiles = unmerged()
    for message_id in ("m1", "m2"):
        profiles.event(event(START + 1, message_id=message_id), ANN)
    profiles.command(chunk(0, event(START + 1, message_id="m1"), last=False))

    assert [key.rpartition(b"#")[2] for key in profiles.table if b"#" in key] == [b"1", b"s0"]


def test_what_is_buffered_is_folded_once_in_order_however_much_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "BUFFERED_PER_BLOCK", 3)
    profiles = unmerged()
    for number in range(1, 12):
        profiles.event(event(START + number, message_id=f"m{number}"), ANN)
    profiles.command(chunk(0, *(event(START + number, message_id=f"m{number}") for number in (0, 2, 5)), last=False))
    profiles.command(chunk(1, *(event(START + number, message_id=f"m{number}") for number in (6, 11))))

    [profile] = profiles.read(PROFILES, Profile)
    assert profile.events == 12
    assert not [key for key in profiles.table if b"#" in key and b"#i" not in key]


def test_what_a_profile_does_not_keep_of_a_replay_is_counted_as_well() -> None:
    profiles = unmerged()
    profiles.command(chunk(0, identify(START, {"n" * 257: 1})))

    assert profiles.tally[metrics.DROPPED, ("main", "trait", "too_long")] == 1


def _visits(number: int) -> list[Event]:
    """A thousand sessions of one event each, the next ones for the next number."""
    page = {"page": {"url": "https://shop.example/" + "x" * 900}}
    times = [START + (number * 1_000 + visit) * HOUR for visit in range(1_000)]
    return [event(at, message_id=f"m{at}", context=page) for at in times]


def test_sessions_of_a_replay_take_no_more_of_a_record_the_more_there_are() -> None:
    profiles = unmerged()
    sizes = []
    for number in range(6):
        profiles.command(chunk(number, *_visits(number), last=False))
        sizes.append(max(map(len, profiles.table.values())))
    earlier = (f"{ANNS}-{START - HOUR}", f"{ANNS}-{START}")
    profiles.command(chunk(6, last=False, sessions=earlier))
    profiles.command(chunk(7), START + 6_001 * HOUR)

    assert sizes[-1] < 1.1 * sizes[1]
    sessions = profiles.read(SESSIONS, Session)
    assert len(sessions) == 6_001
    assert [session.session_id for session in sessions if session.status == "retracted"] == [earlier[0]]
    assert {session.status for session in sessions if session.session_id != earlier[0]} == {"closed"}
    assert not [key for key in profiles.table if b"#" in key and b"#i" not in key]


def test_a_replay_that_starts_anew_leaves_nothing_of_the_one_before() -> None:
    profiles = unmerged()
    for number in range(3):
        profiles.command(chunk(number, event(START + number * HOUR, message_id=f"m{number}"), last=False, attempt="a"))
    profiles.command(chunk(0, event(START, message_id="m0"), last=False, attempt="b"))
    assert [key.rpartition(b"#")[2] for key in profiles.table if b"#" in key] == [b"s0"]
    profiles.command(chunk(1, attempt="b"))
    assert [session.started_at for session in profiles.read(SESSIONS, Session)] == [START]


def test_a_later_decision_leaves_nothing_of_the_replay_before() -> None:
    profiles = unmerged()
    profiles.command(chunk(0, event(START, message_id="m0"), last=False))
    profiles.command(ProfileCommand.of("main", ANNS, Rebuild(6, identifiers=(ANN,))))

    assert not [key for key in profiles.table if b"#" in key and b"#i" not in key]


def test_a_replay_of_another_decision_or_to_a_profile_that_does_not_wait_is_ignored() -> None:
    profiles = unmerged()
    profiles.command(chunk(0, event(START), decision=4))
    assert profiles.published == []
    other = ProfilePartition()
    other.command(chunk(0, event(START)))
    assert other.published == []


def test_a_profile_without_events_after_an_unmerge_is_published_as_deleted() -> None:
    profiles = unmerged()
    profiles.command(chunk(0))

    [profile] = profiles.read(PROFILES, Profile)
    assert (profile.deleted, profile.identifiers, profile.events) == (True, (ANN,), 0)
    assert [change.change for change in profiles.read(SEGMENTS, SegmentChange)] == ["exited"]


def test_a_buffered_transfer_is_obeyed_after_the_replay() -> None:
    profiles = unmerged()
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(6, target=PROFILE_ID, identifiers=(ANN,))))
    assert profiles.published == []
    profiles.command(chunk(0, event(START, message_id="m0")))

    [record] = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    assert record.absorb is not None
    assert (record.profile_id, record.absorb.decision) == (PROFILE_ID, 6)
    assert [profile.merged_into for profile in profiles.read(PROFILES, Profile)] == [PROFILE_ID]


def test_a_transfer_from_before_the_unmerge_is_not() -> None:
    profiles = unmerged()
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(4, target=PROFILE_ID, identifiers=(ANN,))))
    profiles.command(chunk(0, event(START, message_id="m0")))

    assert profiles.read(PROFILE_COMMANDS, ProfileCommand) == []
    assert [profile.events for profile in profiles.read(PROFILES, Profile)] == [1]


OUTDATES = Transfer(6, target=PROFILE_ID, identifiers=(ANN,), outdates=True)


def test_a_profile_whose_events_are_replayed_elsewhere_waits_for_its_own_replay_no_longer() -> None:
    profiles = unmerged()
    profiles.event(event(START + 1, message_id="m1"), ANN)
    profiles.command(chunk(0, event(START, message_id="m0"), last=False))
    profiles.command(ProfileCommand.of("main", ANNS, OUTDATES))

    assert [profile.merged_into for profile in profiles.read(PROFILES, Profile)] == [PROFILE_ID]
    assert [change.change for change in profiles.read(SEGMENTS, SegmentChange)] == ["exited"]
    assert profiles.folds() == [(PROFILE_ID, 6)]
    assert not [key for key in profiles.table if b"#" in key]
    profiles.command(chunk(1, attempt="r"))
    assert profiles.published == []
    profiles.event(event(START + 2, message_id="m2"), ANN)
    assert profiles.folds() == [(PROFILE_ID, 6)]


def test_what_was_buffered_before_is_led_to_where_the_later_decision_says() -> None:
    profiles = unmerged()
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(6, target=OTHER_ID, identifiers=(ANN,))))
    profiles.command(ProfileCommand.of("main", ANNS, msgspec.structs.replace(OUTDATES, decision=7)))

    assert profiles.read(PROFILE_COMMANDS, ProfileCommand) == []
    assert [profile.merged_into for profile in profiles.read(PROFILES, Profile)] == [PROFILE_ID]


def test_a_profile_that_nobody_knows_of_gives_way_in_silence() -> None:
    profiles = ProfilePartition()
    profiles.command(ProfileCommand.of("main", ANNS, Rebuild(5, identifiers=(ANN,))))
    profiles.command(ProfileCommand.of("main", ANNS, OUTDATES))

    assert profiles.published == []
    profiles.event(event(START, message_id="m0"), ANN)
    assert profiles.folds() == [(PROFILE_ID, 6)]


@pytest.mark.parametrize(
    "void",
    [
        msgspec.structs.replace(OUTDATES, decision=4),
        msgspec.structs.replace(OUTDATES, target=ANNS),
        msgspec.structs.replace(OUTDATES, identifiers=()),
    ],
)
def test_a_transfer_that_means_nothing_changes_nothing_about_the_wait(void: Transfer) -> None:
    profiles = unmerged()
    profiles.command(ProfileCommand.of("main", ANNS, void))
    profiles.command(chunk(0, event(START, message_id="m0")))

    assert [profile.events for profile in profiles.read(PROFILES, Profile)] == [1]
