"""What a trigger remembers: cool-downs, once in a session or ever, quiet hours, and two histories that become one."""

from copy import deepcopy

import pytest

from definitions import NEVER
from definitions.model import QuietHours, Trigger
from streams.fold.moment import Moment, Outputs
from streams.fold.triggers import Firing, Triggers
from tests.streams.fold.given import CONTEXT, HOUR, MINUTE, event

NIGHT = 1_700_000_000_000 // (24 * HOUR) * 24 * HOUR  # midnight, UTC
NOON = NIGHT + 12 * HOUR
QUIET = QuietHours(22 * 60, 8 * 60)


def moment(as_of: int = NOON, cause: str = "m1") -> Moment:
    return Moment(CONTEXT, Outputs(), cause, as_of, 0)


def fired(
    facet: Triggers, trigger: Trigger, at: int, session: int | None = None, as_of: int | None = None
) -> list[int]:
    """Fire at a time, and return when it did."""
    now = moment(at if as_of is None else as_of)
    facet.fire(trigger, at, session, lambda: "{}", now)
    return [draft.fired_at for draft in now.triggers]


def released(facet: Triggers, at: int) -> list[tuple[int, str, str]]:
    now = moment(at, "deadline")
    facet.release(now)
    return [(draft.fired_at, draft.cause, draft.payload) for draft in now.triggers]


def test_without_rules_it_fires_each_time() -> None:
    facet = Triggers()
    assert [*fired(facet, Trigger("t"), NOON), *fired(facet, Trigger("t"), NOON)] == [NOON, NOON]


def test_it_cools_down_for_exactly_the_time() -> None:
    facet, trigger = Triggers(), Trigger("t", cool_down_ms=HOUR)
    assert fired(facet, trigger, NOON) == [NOON]
    assert fired(facet, trigger, NOON + HOUR - 1) == []
    assert fired(facet, trigger, NOON + HOUR) == [NOON + HOUR]


def test_a_late_event_within_the_cool_down_before_the_last_time_does_not_fire() -> None:
    facet, trigger = Triggers(), Trigger("t", cool_down_ms=HOUR)
    assert fired(facet, trigger, NOON) == [NOON]
    assert fired(facet, trigger, NOON - HOUR + 1, as_of=NOON) == []
    assert fired(facet, trigger, NOON - HOUR, as_of=NOON) == [NOON - HOUR]
    assert fired(facet, trigger, NOON + HOUR - 1) == [], "the cool-down begins with the latest"


def test_once_for_a_person() -> None:
    facet, trigger = Triggers(), Trigger("t", once="person")
    assert fired(facet, trigger, NOON) == [NOON]
    assert fired(facet, trigger, NOON + 1000 * HOUR) == []


def test_once_in_a_session() -> None:
    facet, trigger = Triggers(), Trigger("t", once="session")
    assert fired(facet, trigger, NOON, session=NOON - MINUTE) == [NOON]
    assert fired(facet, trigger, NOON + MINUTE, session=NOON - MINUTE) == []
    assert fired(facet, trigger, NOON + HOUR, session=NOON + HOUR) == [NOON + HOUR]


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
    facet = Triggers({"t": Firing(waits_until=NOON + 1, payload="b", cause="m2")})
    facet.unite(Triggers({"t": Firing(waits_until=NOON, payload="a", cause="m1")}), moment())
    assert released(facet, NOON + 1) == [(NOON, "m1", "a")]
