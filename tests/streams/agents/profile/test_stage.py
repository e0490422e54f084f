"""ProfileStage on a store in memory: profiles that vanish with their session, and profiles that come out of a split."""

import uuid
from typing import Literal, TypeVar

import msgspec
import pytest

from identity.rules import DEFAULT_RULES
from schemas.codec import Codec
from schemas.identity import default_profile_id, profile_key
from schemas.records import (
    Advance,
    Event,
    Fold,
    Identifier,
    Profile,
    ProfileCommand,
    Rebuild,
    Replay,
    SegmentChange,
    Session,
    Transfer,
)
from schemas.topics import EVENTS_RESOLVED, PROFILE_COMMANDS, PROFILES, SEGMENTS, SESSIONS
from settings import Workspace
from streams.agents.profile.stage import ProfileStage
from streams.fold import rebuild
from streams.phases import Output, Received, Record, decode, fold
from streams.state.view import StateView
from tests.schemas.fixed import FixedSchemas
from tests.streams.fold.definitions import PROGRAM
from tests.streams.fold.given import HOUR, MINUTE, START, event
from tests.streams.world.world import Table

NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
VISIT, ANN = Identifier("session_id", "s1"), Identifier("user_id", "ann")
OTHER = Identifier("session_id", "s2")
PROFILE_ID, ANNS = default_profile_id(NAMESPACE, VISIT), default_profile_id(NAMESPACE, ANN)
OTHER_ID = default_profile_id(NAMESPACE, OTHER)
KEY = profile_key("main", PROFILE_ID)

Told = TypeVar("Told", bound=msgspec.Struct)


class Stage:
    """One partition of PROFILE; `told` is what the last call left on the topics."""

    def __init__(self, clock: Literal["wall", "event"] = "wall") -> None:
        self.codec = Codec(FixedSchemas())
        workspaces = {"main": Workspace("main", NAMESPACE, clock)}
        self._stage = ProfileStage(workspaces, PROGRAM, DEFAULT_RULES, self.codec)
        self.table = Table(self._stage)
        self.told: list[Output] = []

    def event(self, sent: Event, to: Identifier, now: int | None = None) -> None:
        key = profile_key("main", default_profile_id(NAMESPACE, to))
        value = self.codec.encoder(Event)(sent)
        self._fold([Record(EVENTS_RESOLVED, 0, 0, key, value)], now or sent.occurred_at)

    def command(self, command: ProfileCommand, now: int = START) -> None:
        key = profile_key("main", command.profile_id)
        self._fold([Record(PROFILE_COMMANDS, 0, 0, key, self.codec.encoder(ProfileCommand)(command))], now)

    def clock(self, to: int, now: int) -> None:
        command = self.codec.encoder(ProfileCommand)(ProfileCommand.of("main", "", Advance(to=to)))
        self._fold([Record(PROFILE_COMMANDS, 0, 0, None, command)], now)

    def sweep(self, now: int) -> None:
        self._fold([], now)

    def _fold(self, records: list[Record], now: int) -> None:
        folded = fold(self._stage, decode(self._stage, Received(records, {}, now)), StateView(self.table)).effects
        for key, value in folded.view.changes.items():
            self.table.put(key, value)
        self.told = list(folded.outputs)

    def read(self, topic: str, kind: type[Told]) -> list[Told]:
        """What was told on a topic, without tombstones."""
        return [
            self.codec.decode(kind, output.value)
            for output in self.told
            if output.topic == topic and output.value is not None
        ]

    def folds(self) -> list[tuple[str, int]]:
        """To which profiles events were sent on, and by which decisions."""
        commands = self.read(PROFILE_COMMANDS, ProfileCommand)
        return [(record.profile_id, record.fold.decision) for record in commands if record.fold is not None]

    def tombstones(self) -> list[bytes | None]:
        """Keys of the profiles that are to be forgotten."""
        return [output.key for output in self.told if output.topic == PROFILES and output.value is None]


def _visited() -> Stage:
    stage = Stage()
    stage.event(event(START, identifiers=(VISIT,)), VISIT)
    return stage


def test_a_profile_of_a_session_alone_lives_while_the_session_does() -> None:
    stage = _visited()
    stage.event(event(START + 29 * MINUTE, identifiers=(VISIT,)), VISIT)
    stage.sweep(START + 31 * MINUTE)

    [profile] = _visited().read(PROFILES, Profile)
    assert (profile.deleted, profile.identifiers) == (False, (VISIT,))
    assert KEY in stage.table
    assert stage.read(PROFILES, Profile) == []
    assert stage.tombstones() == []


def test_it_does_not_vanish_when_only_a_window_ends() -> None:
    stage = Stage()
    for at in (START - 50 * MINUTE, START - 50 * MINUTE + 1, START):
        stage.event(event(at, identifiers=(VISIT,)), VISIT)
    stage.sweep(START + 10 * MINUTE)

    changes = stage.read(SEGMENTS, SegmentChange)
    assert [(change.segment, change.change, change.cause) for change in changes] == [("frequent", "exited", "deadline")]
    assert stage.tombstones() == []
    assert KEY in stage.table


def test_it_vanishes_when_the_session_ends() -> None:
    stage = _visited()
    stage.sweep(START + 30 * MINUTE)

    [profile] = stage.read(PROFILES, Profile)
    assert (profile.deleted, profile.profile_id, profile.identifiers) == (True, PROFILE_ID, (VISIT,))
    assert stage.tombstones() == [KEY]
    assert [output.value is None for output in stage.told if output.topic == PROFILES] == [False, True]
    [session] = stage.read(SESSIONS, Session)
    assert session.status == "closed"
    changes = stage.read(SEGMENTS, SegmentChange)
    assert [(change.segment, change.change, change.cause) for change in changes] == [
        ("pro_or_viewing", "exited", "session_end")
    ]
    assert profile.version > max(changes[0].version, session.version)


def test_a_session_that_comes_back_goes_on_behind_what_was_told_of_it() -> None:
    stage = _visited()
    stage.sweep(START + 30 * MINUTE)
    [deleted] = stage.read(PROFILES, Profile)
    stage.event(event(START + HOUR, identifiers=(VISIT,), message_id="later"), VISIT)

    [profile] = stage.read(PROFILES, Profile)
    assert (profile.events, profile.deleted) == (2, False)
    assert profile.version > deleted.version
    assert [(change.segment, change.change) for change in stage.read(SEGMENTS, SegmentChange)] == [
        ("pro_or_viewing", "entered")
    ]
    stage.sweep(START + 90 * MINUTE)
    assert [profile.deleted for profile in stage.read(PROFILES, Profile)] == [True]


def test_a_retry_after_a_profile_has_vanished_counts_nothing() -> None:
    stage = _visited()
    stage.sweep(START + 30 * MINUTE)
    stage.event(event(START, identifiers=(VISIT,)), VISIT)

    assert stage.told == []


def test_a_vanished_profile_is_forgotten_after_the_lateness_bound_and_nobody_is_told() -> None:
    stage = _visited()
    stage.sweep(START + 30 * MINUTE)
    stage.sweep(START + 24 * HOUR + 29 * MINUTE)
    assert KEY in stage.table
    stage.sweep(START + 24 * HOUR + 30 * MINUTE)

    assert KEY not in stage.table
    assert stage.told == []


def test_an_event_clock_that_runs_ahead_does_not_forget_a_vanished_profile() -> None:
    stage = Stage("event")
    stage.event(event(START, identifiers=(VISIT,)), VISIT)
    stage.clock(START + 40 * HOUR, now=START)
    assert stage.tombstones() == [KEY]
    for hours in (80, 200, 10_000):
        stage.clock(START + hours * HOUR, now=START)
        assert KEY in stage.table
        assert stage.table.due("main", START + hours * HOUR, 1) == []
    stage.clock(START + 30_000 * HOUR, now=START + 24 * HOUR)

    assert KEY not in stage.table


def test_a_visit_of_long_ago_waits_for_what_is_decided_about_it() -> None:
    stage = Stage()
    stage.event(event(START, identifiers=(VISIT,)), VISIT, now=START + 9 * HOUR)
    stage.sweep(START + 9 * HOUR + 5 * MINUTE - 1)
    assert stage.tombstones() == []
    stage.sweep(START + 9 * HOUR + 5 * MINUTE)

    assert stage.tombstones() == [KEY]


def test_a_person_of_whom_only_a_session_has_come_yet_does_not_vanish() -> None:
    stage = _visited()
    stage.command(ProfileCommand.of("main", PROFILE_ID, Transfer(1, target=ANNS, identifiers=(VISIT,))), START + 1)
    [absorbed] = stage.read(PROFILE_COMMANDS, ProfileCommand)
    stage.command(absorbed, START + 1)
    stage.sweep(START + HOUR)
    assert stage.tombstones() == []
    stage.event(event(START + HOUR, identifiers=(ANN, VISIT), message_id="m1"), ANN)

    assert [profile.events for profile in stage.read(PROFILES, Profile)] == [2]


def test_a_vanished_profile_that_proves_to_be_somebodys_brings_its_events() -> None:
    stage = _visited()
    stage.sweep(START + 30 * MINUTE)
    stage.command(ProfileCommand.of("main", PROFILE_ID, Transfer(1, target=ANNS, identifiers=(VISIT,))), START + HOUR)
    assert [session.status for session in stage.read(SESSIONS, Session)] == ["retracted"]
    [absorbed] = stage.read(PROFILE_COMMANDS, ProfileCommand)
    stage.command(absorbed, START + HOUR)

    assert [profile.events for profile in stage.read(PROFILES, Profile)] == [1]


def test_a_vanished_profile_to_which_a_forward_leads_is_never_forgotten() -> None:
    stage = _visited()
    stage.command(ProfileCommand.of("main", OTHER_ID, Transfer(1, target=PROFILE_ID, identifiers=(OTHER,))))
    [absorbed] = stage.read(PROFILE_COMMANDS, ProfileCommand)
    stage.command(absorbed)
    stage.sweep(START + 30 * MINUTE)
    assert stage.tombstones() == [KEY]
    stage.sweep(START + 1_000 * HOUR)
    stage.event(event(START + 1_000 * HOUR, identifiers=(OTHER,), message_id="m1"), OTHER)
    [sent_on] = stage.read(PROFILE_COMMANDS, ProfileCommand)
    stage.command(sent_on, START + 1_000 * HOUR)

    [profile] = stage.read(PROFILES, Profile)
    assert (profile.events, profile.identifiers, profile.deleted) == (2, (VISIT, OTHER), False)


def test_what_a_forward_sent_on_stays_where_nothing_is_known_of_it() -> None:
    stage = Stage()
    stage.command(_sent_on(decision=1))

    assert stage.read(PROFILE_COMMANDS, ProfileCommand) == []
    assert [profile.events for profile in stage.read(PROFILES, Profile)] == [1]


def test_what_a_forward_sent_on_before_its_identifier_was_parted_goes_home() -> None:
    stage = _unmerged()
    stage.command(_chunk(0, event(START, message_id="m0")))
    stage.command(_sent_on(ANNS, decision=4))

    assert stage.folds() == [(PROFILE_ID, 0)]


def test_an_event_keeps_the_decision_of_its_own_profile_through_other_forwards() -> None:
    stage = Stage()
    stage.command(ProfileCommand.of("main", ANNS, Transfer(7, target=PROFILE_ID, identifiers=(ANN,))))
    for decision in (0, 4):
        stage.command(_sent_on(ANNS, decision))
        assert stage.folds() == [(PROFILE_ID, decision)]
    stage.command(_own_to(ANNS))
    assert stage.folds() == [(PROFILE_ID, 7)]


def _own_to(to: str) -> ProfileCommand:
    sent = event(START, identifiers=(ANN,), message_id="own")
    return ProfileCommand.of("main", to, Fold(event=Codec(FixedSchemas()).encoder(Event)(sent)))


def _sent_on(to: str = PROFILE_ID, decision: int = 0) -> ProfileCommand:
    sent = event(START, identifiers=(OTHER if to == PROFILE_ID else VISIT,), message_id="sent_on")
    return ProfileCommand.of("main", to, Fold(decision=decision, event=Codec(FixedSchemas()).encoder(Event)(sent)))


def test_a_profile_with_a_session_and_a_user_stays() -> None:
    stage = _visited()
    stage.command(ProfileCommand.of("main", PROFILE_ID, Transfer(1, target=ANNS, identifiers=(VISIT,))), START + 1)
    [absorbed] = stage.read(PROFILE_COMMANDS, ProfileCommand)
    stage.command(absorbed, START + 1)
    stage.event(event(START + 2, identifiers=(ANN, VISIT)), ANN)
    [profile] = stage.read(PROFILES, Profile)
    assert profile.identifiers == (ANN, VISIT)
    stage.sweep(START + 10 * HOUR)

    assert stage.tombstones() == []
    assert [profile.deleted for profile in stage.read(PROFILES, Profile)] == [False]
    assert profile_key("main", ANNS) in stage.table


def _chunk(  # noqa: PLR0913 - what differs between chunks
    number: int,
    *sent: Event,
    last: bool = True,
    attempt: str = "r",
    decision: int = 5,
    sessions: tuple[str, ...] = (),
    profile_id: str = ANNS,
) -> ProfileCommand:
    events = tuple(map(Codec(FixedSchemas()).encoder(Event), sent))
    replay = Replay(decision, attempt=attempt, chunk=number, last=last, events=events, sessions=sessions)
    return ProfileCommand.of("main", profile_id, replay)


def _unmerged() -> Stage:
    """Ann's profile has one event and was told to wait for its replay."""
    stage = Stage()
    stage.event(event(START, message_id="m0"), ANN)
    stage.command(ProfileCommand.of("main", ANNS, Rebuild(5, identifiers=(ANN,))))
    return stage


def test_nothing_is_told_while_a_profile_waits() -> None:
    stage = _unmerged()
    assert stage.told == []
    stage.event(event(START + 1, message_id="m1"), ANN)
    assert stage.told == []
    stage.command(_chunk(0, event(START, message_id="m0"), last=False))
    assert stage.told == []
    stage.sweep(START + 10 * HOUR)
    assert stage.told == []


def test_what_was_put_aside_is_folded_after_the_replay_and_once() -> None:
    stage = _unmerged()
    for message_id in ("m1", "m2"):
        stage.event(event(START + 1, message_id=message_id), ANN)
    stage.command(_chunk(0, event(START, message_id="m0"), event(START + 1, message_id="m1")))

    [profile] = stage.read(PROFILES, Profile)
    assert profile.events == 3
    assert not [key for key in stage.table if b"#" in key]


def test_what_a_part_has_replayed_waits_no_longer() -> None:
    stage = _unmerged()
    for message_id in ("m1", "m2"):
        stage.event(event(START + 1, message_id=message_id), ANN)
    stage.command(_chunk(0, event(START + 1, message_id="m1"), last=False))

    assert [key.rpartition(b"#")[2] for key in stage.table if b"#" in key] == [b"1", b"s0"]


def test_what_waits_is_folded_once_in_order_whatever_number_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "ASIDE_PER_CHUNK", 3)
    stage = _unmerged()
    for number in range(1, 12):
        stage.event(event(START + number, message_id=f"m{number}"), ANN)
    stage.command(_chunk(0, *(event(START + number, message_id=f"m{number}") for number in (0, 2, 5)), last=False))
    stage.command(_chunk(1, *(event(START + number, message_id=f"m{number}") for number in (6, 11))))

    [profile] = stage.read(PROFILES, Profile)
    assert profile.events == 12
    assert not [key for key in stage.table if b"#" in key]


def _visits(number: int) -> list[Event]:
    """A thousand sessions of one event each, the next ones for the next number."""
    page = {"page": {"url": "https://shop.example/" + "x" * 900}}
    times = [START + (number * 1_000 + visit) * HOUR for visit in range(1_000)]
    return [event(at, message_id=f"m{at}", context=page) for at in times]


def test_sessions_of_a_replay_take_no_more_of_a_record_the_more_there_are() -> None:
    stage = _unmerged()
    sizes = []
    for number in range(6):
        stage.command(_chunk(number, *_visits(number), last=False))
        sizes.append(max(map(len, stage.table.values())))
    known = (f"{ANNS}-{START - HOUR}", f"{ANNS}-{START}")
    stage.command(_chunk(6, last=False, sessions=known))
    stage.command(_chunk(7), START + 6_001 * HOUR)

    assert sizes[-1] < 1.1 * sizes[1]
    told = stage.read(SESSIONS, Session)
    assert len(told) == 6_001
    assert [one.session_id for one in told if one.status == "retracted"] == [known[0]]
    assert {one.status for one in told if one.session_id != known[0]} == {"closed"}
    assert not [key for key in stage.table if b"#" in key]


def test_a_replay_that_starts_anew_leaves_nothing_of_the_one_before() -> None:
    stage = _unmerged()
    for number in range(3):
        stage.command(_chunk(number, event(START + number * HOUR, message_id=f"m{number}"), last=False, attempt="a"))
    stage.command(_chunk(0, event(START, message_id="m0"), last=False, attempt="b"))
    assert [key.rpartition(b"#")[2] for key in stage.table if b"#" in key] == [b"s0"]
    stage.command(_chunk(1, attempt="b"))
    assert [one.started_at for one in stage.read(SESSIONS, Session)] == [START]


def test_a_later_decision_leaves_nothing_of_the_replay_before() -> None:
    stage = _unmerged()
    stage.command(_chunk(0, event(START, message_id="m0"), last=False))
    stage.command(ProfileCommand.of("main", ANNS, Rebuild(6, identifiers=(ANN,))))

    assert not [key for key in stage.table if b"#" in key]


def test_a_replay_of_another_decision_or_to_nobody_is_ignored() -> None:
    stage = _unmerged()
    stage.command(_chunk(0, event(START), decision=4))
    assert stage.told == []
    other = Stage()
    other.command(_chunk(0, event(START)))
    assert other.told == []


def test_a_profile_without_events_after_a_split_is_told_as_deleted() -> None:
    stage = _unmerged()
    stage.command(_chunk(0))

    [profile] = stage.read(PROFILES, Profile)
    assert (profile.deleted, profile.identifiers, profile.events) == (True, (ANN,), 0)
    assert [change.change for change in stage.read(SEGMENTS, SegmentChange)] == ["exited"]


def test_a_transfer_that_waited_is_obeyed_after_the_replay() -> None:
    stage = _unmerged()
    stage.command(ProfileCommand.of("main", ANNS, Transfer(6, target=PROFILE_ID, identifiers=(ANN,))))
    assert stage.told == []
    stage.command(_chunk(0, event(START, message_id="m0")))

    [record] = stage.read(PROFILE_COMMANDS, ProfileCommand)
    assert record.absorb is not None
    assert (record.profile_id, record.absorb.decision) == (PROFILE_ID, 6)
    assert [profile.merged_into for profile in stage.read(PROFILES, Profile)] == [PROFILE_ID]


def test_a_transfer_from_before_the_split_is_not() -> None:
    stage = _unmerged()
    stage.command(ProfileCommand.of("main", ANNS, Transfer(4, target=PROFILE_ID, identifiers=(ANN,))))
    stage.command(_chunk(0, event(START, message_id="m0")))

    assert stage.read(PROFILE_COMMANDS, ProfileCommand) == []
    assert [profile.events for profile in stage.read(PROFILES, Profile)] == [1]


def test_a_session_that_a_split_has_left_alone_vanishes() -> None:
    stage = _visited()
    stage.command(ProfileCommand.of("main", PROFILE_ID, Rebuild(5, identifiers=(VISIT,))))
    replay = _chunk(0, event(START, identifiers=(VISIT,)), profile_id=PROFILE_ID)
    stage.command(replay, START + 9 * HOUR)
    [profile] = stage.read(PROFILES, Profile)
    assert (profile.events, profile.deleted) == (1, False)
    stage.sweep(START + 9 * HOUR + 5 * MINUTE)

    assert [profile.deleted for profile in stage.read(PROFILES, Profile)] == [True]
    assert stage.tombstones() == [KEY]
