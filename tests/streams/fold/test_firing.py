"""Triggers in the fold: at which events and times they fire, with which payload, after merges, rebuilds and changes."""

import json
from collections.abc import Sequence
from copy import deepcopy

import msgspec
import pytest

from definitions import compile_program
from definitions.model import (
    AllOf,
    Call,
    Comparison,
    Definitions,
    EventCount,
    EventMatcher,
    Not,
    Operator,
    PropertyFilter,
    Segment,
    TraitComparison,
    Trigger,
    Window,
)
from definitions.quiet_hours import QuietHours
from schemas.records import Event, Identifier, Rebuild
from streams.fold import merge, rebuild
from streams.fold.entry import Rebuilding, decode_entry, encode_entry
from streams.fold.fold import next_deadline, refresh
from streams.fold.moment import FoldContext, Outputs
from streams.fold.state import ProfileState
from tests.streams.fold.given import CONTEXT, HOUR, MINUTE, START, at_rest, event, fold, identify

PRICING = EventMatcher((Call("page", "Pricing"),))
FAILED = EventMatcher((Call("track", "Payment Failed"),))
ADDED, ORDERED = EventMatcher((Call("track", "Added"),)), EventMatcher((Call("track", "Ordered"),))
PRO = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
TWICE = EventCount(PRICING, Window(5 * MINUTE), 2)
ABANDONED = AllOf(
    (
        EventCount(ADDED, Window(HOUR)),
        Not(EventCount(ADDED, Window(30 * MINUTE))),
        Not(EventCount(ORDERED, Window(24 * HOUR))),
    )
)


def context_of(*triggers: Trigger, segments: Sequence[Segment] = ()) -> FoldContext:
    program = compile_program(Definitions(tuple(segments), triggers=triggers)).of("main", "person")
    return msgspec.structs.replace(CONTEXT, program=program)


def fired(out: Outputs) -> list[tuple[str, int, str]]:
    return [(trigger.trigger, trigger.fired_at - START, trigger.cause) for trigger in out.triggers]


def pricing(at: int) -> Event:
    return event(START + at, "Pricing", type="page", message_id=f"p{at}")


def test_a_pattern_fires_each_time_that_it_begins() -> None:
    context = context_of(Trigger("interested", when=TWICE))
    pages = [pricing(at) for at in (0, MINUTE, 2 * MINUTE, HOUR)]
    state, out = fold(pages, context=context)
    assert fired(out) == [("interested", MINUTE, f"p{MINUTE}")]
    again = event(START + HOUR + 5 * MINUTE - 1, "Pricing", type="page", message_id="again")
    _, out = fold([again], state, context)
    assert fired(out) == [("interested", HOUR + 5 * MINUTE - 1, "again")]


def test_an_event_fires_each_time_with_what_it_says() -> None:
    failed = EventMatcher(FAILED.calls, (PropertyFilter(("total",), (Comparison(Operator.GREATER_THAN, 10),)),))
    payload = (("text", "{{ profile.traits.name }} owes {{ event.properties.total }}"), ("id", "{{ profile.id }}"))
    context = context_of(Trigger("dunning", on=failed, payload=payload))
    events = [
        identify(START, {"name": "美"}),
        event(START + 1, "Payment Failed", properties={"total": 5}),
        event(START + 2, "Payment Failed", properties={"total": 50}),
        event(START + 3, "Payment Failed", properties={"total": "50"}),
        event(START + 4, "Payment Failed", properties={"total": 70}),
    ]
    _, out = fold(events, context=context)
    assert [trigger.fired_at - START for trigger in out.triggers] == [2, 4]
    assert [context.program.named_by_reader[reader] for reader in out.mistyped] == [(("trigger", "dunning"),)]
    assert json.loads(out.triggers[0].payload) == {"text": "美 owes 50", "id": CONTEXT.profile_id}
    assert len({trigger.trigger_id for trigger in out.triggers}) == 2
    assert out.triggers[0].identifiers == (Identifier("user_id", "ann"),)


def test_a_payload_says_when_it_fires_and_counts_the_texts_that_it_lacks() -> None:
    payload = (
        ("at", "{{ trigger.fired_at | date: '%d.%m. %H:%M' }}"),
        ("of", "{{ event.occurred_at }}"),
        ("genres", "{{ event.properties.items | map: 'genre' | uniq | join: ', ' }}"),
    )
    context = context_of(Trigger("t", on=FAILED, quiet_hours=QuietHours(22 * 60, 8 * 60), payload=payload))
    items = [{"genre": str(number)} for number in range(1_001)]
    at = START - START % (24 * HOUR) + 23 * HOUR
    state, out = fold([event(at, "Payment Failed", properties={"items": items})], context=context)
    at_rest(state, at + 10 * HOUR, context, out)
    assert [json.loads(each.payload) for each in out.triggers] == [
        {"at": "15.11. 08:00", "of": "2023-11-14T23:00:00.000Z"}
    ]
    assert out.missed_texts == {"t": 1}


def test_an_event_fires_only_while_the_condition_holds_with_it() -> None:
    context = context_of(Trigger("vip", on=FAILED, when=PRO))
    failed = [event(START + at, "Payment Failed") for at in (0, 2, 4)]
    plans = [identify(START + 1, {"plan": "pro"}), identify(START + 3, {"plan": "free"})]
    _, out = fold([failed[0], plans[0], failed[1], plans[1], failed[2]], context=context)
    assert [trigger.fired_at - START for trigger in out.triggers] == [2]


def test_time_alone_fires_at_its_exact_time() -> None:
    context = context_of(Trigger("abandoned", when=ABANDONED))
    state, out = fold([event(START, "Added")], context=context)
    assert fired(out) == []
    at_rest(state, START + 30 * MINUTE - 1, context, out)
    assert fired(out) == []
    at_rest(state, START + 24 * HOUR, context, out)
    assert fired(out) == [("abandoned", 30 * MINUTE, "deadline")]


def test_quiet_hours_put_off_what_fires_and_a_contradiction_takes_it_back() -> None:
    context = context_of(Trigger("abandoned", when=ABANDONED, quiet_hours=QuietHours(0, 24 * 60 - 1)))
    night = START - START % (24 * HOUR)
    added = event(night + HOUR, "Added", context={"timezone": "UTC"})
    state, out = fold([added], context=context)
    at_rest(state, night + 2 * HOUR - 1, context, out)
    assert out.triggers == [], "it waits for a minute before midnight"
    assert at_rest(deepcopy(state), night + 24 * HOUR, context, out).triggers.firings
    assert out.triggers == [], "the cart is not abandoned any more by then"


def test_a_condition_that_begins_within_the_cool_down_fires_when_that_ends_if_it_lasts() -> None:
    context = context_of(Trigger("pro", when=PRO, cool_down_ms=HOUR))
    plans = [(0, "pro"), (1, "free"), (2, "pro"), (HOUR + 1, "free"), (HOUR + 2, "pro"), (2 * HOUR - 1, "free")]
    state, out = fold([identify(START + at, {"plan": plan}) for at, plan in plans], context=context)
    at_rest(state, START + 10 * HOUR, context, out)
    assert [at for _, at, _ in fired(out)] == [0, HOUR], "the third time it did not last"


def test_two_histories_that_become_one_fire_nothing_again_and_lose_nothing() -> None:
    context = context_of(Trigger("interested", when=TWICE))
    halves = [
        fold([event(START + at, "Pricing", type="page", message_id=f"p{at}")], context=context)[0] for at in (0, MINUTE)
    ]
    out = Outputs()
    merge.retire(halves[1], context, out)
    merge.merge(halves[0], halves[1], (), 1, context, out)
    assert fired(out) == [("interested", MINUTE, "merge")], "together they begin to hold"

    pages = [pricing(0), pricing(MINUTE)]
    known, _ = fold(pages, context=context)
    other, _ = fold([event(START + 2 * MINUTE, "Pricing", type="page", message_id="other")], context=context)
    out = Outputs()
    merge.retire(known, context, out)
    merge.merge(other, known, (), 1, context, out)
    assert fired(out) == [], "one of them had begun"


def test_once_in_a_session_is_that_of_the_event() -> None:
    context = context_of(Trigger("paid", on=FAILED, once="session"))

    def failed(at: int) -> Event:
        return event(START + at, "Payment Failed", message_id=f"f{at}")

    visit = event(START + 3 * HOUR, message_id="visit")
    _, out = fold([failed(0), visit, failed(10 * MINUTE), failed(3 * HOUR + 1)], context=context)
    assert [at for _, at, _ in fired(out)] == [0, 3 * HOUR + 1], "twenty to ten is of the first visit, which had fired"

    begin = event(START, message_id="begin")
    _, out = fold([begin, failed(3 * HOUR), failed(10 * MINUTE), failed(20 * MINUTE)], context=context)
    assert [at for _, at, _ in fired(out)] == [3 * HOUR, 10 * MINUTE], "the later visit says nothing about the first"

    _, out = fold([failed(3 * HOUR), failed(40 * MINUTE), failed(20 * MINUTE)], context=context)
    assert [at for _, at, _ in fired(out)] == [3 * HOUR, 40 * MINUTE], "a visit may turn out to have begun earlier"


def test_a_condition_fires_once_in_the_session_that_was_last() -> None:
    context = context_of(Trigger("abandoned", when=ABANDONED, once="session"))
    state, out = fold([event(START, "Added"), event(START + MINUTE)], context=context)
    at_rest(state, START + 2 * HOUR, context, out)
    assert [at for _, at, _ in fired(out)] == [30 * MINUTE]
    fold([event(START + 3 * HOUR, "Added", message_id="again")], state, context, out)
    at_rest(state, START + 5 * HOUR, context, out)
    assert [at for _, at, _ in fired(out)] == [30 * MINUTE, 3 * HOUR + 30 * MINUTE]


def test_what_waits_for_a_time_that_has_passed_fires_with_the_merge() -> None:
    context = context_of(Trigger("failed", on=FAILED, quiet_hours=QuietHours(22 * 60, 8 * 60)))
    night = START - START % (24 * HOUR)
    other, _ = fold([event(night + 2 * HOUR, "Payment Failed", message_id="night")], context=context)
    state, _ = fold([event(night + 10 * HOUR, message_id="day")], context=context)
    merge.retire(other, context, Outputs())
    out = Outputs()
    merge.merge(state, other, (), 1, context, out)
    assert [(trigger.fired_at, trigger.cause) for trigger in out.triggers] == [(night + 8 * HOUR, "night")]
    assert next_deadline(state) > state.as_of == night + 10 * HOUR


def test_what_waits_is_given_up_when_a_merge_contradicts_it() -> None:
    context = context_of(Trigger("cart", when=ABANDONED, quiet_hours=QuietHours(22 * 60, 8 * 60)))
    night = START - START % (24 * HOUR)
    other = at_rest(
        fold([event(night + 7 * HOUR, "Added")], context=context)[0], night + 7 * HOUR + 30 * MINUTE, context
    )
    assert next_deadline(other) <= night + 8 * HOUR, "it waits"
    state, out = fold([event(night + 8 * HOUR - 1, "Ordered"), event(night + 10 * HOUR)], context=context)
    merge.retire(other, context, Outputs())
    merge.merge(state, other, (), 1, context, out)
    assert fired(out) == []
    assert next_deadline(state) > state.as_of


NIGHT = START - START % (24 * HOUR) + 22 * HOUR
LIMITED: list[tuple[Trigger, int, list[str]]] = [
    (Trigger("t", once="person"), 5 * MINUTE, []),
    (Trigger("t", once="session"), 5 * MINUTE, []),
    (Trigger("t", once="session"), HOUR, ["visitor"]),
    (Trigger("t", cool_down_ms=HOUR), 5 * MINUTE, []),
    (Trigger("t", cool_down_ms=HOUR), 2 * HOUR, ["visitor"]),
    (Trigger("t"), 5 * MINUTE, ["visitor"]),
]


@pytest.mark.parametrize(("trigger", "after", "causes"), LIMITED)
@pytest.mark.parametrize("is_turned", [False, True])
def test_what_waits_is_given_up_in_a_merge_with_whom_it_had_fired_for(
    trigger: Trigger, after: int, causes: list[str], is_turned: bool
) -> None:
    """Somebody fired before ten in the evening, a visitor waits since; they are one before the morning."""
    context = context_of(msgspec.structs.replace(trigger, on=FAILED, quiet_hours=QuietHours(22 * 60, 8 * 60)))
    known, out = fold([event(NIGHT - MINUTE, "Payment Failed", message_id="known")], context=context)
    assert [each.cause for each in out.triggers] == ["known"]
    visitor, out = fold([event(NIGHT - MINUTE + after, "Payment Failed", message_id="visitor")], context=context)
    assert out.triggers == []
    state, other = (visitor, known) if is_turned else (known, visitor)
    merge.retire(other, context, Outputs())
    merge.merge(state, other, (), 1, context, out)
    assert bool(state.triggers.waiting()) is bool(causes)
    at_rest(state, NIGHT + 10 * HOUR, context, out)
    assert [(each.fired_at - NIGHT, each.cause) for each in out.triggers] == [(10 * HOUR, cause) for cause in causes]


def test_a_trigger_that_is_brought_back_remembers_whom_it_fired_for() -> None:
    with_it, without = context_of(Trigger("welcome", on=FAILED, once="person")), context_of()
    failed = [event(START + at, "Payment Failed") for at in (0, HOUR)]
    state, out = fold(failed[:1], context=with_it)
    refresh(state, without, out)
    refresh(state, with_it, out)
    fold(failed[1:], state, with_it, out)
    assert [at for _, at, _ in fired(out)] == [0]


def test_a_trigger_that_is_defined_anew_does_not_fire_for_those_who_fulfil_it_already() -> None:
    before, after = (
        context_of(),
        context_of(Trigger("pro", when=TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),)))),
    )
    state, out = fold([identify(START, {"plan": "pro"})], context=before)
    at_rest(state, START + 1, after, out)
    assert fired(out) == []
    fold([identify(START + 2, {"plan": "free"}), identify(START + 3, {"plan": "pro"})], state, after, out)
    assert [at for _, at, _ in fired(out)] == [3]


def begun(state: ProfileState | None, now: int) -> Rebuilding:
    """The profile as it waits for a replay since a time."""
    rebuilding = rebuild.begin(state, Rebuild(7, (Identifier("user_id", "ann"),)), now, Outputs())
    assert rebuilding is not None
    return rebuilding


def rebuilt(
    rebuilding: Rebuilding, chunks: Sequence[Sequence[Event]], context: FoldContext, now: int, attempt: str = "1"
) -> tuple[ProfileState, Outputs]:
    """The profile after a replay in so many chunks, and what it publishes as of a time."""
    assert rebuild.begin_attempt(rebuilding, attempt, 0)
    for chunk in chunks:
        meanwhile = rebuild.came_meanwhile(rebuilding, chunk, ())
        list(rebuild.replay(rebuilding, chunk, lambda _: False, context, Outputs(), meanwhile))
        stored = decode_entry(encode_entry(rebuilding, 0))
        assert isinstance(stored, Rebuilding)
        rebuilding = stored
    out = Outputs()
    return rebuild.finish(rebuilding, (), now, context, out), out


def failed_at(at: int) -> Event:
    return event(START + at, "Payment Failed", message_id=f"f{at}")


def test_a_rebuild_fires_nothing_again_but_what_fell_due_meanwhile() -> None:
    context = context_of(Trigger("abandoned", when=ABANDONED), Trigger("failed", on=FAILED))
    events = [event(START, "Added"), event(START + 1, "Payment Failed")]
    state, out = fold(events, context=context)
    assert fired(out) == [("failed", 1, events[1].message_id)]
    _, out = rebuilt(begun(state, START + MINUTE), [events], context, START + HOUR)
    assert fired(out) == [("abandoned", 30 * MINUTE, "deadline")]


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_what_came_while_a_rebuild_ran_fires_when_it_is_done(is_known: bool) -> None:
    context = context_of(Trigger("failed", on=FAILED), Trigger("interested", when=TWICE))
    history, late, new = [failed_at(0), pricing(HOUR)], failed_at(10 * MINUTE), [failed_at(2 * HOUR), pricing(HOUR + 1)]
    state, _ = fold(history, context=context)
    rebuilding = begun(state if is_known else None, START + HOUR)
    for each in (late, *new, history[0]):
        rebuild.buffer(rebuilding, each)
    chunks = [[history[0], late, history[1]], new[::-1]]
    assert rebuild.begin_attempt(rebuilding, "1", 0)
    assert len(list(rebuild.replay(rebuilding, new, lambda _: False, context, Outputs(), {"f7200000"}))) == len(new)
    after, out = rebuilt(rebuilding, chunks, context, START + 3 * HOUR, attempt="2")
    again = [] if is_known else [("failed", 0, "f0")]  # nobody knows that it came before
    assert fired(out) == [
        *again,
        ("failed", 10 * MINUTE, "f600000"),
        ("interested", HOUR + 1, f"p{HOUR + 1}"),
        ("failed", 2 * HOUR, "f7200000"),
    ]
    versions = [trigger.version for trigger in out.triggers]
    assert versions == sorted(set(versions))
    assert versions[-1] <= after.lineage.version


def test_what_is_known_of_a_profile_survives_a_later_decision() -> None:
    once = Trigger("coupon", on=FAILED, once="person")
    context = context_of(Trigger("failed", on=FAILED), Trigger("abandoned", when=ABANDONED), once)
    events = [event(START, "Added"), failed_at(0), failed_at(MINUTE)]
    state, _ = fold(events[:2], context=context)
    first = begun(state, START + 1)
    rebuild.buffer(first, events[2])
    again = rebuild.begin(first, Rebuild(8, (Identifier("user_id", "ann"),)), START + 10 * HOUR, Outputs())
    assert again is not None
    _, out = rebuilt(again, [events], context, START + 10 * HOUR)
    assert fired(out) == [("failed", MINUTE, "f60000"), ("abandoned", 30 * MINUTE, "deadline")]


def test_events_of_another_profile_that_a_rebuild_brings_fire_nothing() -> None:
    context = context_of(Trigger("failed", on=FAILED), Trigger("abandoned", when=ABANDONED))
    state, _ = fold([failed_at(0)], context=context)
    others = [event(START + 10 * HOUR, "Added"), failed_at(11 * HOUR)]
    _, out = rebuilt(begun(state, START + 100 * HOUR), [[failed_at(0)], others], context, START + 101 * HOUR)
    assert fired(out) == []


def test_a_rebuild_remembers_what_fired_and_invents_nothing() -> None:
    without, context = context_of(), context_of(Trigger("coupon", on=FAILED, once="person"))
    state, _ = fold([failed_at(0)], context=without)
    after, out = rebuilt(begun(state, START + HOUR), [[failed_at(0)]], context, START + HOUR)
    fold([failed_at(2 * HOUR)], after, context, out)
    assert [at for _, at, _ in fired(out)] == [2 * HOUR], "the first came before the trigger was defined"

    state, _ = fold([failed_at(0), failed_at(HOUR)], context=context)
    after, out = rebuilt(begun(state, START + HOUR), [[failed_at(HOUR)]], context, START + HOUR)
    fold([failed_at(2 * HOUR)], after, context, out)
    assert fired(out) == [], "the event has expired, that it fired has not"

    after, out = rebuilt(begun(None, START + HOUR), [[failed_at(0)]], context, START + HOUR)
    fold([failed_at(2 * HOUR)], after, context, out)
    assert fired(out) == [], "nothing is known of a profile that came apart from another but its events"


@pytest.mark.parametrize("trigger", [Trigger("t", on=FAILED), Trigger("t", when=EventCount(FAILED, Window(24 * HOUR)))])
def test_what_waits_for_the_end_of_quiet_hours_still_waits_after_a_rebuild(trigger: Trigger) -> None:
    context = context_of(msgspec.structs.replace(trigger, quiet_hours=QuietHours(22 * 60, 8 * 60)))
    night = START - START % (24 * HOUR)
    events = [event(night + HOUR, "Payment Failed", message_id="night"), event(night + 2 * HOUR)]
    state, _ = fold(events, context=context)
    for now in (3, 9):
        after, out = rebuilt(begun(deepcopy(state), night + 3 * HOUR), [events], context, night + now * HOUR)
        at_rest(after, night + 24 * HOUR, context, out)
        assert [(each.fired_at - night, each.cause) for each in out.triggers] == [(8 * HOUR, "night")]
    after, out = rebuilt(begun(state, night + 3 * HOUR), [events[1:]], context, night + 3 * HOUR)
    at_rest(after, night + 24 * HOUR, context, out)
    assert out.triggers == [], "the event belongs to another"


@pytest.mark.parametrize(("began_at", "now"), [(MINUTE, MINUTE), (MINUTE, 3 * HOUR), (2 * HOUR, 3 * HOUR)])
def test_a_rebuild_lets_wait_for_the_cool_down_what_did_and_repeats_nothing(began_at: int, now: int) -> None:
    context = context_of(Trigger("pro", when=PRO, cool_down_ms=HOUR))
    plans = [identify(START + at, {"plan": plan}) for at, plan in ((0, "pro"), (1, "free"), (2, "pro"))]
    state, before = fold(plans, context=context)
    at_rest(state, START + began_at, context, before)
    after, out = rebuilt(begun(state, START + began_at), [plans], context, START + now)
    at_rest(after, START + 10 * HOUR, context, out)
    assert [at for _, at, _ in (*fired(before), *fired(out))] == [0, HOUR]


def test_a_payload_says_the_segments_that_hold_with_the_event() -> None:
    segments = [Segment("interested", TWICE)]
    context = context_of(
        Trigger("t", when=TWICE, payload=(("s", "{{ profile.segments | join: ',' }}"),)), segments=segments
    )
    pages = [pricing(0), pricing(MINUTE)]
    _, out = fold(pages, ProfileState(), context)
    assert json.loads(out.triggers[0].payload) == {"s": "interested"}
