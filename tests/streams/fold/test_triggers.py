"""What a trigger remembers: cool-downs, once in a session or ever, quiet hours, and two histories that become one."""

from copy import deepcopy

import msgspec
import pytest

from definitions import NEVER, Definitions, compile_program
from definitions.model import Call, Comparison, EventMatcher, Operator, TraitComparison, Trigger
from definitions.quiet_hours import QuietHours
from streams.fold.moment import Moment, Outputs
from streams.fold.triggers import DelayedFiring, Firing, SessionOf, Triggers
from tests.streams.fold.given import CONTEXT, HOUR, MINUTE, event

NIGHT = 1_700_000_000_000 // (24 * HOUR) * 24 * HOUR  # midnight, UTC
NOON = NIGHT + 12 * HOUR
QUIET = QuietHours(22 * 60, 8 * 60)
ON = EventMatcher((Call("track", "Payment Failed"),))


def moment(as_of: int = NOON, cause: str = "m1") -> Moment:
    return Moment(CONTEXT, Outputs(), cause, as_of, 0)


def fired(
    facet: Triggers, trigger: Trigger, at: int, session: SessionOf | None = None, as_of: int | None = None
) -> list[int]:
    """Fire at a time, in a session of that time alone if no other is given, and return when it did."""
    now = moment(at if as_of is None else as_of)
    facet.fire(trigger, at, session or SessionOf(at, at), lambda _: "{}", now)
    return [firing.fired_at for firing in now.triggers]


def begun(facet: Triggers, trigger: Trigger, at: int) -> list[int]:
    """Let the condition begin to hold at a time, and return when the trigger fired then."""
    assert facet.begins(trigger.name, True)
    return fired(facet, trigger, at)


def released(facet: Triggers, at: int, trigger: Trigger | None = None) -> list[tuple[int, str, str]]:
    program = compile_program(Definitions(triggers=(trigger or Trigger("t"),)))
    now = Moment(msgspec.structs.replace(CONTEXT, program=program), Outputs(), "deadline", at, 0)
    facet.release(now)
    return [(firing.fired_at, firing.cause, firing.payload) for firing in now.triggers]


def test_without_rules_it_fires_each_time() -> None:
    facet = Triggers()
    assert [*fired(facet, Trigger("t"), NOON), *fired(facet, Trigger("t"), NOON)] == [NOON, NOON]


def test_it_cools_down_for_exactly_the_time() -> None:
    facet, trigger = Triggers(), Trigger("t", ON, cool_down_ms=HOUR)
    assert fired(facet, trigger, NOON) == [NOON]
    assert fired(facet, trigger, NOON + HOUR - 1) == []
    assert fired(facet, trigger, NOON + HOUR) == [NOON + HOUR]


def test_a_late_event_within_the_cool_down_before_the_last_time_does_not_fire() -> None:
    facet, trigger = Triggers(), Trigger("t", ON, cool_down_ms=HOUR)
    assert fired(facet, trigger, NOON) == [NOON]
    assert fired(facet, trigger, NOON - HOUR + 1, as_of=NOON) == []
    assert fired(facet, trigger, NOON - HOUR, as_of=NOON) == [NOON - HOUR]
    assert fired(facet, trigger, NOON + HOUR - 1) == [], "the cool-down begins with the latest"


def test_several_late_events_within_the_cool_down_fire_once() -> None:
    facet, trigger = Triggers(), Trigger("t", ON, cool_down_ms=HOUR)
    late = [NIGHT + minute * MINUTE for minute in (0, 1, 2, 59, 60, 90)]
    assert fired(facet, trigger, NOON) == [NOON]
    assert [at for at in late if fired(facet, trigger, at, as_of=NOON)] == [NIGHT, NIGHT + HOUR]


def test_the_cool_down_of_what_is_older_than_all_that_is_remembered_counts_as_well() -> None:
    facet, trigger = Triggers(), Trigger("t", ON, cool_down_ms=HOUR)
    for number in range(100):
        assert fired(facet, trigger, NOON + number * HOUR)
    late = [NIGHT - 100 * HOUR + minute * MINUTE for minute in (0, 1, 2, 60, 61, 62)]
    assert [at for at in late if fired(facet, trigger, at, as_of=NOON + 100 * HOUR)] == [late[0], late[3]]
    assert len(facet.firings["t"].cools_after) <= 50


WHEN = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
COOLING = Trigger("t", when=WHEN, cool_down_ms=HOUR)


def test_what_begins_within_the_cool_down_and_lasts_fires_when_it_ends() -> None:
    facet = Triggers()
    assert begun(facet, COOLING, NOON) == [NOON]
    facet.begins("t", False)
    assert begun(facet, COOLING, NOON + MINUTE) == []
    assert facet.deadline(NOON + MINUTE) == NOON + HOUR
    assert released(facet, NOON + HOUR - 1, COOLING) == []
    assert released(facet, NOON + HOUR, COOLING) == [(NOON + HOUR, "m1", "{}")]
    facet.begins("t", False)
    assert begun(facet, COOLING, NOON + 2 * HOUR - 1) == [], "it has cooled since then only"
    assert facet.deadline(NOON + HOUR) == NOON + 2 * HOUR


def test_what_begins_within_the_cool_down_and_ceases_fires_nothing() -> None:
    facet = Triggers()
    begun(facet, COOLING, NOON)
    facet.begins("t", False)
    begun(facet, COOLING, NOON + MINUTE)
    facet.begins("t", False)
    assert facet.deadline(NOON + MINUTE) == NEVER
    assert released(facet, NOON + HOUR, COOLING) == []


def test_the_cool_down_ends_with_the_quiet_hours_in_which_it_does() -> None:
    facet = Triggers()
    late, morning = NIGHT + 22 * HOUR - MINUTE, NIGHT + 32 * HOUR
    trigger = msgspec.structs.replace(COOLING, quiet_hours=QUIET)
    begun(facet, trigger, late)
    facet.begins("t", False)
    assert begun(facet, trigger, late + 30) == []
    assert facet.waiting() == {"t": morning}
    facet.begins("t", False)
    begun(facet, msgspec.structs.replace(trigger, quiet_hours=QuietHours(22 * 60, 8 * 60, drops=True)), late + 40)
    assert facet.waiting() == {}, "quiet hours drop it"


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize(
    ("fired_at", "until"),
    [
        (NOON - HOUR, NOON + HOUR),
        (NOON + MINUTE, NOON + MINUTE + HOUR),
        (NOON + 2 * MINUTE, None),
        (NOON + 3 * MINUTE, None),
    ],
    ids=["long before", "before it began", "as it began", "since it began"],
)
def test_what_waits_in_one_history_waits_for_the_cool_down_of_both(
    fired_at: int, until: int | None, is_turned: bool
) -> None:
    """What has fired since it began is its firing, as if the two had been one."""
    facet, other = Triggers(), Triggers()
    begun(facet, COOLING, NOON)
    facet.begins("t", False)
    begun(facet, COOLING, NOON + 2 * MINUTE)
    begun(other, COOLING, fired_at)
    if is_turned:
        facet, other = other, facet
    facet.unite(deepcopy(other), moment(NOON + 5 * MINUTE))
    facet.drop_waits(COOLING, lambda at: SessionOf(at, at))
    assert facet.waiting() == ({} if until is None else {"t": until})


def test_quiet_hours_begin_the_cool_down_when_they_end() -> None:
    facet, trigger, morning = Triggers(), Trigger("t", ON, cool_down_ms=HOUR, quiet_hours=QUIET), NIGHT + 8 * HOUR
    assert fired(facet, trigger, NIGHT) == []
    assert released(facet, morning, trigger) == [(morning, "m1", "{}")]
    assert fired(facet, trigger, NOON) == [NOON]
    assert fired(facet, trigger, morning + MINUTE, as_of=NOON) == []


@pytest.mark.parametrize("is_turned", [False, True])
def test_what_two_histories_fired_cools_down_in_both_and_after_a_replay(is_turned: bool) -> None:
    facet, other, trigger = Triggers(), Triggers(), Trigger("t", ON, cool_down_ms=HOUR)
    fired(facet, trigger, NIGHT)
    fired(other, trigger, NOON)
    if is_turned:
        facet, other = other, facet
    facet.unite(deepcopy(other), moment())
    again = facet.past()
    assert fired(again, trigger, NIGHT + MINUTE, as_of=NOON) == []
    assert fired(again, trigger, NOON - MINUTE, as_of=NOON) == []


def test_once_for_a_person() -> None:
    facet, trigger = Triggers(), Trigger("t", once="person")
    assert fired(facet, trigger, NOON) == [NOON]
    assert fired(facet, trigger, NOON + 1000 * HOUR) == []


def test_once_in_a_session() -> None:
    facet, trigger = Triggers(), Trigger("t", once="session")
    assert fired(facet, trigger, NOON, SessionOf(NOON - MINUTE, NOON)) == [NOON]
    assert fired(facet, trigger, NOON + MINUTE, SessionOf(NOON - MINUTE, NOON + MINUTE)) == []
    assert fired(facet, trigger, NOON + HOUR, SessionOf(NOON + HOUR, NOON + HOUR)) == [NOON + HOUR]
    late = NOON + 2 * MINUTE
    assert fired(facet, trigger, late, SessionOf(NOON - HOUR, late), as_of=NOON + HOUR) == [], "it began even earlier"


def test_once_in_each_of_as_many_sessions_as_an_event_can_lie_in() -> None:
    facet, trigger = Triggers(), Trigger("t", once="session")
    times = [NIGHT + number * 31 * MINUTE for number in range(100)]
    assert [at for at in times if fired(facet, trigger, at)] == times
    assert [at for at in times[-48:] if fired(facet, trigger, at, as_of=times[-1])] == []
    assert len(facet.firings["t"].in_sessions) < 60


def test_what_waited_for_the_end_of_quiet_hours_fired_in_the_session_that_it_came_from() -> None:
    facet, trigger = Triggers(), Trigger("t", once="session", quiet_hours=QUIET)
    night, morning = SessionOf(NIGHT, NIGHT + MINUTE), NIGHT + 8 * HOUR
    assert fired(facet, trigger, NIGHT, night) == []
    assert released(facet, morning, trigger) == [(morning, "m1", "{}")]
    assert fired(facet, trigger, NIGHT + MINUTE, night, as_of=morning) == []
    assert fired(facet, trigger, morning, SessionOf(morning, morning)) == [morning]


def test_what_fired_is_remembered_of_a_trigger_that_is_removed_and_brought_back() -> None:
    facet, trigger = Triggers(), Trigger("t", once="person")
    assert fired(facet, trigger, NOON) == [NOON]
    wait = DelayedFiring(NOON + HOUR, NOON, "m2", "{}")
    facet.firings["t"].holds, facet.firings["t"].waits = True, (wait,)
    facet.firings["waits"] = Firing(waits=(wait,))
    facet.forget(moment())
    assert facet.firings == {"t": Firing(fired_at=NOON)}
    assert fired(facet, trigger, NOON + HOUR) == []


def test_of_triggers_that_are_removed_only_the_newest_are_remembered() -> None:
    facet = Triggers({f"t{number}": Firing(fired_at=NOON + number) for number in range(150)})
    facet.forget(moment())
    assert facet.firings.keys() == {f"t{number}" for number in range(50, 150)}


def test_quiet_hours_put_it_off_to_their_end() -> None:
    facet, trigger, morning = Triggers(), Trigger("t", quiet_hours=QUIET), NIGHT + 8 * HOUR
    assert fired(facet, trigger, NIGHT) == []
    assert facet.deadline(NIGHT) == morning
    assert released(facet, morning - 1) == []
    assert released(facet, morning) == [(morning, "m1", "{}")]
    assert released(facet, morning) == []
    assert facet.deadline(morning) == NEVER


def test_quiet_hours_that_are_over_by_now_put_nothing_off() -> None:
    facet, trigger = Triggers(), Trigger("t", quiet_hours=QUIET)
    assert fired(facet, trigger, NIGHT, as_of=NOON) == [NIGHT + 8 * HOUR]


def test_quiet_hours_that_drop() -> None:
    facet, trigger = Triggers(), Trigger("t", quiet_hours=QuietHours(22 * 60, 8 * 60, drops=True))
    assert fired(facet, trigger, NIGHT) == []
    assert fired(facet, trigger, NIGHT, as_of=NOON) == []
    assert facet.deadline(NIGHT) == NEVER
    assert fired(facet, trigger, NOON) == [NOON]


def test_quiet_hours_are_those_of_where_the_person_was_last() -> None:
    facet, trigger = Triggers(), Trigger("t", quiet_hours=QUIET)
    facet.locate(event(NIGHT - HOUR), "Asia/Shanghai")
    facet.locate(event(NIGHT - 2 * HOUR), "Europe/Berlin")
    assert fired(facet, trigger, NIGHT) == [NIGHT]
    assert fired(facet, trigger, NOON + 2 * HOUR) == [], "it is ten in the evening there"


def test_what_waits_is_given_up_when_the_condition_holds_no_more() -> None:
    facet, trigger = Triggers(), Trigger("t", quiet_hours=QUIET)
    assert facet.begins("t", True)
    assert fired(facet, trigger, NIGHT) == []
    assert not facet.begins("t", False)
    assert released(facet, NIGHT + 8 * HOUR) == []


def test_a_condition_begins_when_it_did_not_hold_before() -> None:
    facet = Triggers()
    assert not facet.begins("t", False)
    assert facet.firings == {}, "nothing is remembered of what never was"
    assert facet.begins("t", True)
    assert not facet.begins("t", True)
    assert not facet.begins("t", False)
    assert facet.begins("t", True)


@pytest.mark.parametrize("is_turned", [False, True])
def test_two_histories_that_become_one_begin_nothing_that_one_of_them_had_begun(is_turned: bool) -> None:
    facet, other = Triggers(), Triggers()
    facet.begins("t", True)
    fired(facet, Trigger("t", once="person"), NOON)
    if is_turned:
        facet, other = other, facet
    facet.unite(deepcopy(other), moment())
    assert not facet.begins("t", True)
    assert fired(facet, Trigger("t", once="person"), NOON + 1) == []


def test_of_two_that_wait_the_earlier_one_fires() -> None:
    facet = Triggers({"t": Firing(waits=(DelayedFiring(NOON, NIGHT + 1, "m1", "b"),))})
    facet.unite(Triggers({"t": Firing(waits=(DelayedFiring(NOON, NIGHT, "m2", "a"),))}), moment())
    facet.drop_waits(Trigger("t"), lambda at: SessionOf(at, at))
    assert facet.waiting() == {"t": NOON}
    assert released(facet, NOON + 1) == [(NOON, "m2", "a")]
    assert released(facet, NOON + 1) == []


def test_of_two_that_wait_one_that_would_not_have_in_one_history_does_not_fire() -> None:
    """One has fired at midnight; within the hour after it the other began to wait, and it did itself after that."""
    facet = Triggers({"t": Firing(fired_at=NIGHT, waits=(DelayedFiring(NOON, NIGHT + HOUR, "late", "b"),))})
    facet.unite(Triggers({"t": Firing(waits=(DelayedFiring(NOON, NIGHT + MINUTE, "soon", "a"),))}), moment())
    facet.drop_waits(Trigger("t", ON, cool_down_ms=HOUR), lambda at: SessionOf(at, at))
    assert released(facet, NOON) == [(NOON, "late", "b")]
