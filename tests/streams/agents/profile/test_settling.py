"""What comes late on the wall clock: how long it is held back, what it becomes then, and who need not wait."""

from collections.abc import Iterable

import pytest

from definitions import Definitions, compile_program
from definitions.model import AllOf, Call, EventCount, EventMatcher, Not, Segment, Trigger, Window
from schemas.records import Absorb, Event, FiredTrigger, Fold, Profile, ProfileCommand, Rebuild, SegmentChange, Transfer
from schemas.topics import PROFILE_COMMANDS, PROFILES, SEGMENTS, TRIGGERS
from settings import SETTLING_MS
from state.store import HELD
from streams import metrics
from streams.adoption import Adopt, unchanging
from streams.agents.profile import settling
from streams.agents.profile.clocks import CATCHES_UP_WITHIN_MS, MERGE_MS, PARTITIONS_APART_MS
from streams.fold.fold import advance, fold_event
from streams.fold.moment import Outputs
from streams.fold.state import ProfileState
from tests.streams.agents.profile.partition import ANN, ANNS, OTHER_ID, PROFILE_ID, VISIT, ProfilePartition, chunk
from tests.streams.fold.definitions import PROGRAM
from tests.streams.fold.given import CONTEXT, HOUR, MINUTE, START, event

SECOND = 1_000
NOW = START + 10 * HOUR
SETTLED = NOW + SETTLING_MS + settling.MERGES_WITHIN_MS
QUIET = NOW + 20 * SECOND  # nothing is waited for by then

ADDS, PAYS = EventMatcher((Call("track", "Add"),)), EventMatcher((Call("track", "Pay"),))
ABANDONED_CARTS = Segment(
    "abandoned",
    AllOf(
        (
            EventCount(ADDS, Window(24 * HOUR)),
            Not(EventCount(ADDS, Window(HOUR))),
            Not(EventCount(PAYS, Window(24 * HOUR))),
        )
    ),
)
ABANDONED = compile_program(Definitions((ABANDONED_CARTS,)))

Changes = list[tuple[str, str, int]]


def _late(at: int, name: str = "View", ordinal: int = 0) -> Event:
    """An event that is received now."""
    return event(at, name, received_at=NOW, ordinal=ordinal)


VIEWS = [_late(START + minutes * MINUTE) for minutes in (0, 20, 40, 100, 100, 160)]


def _published(profiles: ProfilePartition) -> Changes:
    return [(each.segment, each.change, each.changed_at) for each in profiles.read(SEGMENTS, SegmentChange)]


def _published_in_time(events: Iterable[Event], until: int) -> Changes:
    state, out = ProfileState(), Outputs()
    for each in events:
        fold_event(state, each, CONTEXT, out)
    advance(state, until, CONTEXT, out)
    return [(each.segment, each.change, each.changed_at) for each in out.segment_changes]


def _events(profiles: ProfilePartition) -> list[int]:
    return [profile.events for profile in profiles.read(PROFILES, Profile)]


def _held(profiles: ProfilePartition) -> int:
    assert len([key for key in profiles.table if b"#e" in key]) == int(profiles.table.get(HELD, b"0"))
    return int(profiles.table.get(HELD, b"0"))


def test_an_event_on_time_is_folded_at_once() -> None:
    profiles = ProfilePartition()
    profiles.event(_late(NOW - 59 * SECOND), ANN, NOW)

    assert _events(profiles) == [1]


def test_what_comes_late_is_published_when_it_has_settled_as_if_it_had_come_in_time() -> None:
    profiles = ProfilePartition()
    for number in (3, 0, 5, 2, 1):
        profiles.event(VIEWS[number], ANN, NOW)
        assert profiles.published == []
    profiles.sweep(SETTLED - 1)
    assert (profiles.published, _held(profiles)) == ([], 5)
    profiles.sweep(SETTLED)

    assert _published(profiles) == _published_in_time(
        sorted({each.occurred_at: each for each in VIEWS}.values(), key=_at), NOW
    )
    assert (_events(profiles), _held(profiles)) == ([5], 0)
    assert {each.decided_at for each in profiles.read(SEGMENTS, SegmentChange)} == {SETTLED}


def _at(sent: Event) -> int:
    return sent.occurred_at


def test_a_lapse_of_a_moment_ago_is_published_with_what_has_settled() -> None:
    profiles = ProfilePartition()
    profiles.event(_late(NOW - HOUR - SECOND), ANN, NOW)
    profiles.sweep(SETTLED)

    assert _published(profiles)[-1] == ("pro_or_viewing", "exited", NOW - SECOND)


def test_every_further_event_is_waited_for_and_one_on_time_waits_with_those_before_it() -> None:
    profiles = ProfilePartition()
    profiles.event(VIEWS[0], ANN, NOW)
    on_time = event(NOW + 2 * SECOND, "View")
    profiles.event(on_time, ANN, NOW + 2 * SECOND)
    profiles.event(VIEWS[1], ANN, NOW + 4 * SECOND)
    profiles.sweep(NOW + 6 * SECOND)
    assert profiles.published == []
    profiles.sweep(NOW + 20 * SECOND)

    assert _published(profiles) == _published_in_time([VIEWS[0], VIEWS[1], on_time], NOW + 20 * SECOND)


def test_what_took_long_to_arrive_is_waited_for_longer() -> None:
    profiles = ProfilePartition()
    profiles.event(VIEWS[0], ANN, NOW + 3 * SECOND)
    profiles.sweep(NOW + 3 * SECOND + SETTLING_MS + 8 * SECOND)
    assert profiles.published == []
    profiles.sweep(NOW + 3 * SECOND + SETTLING_MS + 9 * SECOND)

    assert _events(profiles) == [1]


def test_an_event_of_a_minute_ago_waits_too_since_the_next_one_may_lie_before_it() -> None:
    profiles = ProfilePartition()
    profiles.event(_late(NOW - MINUTE), ANN, NOW)

    assert profiles.published == []


def test_equal_times_are_folded_in_the_order_of_their_ordinals() -> None:
    profiles = ProfilePartition()
    for ordinal, plan in ((3, "c"), (1, "a"), (2, "b")):
        sent = event(START, None, type="identify", traits={"plan": plan}, message_id=plan, ordinal=ordinal)
        profiles.event(sent, ANN, NOW)
    profiles.sweep(NOW + MINUTE)

    assert [profile.traits for profile in profiles.read(PROFILES, Profile)] == ['{"plan":"c"}']


@pytest.mark.parametrize("before", [[], [_late(NOW - 3 * HOUR, "Look")]], ids=["of a new person", "of a known one"])
def test_equal_times_are_evaluated_one_after_the_other_as_in_time(before: list[Event]) -> None:
    """The second of three payments of one millisecond is the second one, also where they come late."""
    second = EventCount(PAYS, Window(), 2, 2)
    segments = (ABANDONED_CARTS, Segment("paid twice", second))
    program = compile_program(Definitions(segments, triggers=(Trigger("thanks", PAYS, second),)))
    profiles = ProfilePartition(adopt=unchanging(program, ["main"]))
    payments = [
        event(NOW - 2 * HOUR, "Pay", received_at=NOW, message_id=f"p{ordinal}", ordinal=ordinal)
        for ordinal in (1, 2, 3)
    ]
    profiles.events([*payments[::-1], *before], ANN, NOW)
    profiles.sweep(QUIET)

    assert _published(profiles) == [("paid twice", change, NOW - 2 * HOUR) for change in ("entered", "exited")]
    assert [each.cause for each in profiles.read(TRIGGERS, FiredTrigger)] == ["p2"]


def test_a_late_event_that_shows_a_published_change_to_be_wrong_corrects_it_once_it_has_settled() -> None:
    profiles = ProfilePartition()
    profiles.event(event(NOW - 2 * HOUR, "View"), ANN)
    profiles.sweep(NOW)
    assert ("quiet", "entered", NOW - 30 * MINUTE) in _published(profiles)
    profiles.event(_late(NOW - 50 * MINUTE), ANN, NOW)
    assert profiles.published == []
    profiles.sweep(SETTLED)

    assert [(each.segment, each.change, each.cause) for each in profiles.read(SEGMENTS, SegmentChange)] == [
        ("pro_or_viewing", "entered", f"{NOW - 50 * MINUTE}-View"),
        ("quiet", "exited", f"{NOW - 50 * MINUTE}-View"),
    ]


def _active(adopt: Adopt | None = None) -> ProfilePartition:
    """A person who is on the web now, where a cart is abandoned after an hour."""
    profiles = ProfilePartition(adopt=adopt or unchanging(ABANDONED, ["main"]))
    profiles.event(event(NOW, "Look", received_at=NOW), ANN, NOW)
    return profiles


ADDED, PAID = _late(NOW - 3 * HOUR, "Add"), _late(NOW - 150 * MINUTE, "Pay")


def test_what_comes_of_the_past_of_a_person_who_is_active_is_evaluated_together() -> None:
    for order in ([ADDED, PAID], [PAID, ADDED]):
        profiles = _active()
        profiles.events(order, ANN, NOW + SECOND)
        assert (profiles.published, _held(profiles)) == ([], 2)
        profiles.sweep(QUIET)
        assert (_published(profiles), _events(profiles), _held(profiles)) == ([], [3], 0)


def test_so_is_what_comes_in_two_requests_or_behind_the_event_of_now() -> None:
    requests = _active()
    requests.event(ADDED, ANN, NOW + SECOND)
    requests.event(PAID, ANN, NOW + 2 * SECOND)
    one = ProfilePartition(adopt=unchanging(ABANDONED, ["main"]))
    one.events([event(NOW, "Look", received_at=NOW), PAID, ADDED], ANN, NOW)
    for profiles in (requests, one):
        assert _published(profiles) == []
        profiles.sweep(QUIET)
        assert (_published(profiles), _events(profiles)) == ([], [3])


def test_who_has_paid_for_nothing_of_it_enters_as_of_the_profiles_time_because_of_the_newest_of_it() -> None:
    profiles = _active()
    older = _late(NOW - 4 * HOUR, "Add")
    profiles.events([ADDED, older, ADDED], ANN, NOW + SECOND)
    profiles.sweep(QUIET)
    (change,) = profiles.read(SEGMENTS, SegmentChange)

    assert (change.change, change.changed_at, change.cause) == ("entered", NOW, ADDED.message_id)
    assert profiles.tally[metrics.EVENTS, ("main", "duplicate")] == 1


def test_an_event_on_time_waits_for_nothing_of_the_past() -> None:
    profiles = _active(unchanging(PROGRAM, ["main"]))
    profiles.event(_late(NOW - 3 * HOUR), ANN, NOW + SECOND)
    on_time = event(NOW + 2 * SECOND, "View")
    profiles.event(on_time, ANN, NOW + 2 * SECOND)

    assert ("pro_or_viewing", "entered", NOW + 2 * SECOND) in _published(profiles)
    assert _held(profiles) == 1


def test_what_is_later_than_the_profile_waits_all_the_same_beside_what_is_of_its_past() -> None:
    profiles = _active()
    profiles.event(ADDED, ANN, NOW + MINUTE + 9 * SECOND)
    later = event(NOW + 10 * SECOND, "Add", received_at=NOW + 10 * SECOND + MINUTE)
    profiles.event(later, ANN, NOW + 10 * SECOND + MINUTE)
    profiles.event(event(NOW + 12 * SECOND + MINUTE, "Pay"), ANN, NOW + 12 * SECOND + MINUTE)
    assert (_events(profiles), _held(profiles)) == ([], 3)
    profiles.sweep(NOW + 3 * MINUTE)

    assert (_events(profiles), _held(profiles)) == ([4], 0)
    assert _published(profiles) == [("abandoned", "entered", NOW), ("abandoned", "exited", NOW + 10 * SECOND)]


def test_of_what_is_of_the_past_each_event_fires_its_triggers() -> None:
    told = Trigger("told", EventMatcher((Call("track", "Add"),)), once=None)
    program = compile_program(Definitions((), triggers=(told,)))
    shortest = compile_program(Definitions((ABANDONED_CARTS,), triggers=(told,)))
    assert program.shortest_lapse_ms > shortest.shortest_lapse_ms
    profiles = _active(unchanging(shortest, ["main"]))
    profiles.events([ADDED, _late(NOW - 2 * HOUR, "Add")], ANN, NOW + SECOND)
    profiles.sweep(QUIET)

    fired = [(each.fired_at, each.cause) for each in profiles.read(TRIGGERS, FiredTrigger)]
    assert sorted(fired) == [(at, f"{at}-Add") for at in (NOW - 3 * HOUR, NOW - 2 * HOUR)]


def test_while_something_is_held_the_lapses_of_the_profile_wait_and_are_contradicted() -> None:
    profiles = ProfilePartition()
    profiles.event(event(NOW - 91 * MINUTE, "View"), ANN)
    profiles.sweep(NOW - 2 * MINUTE)
    profiles.event(_late(NOW - MINUTE - SECOND), ANN, NOW)
    profiles.sweep(SETTLED - 1)
    assert _published(profiles) == []
    profiles.sweep(SETTLED)

    assert _published(profiles) == [("pro_or_viewing", "entered", NOW - MINUTE - SECOND)]


def test_who_keeps_sending_is_seen_after_a_minute_and_nothing_is_published_that_may_still_be_contradicted() -> None:
    profiles = ProfilePartition()
    sent = [_late(START + number * 10 * MINUTE) for number in range(0, 40)]
    changes: Changes = []
    for number, each in enumerate(sent):
        profiles.event(each, ANN, NOW + number * 2 * SECOND)
        changes += _published(profiles)
        profiles.sweep(NOW + number * 2 * SECOND + SECOND)
        changes += _published(profiles)
    assert 0 < _held(profiles) < 20, "after a minute, what was held until then has been folded"
    profiles.sweep(NOW + HOUR)

    assert changes + _published(profiles) == _published_in_time(sent, NOW + HOUR)


def test_too_many_are_folded_at_once_and_lapses_after_them_wait_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "MAX_HELD", 3)
    profiles = ProfilePartition()
    profiles.events(VIEWS[:3], ANN, NOW)
    changes = _published(profiles)
    assert (_events(profiles), _held(profiles)) == ([3], 0)
    assert changes == [change for change in _published_in_time(VIEWS[:3], NOW) if change[2] <= VIEWS[2].occurred_at]
    profiles.event(VIEWS[3], ANN, NOW + SECOND)
    profiles.sweep(NOW + 2 * SECOND)
    assert profiles.published == []
    profiles.sweep(NOW + MINUTE)

    assert changes + _published(profiles) == _published_in_time(VIEWS[:4], NOW + MINUTE)


def test_what_is_too_much_for_one_sweep_is_left_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "RELEASED_AT_ONCE", 1)
    profiles = ProfilePartition()
    profiles.event(VIEWS[0], ANN, NOW)
    profiles.event(event(START, received_at=NOW, identifiers=(VISIT,)), VISIT, NOW)
    profiles.sweep(SETTLED)
    assert (len(_events(profiles)), profiles.has_more) == (1, True)
    profiles.sweep(SETTLED)

    assert (len(_events(profiles)), profiles.has_more) == (1, False)


def test_a_lapse_of_now_waits_for_whoever_has_just_sent_something_and_for_nobody_else() -> None:
    profiles, lapse = ProfilePartition(), NOW + HOUR
    profiles.event(event(NOW, "View"), ANN)
    profiles.event(event(lapse - 2 * SECOND, "Buy"), ANN, lapse - SECOND)
    profiles.sweep(lapse)
    assert _published(profiles) == []
    assert profiles.table.due("main", lapse, 9) == [], "it is not found in vain until then"
    profiles.sweep(lapse - SECOND + SETTLING_MS)
    assert _published(profiles) == [("pro_or_viewing", "exited", lapse)]

    idle = ProfilePartition()
    idle.event(event(NOW, "View"), ANN)
    idle.sweep(lapse)
    assert _published(idle) == [("pro_or_viewing", "exited", lapse)]


def test_an_event_on_time_lets_the_lapses_before_it_happen_at_once() -> None:
    profiles, lapse = ProfilePartition(), NOW + HOUR
    profiles.event(event(NOW, "View"), ANN)
    profiles.event(event(lapse - SECOND, "Buy"), ANN)
    profiles.event(event(lapse + SECOND, "Buy"), ANN)

    assert _published(profiles) == [("pro_or_viewing", "exited", lapse)]


def test_an_active_profile_delays_a_lapse_by_a_minute_at_most() -> None:
    profiles, lapse = ProfilePartition(), NOW + HOUR
    profiles.event(event(NOW, "View"), ANN)
    for seconds in range(0, 61, 2):
        profiles.event(event(lapse - 2 * SECOND + seconds, "Buy"), ANN, lapse + seconds * SECOND)
        assert (seconds < 60) == (_published(profiles) == [])


def test_the_event_clock_waits_for_nothing() -> None:
    profiles = ProfilePartition("event")
    profiles.event(VIEWS[0], ANN, NOW)
    assert _events(profiles) == [1]
    profiles.clock(START + HOUR, now=NOW)

    assert _published(profiles) == [("pro_or_viewing", "exited", START + HOUR)]


def test_what_is_held_follows_its_profile_behind_the_state_and_is_held_there() -> None:
    profiles = ProfilePartition()
    profiles.event(event(START, "View"), ANN)
    profiles.sweep(START + HOUR)
    profiles.events([_late(START + 3 * HOUR), _late(START + 2 * HOUR)], ANN, NOW)
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(7, target=OTHER_ID, identifiers=(ANN,))), NOW)
    sent = profiles.read(PROFILE_COMMANDS, ProfileCommand)
    assert [type(each.command) for each in sent] == [Absorb, Fold, Fold]
    assert (profiles.folds(), _held(profiles)) == ([(OTHER_ID, 7)] * 2, 0)
    for each in sent:
        profiles.command(each, NOW + 4 * SECOND)
    assert _held(profiles) == 2
    profiles.sweep(SETTLED + 4 * SECOND)

    assert (_events(profiles), _held(profiles)) == ([3], 0)
    assert ("quiet", "entered", START + 3 * HOUR + 90 * MINUTE) in _published(profiles)
    assert not [key for key in profiles.table if b"#e" in key]


def test_a_profile_of_which_nothing_was_folded_leaves_nothing_but_a_forward() -> None:
    profiles = ProfilePartition()
    profiles.event(VIEWS[0], ANN, NOW)
    profiles.command(ProfileCommand.of("main", ANNS, Transfer(7, target=OTHER_ID, identifiers=(ANN,))), NOW)

    assert profiles.read(PROFILES, Profile) == []
    assert profiles.folds() == [(OTHER_ID, 7)]


def test_what_is_held_when_a_rebuild_begins_waits_for_the_replay_and_counts_once() -> None:
    profiles = ProfilePartition()
    profiles.events(VIEWS[:3], ANN, NOW)
    profiles.command(ProfileCommand.of("main", ANNS, Rebuild(5, identifiers=(ANN,))), NOW)
    assert _held(profiles) == 0
    profiles.command(chunk(0, VIEWS[0]), NOW)
    assert (_events(profiles), _held(profiles)) == ([1], 2)
    profiles.sweep(SETTLED)

    assert (_events(profiles), _held(profiles)) == ([3], 0)


def test_a_visit_that_vanished_comes_back_once_what_came_late_has_settled() -> None:
    profiles = ProfilePartition()
    profiles.event(event(START, identifiers=(VISIT,)), VISIT)
    profiles.sweep(START + HOUR)
    later = event(START + 2 * HOUR, identifiers=(VISIT,), received_at=START + 4 * HOUR)
    profiles.event(later, VISIT, START + 4 * HOUR)
    profiles.sweep(START + 4 * HOUR + MINUTE)

    assert [(profile.profile_id, profile.events) for profile in profiles.read(PROFILES, Profile)] == [(PROFILE_ID, 2)]


def test_what_is_held_is_counted_when_it_is_folded() -> None:
    profiles = ProfilePartition()
    profiles.event(VIEWS[0], ANN, NOW)
    assert metrics.EVENTS not in {metric for metric, labels in profiles.tally if labels[-1] == "folded"}
    profiles.sweep(NOW + MINUTE)

    assert profiles.tally[metrics.EVENTS, ("main", "held")] == profiles.tally[metrics.EVENTS, ("main", "folded")] == 1


def _reopened(lapse: int, at: int) -> ProfilePartition:
    """A partition that nobody read while a lapse passed, until it is opened again."""
    profiles = ProfilePartition()
    profiles.event(event(lapse - HOUR, "View"), ANN)
    profiles.opened_at = at
    profiles.sweep(at)
    assert _published(profiles) == []
    return profiles


def test_a_lapse_that_passed_while_nobody_read_waits_for_what_came_meanwhile() -> None:
    lapse = NOW
    profiles = _reopened(lapse, at=NOW + 10 * MINUTE)
    profiles.event(event(lapse - MINUTE, "View"), ANN, NOW + 10 * MINUTE + SECOND)
    assert _published(profiles) == []
    profiles.sweep(NOW + 10 * MINUTE + SECOND + CATCHES_UP_WITHIN_MS)

    assert _published(profiles) == []
    profiles.sweep(lapse - MINUTE + HOUR)
    assert _published(profiles) == [("pro_or_viewing", "exited", lapse - MINUTE + HOUR)]


def test_it_happens_where_nothing_came_meanwhile_or_all_that_did_was_read() -> None:
    lapse, opened_at = NOW, NOW + 10 * MINUTE
    profiles = _reopened(lapse, opened_at)
    profiles.sweep(opened_at + CATCHES_UP_WITHIN_MS)
    assert _published(profiles) == [("pro_or_viewing", "exited", lapse)]

    busy = _reopened(lapse, opened_at)
    for missing_ms in (1, 0):
        behind = event(lapse + PARTITIONS_APART_MS - missing_ms, "Buy", identifiers=(VISIT,))
        busy.event(behind, VISIT, opened_at)
        assert (("pro_or_viewing", "exited", lapse) in _published(busy)) == (missing_ms == 0)
    busy.event(event(opened_at, "Buy", identifiers=(VISIT,), message_id="new"), VISIT, opened_at)
    assert busy.table.due("main", opened_at, 9) == []


def test_while_it_is_behind_time_passes_as_far_as_it_has_read_what_arrived() -> None:
    lapse, profiles = NOW, ProfilePartition()
    profiles.event(event(lapse - HOUR, "View"), ANN)
    for read_to, is_published in ((lapse + MERGE_MS - 1, False), (lapse + MERGE_MS, True)):
        profiles.read_to = read_to
        profiles.sweep(NOW + 10 * MINUTE)
        assert (_published(profiles) == [("pro_or_viewing", "exited", lapse)]) is is_published


def test_where_nobody_can_say_how_far_that_is_deadlines_fire_by_the_clock() -> None:
    profiles = ProfilePartition()
    profiles.event(event(NOW - HOUR, "View"), ANN)
    profiles.read_to = None
    profiles.sweep(NOW)

    assert _published(profiles) == [("pro_or_viewing", "exited", NOW)]


def test_after_a_start_nothing_lapses_until_it_is_known_how_far_it_has_read() -> None:
    lapse, opened_at = NOW, NOW + 10 * MINUTE
    profiles = _reopened(lapse, opened_at)
    profiles.read_to = 0
    profiles.sweep(opened_at + 2 * CATCHES_UP_WITHIN_MS)
    assert _published(profiles) == [], "RESOLVE may be behind, though nothing comes here"
    profiles.read_to = opened_at
    profiles.sweep(opened_at + 2 * CATCHES_UP_WITHIN_MS)

    assert _published(profiles) == [("pro_or_viewing", "exited", lapse)]


def test_while_it_is_behind_the_settling_time_is_counted_from_the_receipt() -> None:
    profiles = ProfilePartition()
    profiles.read_to = NOW
    profiles.event(VIEWS[0], ANN, NOW + 5 * MINUTE)
    until = NOW + SETTLING_MS + settling.MERGES_AT_LATEST_MS
    for read_to, events in ((until + MERGE_MS - 1, []), (until + MERGE_MS, [1])):
        profiles.read_to = read_to
        profiles.sweep(NOW + 5 * MINUTE)
        assert _events(profiles) == events


def test_what_was_on_time_when_it_was_received_is_so_however_late_it_is_read() -> None:
    profiles = ProfilePartition()
    profiles.read_to = NOW
    profiles.event(_late(NOW - SECOND), ANN, NOW + 2 * HOUR)

    assert (_events(profiles), _held(profiles)) == ([1], 0)
