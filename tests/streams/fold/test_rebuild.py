"""Rebuilding a profile: which replay counts, what waits meanwhile, and what is published in the end."""

import msgspec
import pytest

from definitions import Definitions, compile_program
from schemas.records import Event, Identifier, Rebuild
from streams.fold import rebuild
from streams.fold.entry import Entry, Forward, Rebuilding, decode_entry, encode_entry
from streams.fold.fold import refresh
from streams.fold.lineage import Lineage
from streams.fold.memberships import Memberships
from streams.fold.merge import retire
from streams.fold.moment import Outputs
from streams.fold.ownership import Ownership
from streams.fold.recent_ids import ID_BYTES, id_of
from streams.fold.state import ProfileState
from tests.streams.fold.given import CONTEXT, DAY, HOUR, MINUTE, START, event, fold, identify, transitions

ANN, TABLET, BEN = Identifier("user_id", "ann"), Identifier("anonymous_id", "tablet"), Identifier("user_id", "ben")
NOW = START + 5 * MINUTE


def _begun(entry: Entry | None = None, decision: int = 5) -> Rebuilding:
    rebuilding = rebuild.begin(entry, Rebuild(decision, identifiers=(ANN,), reattributed=(TABLET,)), NOW, Outputs())
    assert rebuilding is not None
    return rebuilding


def _replay(rebuilding: Rebuilding, *events: Event, attempt: str = "r", chunk: int = 0, version: int = 0) -> bool:
    if chunk == 0:
        rebuild.begin_attempt(rebuilding, attempt, version)
    if not rebuild.is_next(rebuilding, attempt, chunk):
        return False
    folded = list(rebuild.replay(rebuilding, events, lambda _: False, CONTEXT, Outputs()))
    assert [number for number, _ in folded] == list(range(len(events)))
    return True


def _message(message_id: str) -> Event:
    return event(START, message_id=message_id)


def _finish(rebuilding: Rebuilding, *published_sessions: str, now: int = NOW) -> tuple[ProfileState, Outputs]:
    out = Outputs(segment_changes=[], sessions={})
    return rebuild.finish(rebuilding, published_sessions, now, CONTEXT, out), out


def test_a_profile_begins_to_wait_with_what_was_published_of_it() -> None:
    state = ProfileState(
        lineage=Lineage(9, rebuilt=4),
        memberships=Memberships({"pro": START}),
        ownership=Ownership(reattributed={"cookie:c": 2}),
    )
    rebuilding = _begun(state)

    assert (rebuilding.kept.lineage, rebuilding.kept.memberships) == (Lineage(9, 5, 5), Memberships({"pro": START}))
    assert rebuilding.kept.identifiers.pairs == [("user_id", "ann")]
    assert rebuilding.kept.ownership.reattributed == {"cookie:c": 2, "anonymous_id:tablet": 5}
    assert decode_entry(encode_entry(rebuilding, 0)) == rebuilding


@pytest.mark.parametrize(
    "entry",
    [
        ProfileState(lineage=Lineage(rebuilt=5)),
        ProfileState(lineage=Lineage(rebuilt=6)),
        Forward("t", 5),
        Forward("t", 6),
        rebuild.begin(None, Rebuild(5), NOW, Outputs()),
        rebuild.begin(None, Rebuild(6), NOW, Outputs()),
    ],
)
def test_an_older_decision_or_the_same_again_changes_nothing(entry: Entry) -> None:
    assert rebuild.begin(entry, Rebuild(5, identifiers=(ANN,)), NOW, Outputs()) is None


def test_a_later_decision_starts_anew_and_keeps_what_is_buffered_and_was_published() -> None:
    first = _begun(ProfileState(lineage=Lineage(9), memberships=Memberships({"pro": START})))
    rebuild.buffer(first, _message("waiting"))
    _replay(first, event(START))
    second = _begun(first, decision=7)

    assert (second.kept.memberships, second.kept.lineage.version) == (Memberships({"pro": START}), 9)
    assert second.buffered == first.buffered
    assert (second.attempt, second.next_chunk, second.shadow, second.sessions) == ("", 0, None, {})


def test_a_forward_can_become_a_profile_again() -> None:
    rebuilding = _begun(Forward("target", 4, 12))

    assert (rebuilding.kept.lineage.version, rebuilding.kept.memberships) == (12, Memberships())


def test_what_is_buffered_is_numbered_and_found_by_its_message() -> None:
    rebuilding = _begun()
    waiting = (_message("m0"), None, _message("m2"), _message("m0"))
    assert [rebuild.buffer(rebuilding, each) for each in waiting] == [0, 1, 2, 3]
    assert rebuild.count_buffered(rebuilding) == 4
    _replay(rebuilding)

    replayed = [event(START, message_id="m0"), event(START, message_id="other")]
    assert rebuild.replayed_already(rebuilding, replayed, ()) == [0, 3]
    assert rebuild.replayed_already(_begun(), replayed, ()) == []


def test_what_came_by_another_identifier_stays_buffered() -> None:
    """It is a repetition, and the warehouse has to hear of that."""
    rebuilding = _begun()
    rebuild.buffer(rebuilding, event(START, message_id="m", identifiers=(TABLET,)))
    _replay(rebuilding)

    assert rebuild.replayed_already(rebuilding, [event(START, message_id="m")], ()) == []


def test_a_hash_across_two_records_is_none_of_them() -> None:
    rebuilding = _begun()
    rebuilding.buffered = b"\0" * 4 + b"".join(id_of(_message("m0"))) + b"\0" * 8
    _replay(rebuilding)

    assert rebuild.replayed_already(rebuilding, [event(START, message_id="m0")], ()) == []


def test_full_blocks_of_what_is_buffered_leave_and_keep_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "BUFFERED_PER_BLOCK", 3)
    rebuilding = _begun()
    blocks: dict[int, bytes] = {}
    for number in range(8):
        assert rebuild.buffer(rebuilding, _message(f"m{number}")) == number
        blocks |= rebuild.full_blocks(rebuilding)
        assert len(rebuilding.buffered) < 3 * ID_BYTES
    rebuilding = _begun(rebuilding, decision=7)
    _replay(rebuilding)

    assert list(blocks) == [0, 1]
    assert rebuild.count_buffered(rebuilding) == 8
    replayed = [event(START, message_id=f"m{number}") for number in (7, 4, 2, 0, 9)]
    assert rebuild.replayed_already(rebuilding, replayed, blocks.values()) == [0, 2, 4, 7]


def test_several_blocks_that_are_full_at_once_leave_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "BUFFERED_PER_BLOCK", 3)
    rebuilding = _begun()
    rebuilding.buffered = b"".join(b"".join(id_of(_message(f"m{number}"))) for number in range(7))
    assert rebuild.buffer(rebuilding, _message("m7")) == 7
    assert [number for number, _ in rebuild.full_blocks(rebuilding)] == [0, 1]
    assert rebuild.count_buffered(rebuilding) == 8


def test_chunks_in_order_are_folded() -> None:
    rebuilding = _begun()
    assert _replay(rebuilding, event(START))
    assert _replay(rebuilding, event(START + 1), event(START + 2), chunk=1)
    state, _ = _finish(rebuilding)

    assert (state.counters.events, state.lineage.rebuilt, state.lineage.decision) == (3, 5, 5)
    assert state.ownership.reattributed == {"anonymous_id:tablet": 5}


@pytest.mark.parametrize(("attempt", "chunk"), [("r", 2), ("r", 1), ("other", 2), ("r", 3)])
def test_a_chunk_that_is_not_the_next_of_its_attempt_is_ignored(attempt: str, chunk: int) -> None:
    rebuilding = _begun()
    _replay(rebuilding, event(START))
    _replay(rebuilding, event(START + 1), chunk=1)
    wrong = (attempt, chunk) != ("r", 2)

    assert _replay(rebuilding, event(START + 2), attempt=attempt, chunk=chunk) is not wrong
    assert _finish(rebuilding)[0].counters.events == (2 if wrong else 3)


def test_a_chunk_before_the_first_is_ignored() -> None:
    assert not _replay(_begun(), event(START), chunk=1)


def test_chunk_0_starts_anew() -> None:
    rebuilding = _begun()
    _replay(rebuilding, event(START), event(START + HOUR))
    assert _replay(rebuilding, event(START), attempt="second")
    state, out = _finish(rebuilding)

    assert state.counters.events == 1
    assert len(out.sessions) == 1


def test_the_state_is_that_of_its_events_as_of_now() -> None:
    events = [event(START), event(START + MINUTE, "Buy")]
    rebuilding = _begun()
    _replay(rebuilding, *events)
    state, _ = _finish(rebuilding)
    plain, _ = fold(events)

    for name in ("counters", "sessions", "aggregates", "memberships", "evaluations"):
        assert getattr(state, name) == getattr(plain, name), name


def test_versions_go_on_after_the_highest_that_anybody_knows() -> None:
    for version in (3, 40):
        rebuilding = _begun(ProfileState(lineage=Lineage(20)))
        _replay(rebuilding, event(START), version=version)
        state, out = _finish(rebuilding)
        assert min(session.version for session in out.sessions.values()) > max(20, version)
        assert state.lineage.version >= max(session.version for session in out.sessions.values())


def test_sessions_that_are_no_more_are_retracted_and_the_others_published() -> None:
    gone, stays = f"{CONTEXT.profile_id}-{START - HOUR}", f"{CONTEXT.profile_id}-{START}"
    late = f"{CONTEXT.profile_id}-{START - 2 * HOUR}-5aa1"
    rebuilding = _begun()
    _replay(rebuilding, event(START))
    _, out = _finish(rebuilding, gone, stays, late, now=START + HOUR)

    published = {identity: (session.status, session.started_at) for identity, session in out.sessions.items()}
    assert published == {
        gone: ("retracted", START - HOUR), late: ("retracted", START - 2 * HOUR), stays: ("closed", START)
    }  # fmt: skip


def test_memberships_are_published_as_differences() -> None:
    events = [*(event(START + number) for number in range(3)), event(START + MINUTE, "Buy")]
    rebuilding = _begun(ProfileState(memberships=Memberships({"pro": START - HOUR, "pro_or_viewing": START - HOUR})))
    _replay(rebuilding, *events)
    state, out = _finish(rebuilding)

    assert transitions(out.segment_changes) == [("pro", "exited", state.as_of), ("frequent", "entered", START + 2)]
    assert {change.cause for change in out.segment_changes} == {"rebuild"}
    assert state.memberships.entered_at == {"pro_or_viewing": START - HOUR, "frequent": START + 2}


@pytest.mark.parametrize("events", [[], [event(START)]], ids=["nobody is left", "who is left has other events"])
def test_nobody_leaves_before_the_entry_that_another_profile_s_events_had_led_to(events: list[Event]) -> None:
    rebuilding = _begun(ProfileState(memberships=Memberships({"pro": START + DAY})))
    _replay(rebuilding, *events)
    _, out = _finish(rebuilding)

    assert ("pro", "exited", START + DAY) in transitions(out.segment_changes)


@pytest.mark.parametrize("how", ["event", "definition", "merge"])
def test_who_stays_since_another_profile_s_events_leaves_later_not_before_that(how: str) -> None:
    rebuilding = _begun(ProfileState(memberships=Memberships({"pro": START + DAY})))
    _replay(rebuilding, identify(START, {"plan": "pro"}))
    state, out = _finish(rebuilding)
    assert state.memberships.entered_at["pro"] == START + DAY > state.as_of

    if how == "event":
        _, out = fold([identify(START + 10 * MINUTE, {"plan": "free"})], state)
    elif how == "definition":
        undefined = msgspec.structs.replace(CONTEXT, program=compile_program(Definitions()))
        refresh(state, undefined, out)
    else:
        retire(state, CONTEXT, out)
    assert ("pro", "exited", START + DAY) in transitions(out.segment_changes)


def test_who_left_in_the_meantime_is_not_entered() -> None:
    rebuilding = _begun()
    _replay(rebuilding, *(event(START + number) for number in range(3)))
    state, out = _finish(rebuilding, now=START + 10 * HOUR)

    assert [(change.segment, change.change) for change in out.segment_changes] == [("quiet", "entered")]
    assert state.memberships.entered_at.keys() == {"quiet"}


def test_an_empty_profile_is_left_when_nothing_was_replayed() -> None:
    session = f"{CONTEXT.profile_id}-{START}"
    rebuilding = _begun(ProfileState(lineage=Lineage(7), memberships=Memberships({"pro": START})))
    _replay(rebuilding)
    state, out = _finish(rebuilding, session)

    assert (state.counters.events, state.memberships.entered_at) == (0, {})
    assert [(change.segment, change.change) for change in out.segment_changes] == [("pro", "exited")]
    assert [session.status for session in out.sessions.values()] == ["retracted"]
    assert all(change.version > 7 for change in out.segment_changes)
    assert all(session.version > 7 for session in out.sessions.values())


def test_a_message_in_two_chunks_counts_once() -> None:
    rebuilding = _begun()
    _replay(rebuilding, event(START, message_id="m"))
    _replay(rebuilding, event(START, message_id="m"), chunk=1)

    assert _finish(rebuilding)[0].counters.events == 1


def test_what_is_buffered_survives_the_store_between_chunks() -> None:
    rebuilding = _begun()
    rebuild.buffer(rebuilding, _message("waiting"))
    _replay(rebuilding, event(START))
    stored = decode_entry(encode_entry(rebuilding, 0))
    assert isinstance(stored, Rebuilding)
    _replay(stored, event(START + 1), chunk=1)

    assert _finish(stored)[0].counters.events == 2
    assert stored.buffered == rebuilding.buffered
