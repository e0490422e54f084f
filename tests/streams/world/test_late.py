"""What comes late on the wall clock: nothing is told that the next record contradicts."""

from collections.abc import Iterable, Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import Definitions, Segment, compile_program
from definitions.model import AllOf, Call, EventCount, EventMatcher, Not, Window
from identity.rules import DEFAULT_RULES
from schemas.records import Event, EventType, Identifier, SegmentChange
from streams.agents.profile.clocks import MERGE_MS
from streams.fold.fold import advance, fold_event
from streams.fold.moment import FoldContext, Outputs
from streams.fold.state import ProfileState
from tests.streams.world.playing import HOUR, MINUTE
from tests.streams.world.world import NOW, WORKSPACE, World

SECOND, DAY = 1_000, 24 * HOUR
ADDED, ORDERED = EventMatcher((Call("track", "Product Added"),)), EventMatcher((Call("track", "Order Completed"),))
ABANDONED = AllOf(
    (
        EventCount(ADDED, Window(HOUR)),
        Not(EventCount(ADDED, Window(30 * MINUTE))),
        Not(EventCount(ORDERED, Window(DAY))),
    )
)
PROGRAM = compile_program(Definitions((Segment("cart_abandoners", ABANDONED),)))
PHONE, MEI = Identifier("anonymous_id", "phone"), Identifier("user_id", "mei")


def _event(at: int, name: str | None, *identifiers: Identifier, ordinal: int = 1, kind: EventType = "track") -> Event:
    message_id = f"{at}-{name}-{identifiers[0]}"
    return Event(WORKSPACE, "web", message_id, kind, name, at, None, NOW, identifiers, ordinal=ordinal)


def _cart(ago: int) -> list[Event]:
    """An anonymous visitor fills a cart, signs in, and buys."""
    at = NOW - ago
    return [
        _event(at, "Product Added", PHONE),
        _event(at + 5 * MINUTE, None, MEI, PHONE, kind="identify"),
        _event(at + 9 * MINUTE, "Order Completed", MEI, PHONE),
    ]


def _world(random: Random) -> World:
    return World(random.choice((1, 2, 3)), random, DEFAULT_RULES, PROGRAM, "wall")


def _come_to_rest(world: World) -> None:
    """Let everything be read, and time pass until nothing is held back."""
    for _ in range(4):
        world.run()
        world.pass_time(5 * SECOND)
    world.run()


def _changes(world: World) -> list[tuple[str, str, int]]:
    return [(change.profile_id, change.change, change.changed_at) for change in world.segment_changes()]


@given(st.integers(0, 2**64 - 1), st.sampled_from([31 * MINUTE, 35 * MINUTE, 2 * HOUR, 3 * DAY]))
def test_a_buyer_whose_cart_sign_in_and_order_come_in_one_batch_has_abandoned_nothing(seed: int, ago: int) -> None:
    random = Random(seed)
    world = _world(random)
    for event in _cart(ago):
        world.send(event)
    while world.step():
        world.pass_time(random.choice((0, 10, 100, 200)))
    _come_to_rest(world)

    assert _changes(world) == []


@given(st.integers(0, 2**64 - 1), st.permutations(range(3)))
def test_nor_has_one_whose_requests_come_a_second_apart_in_any_order(seed: int, order: Sequence[int]) -> None:
    world = _world(Random(seed))
    cart = _cart(2 * HOUR)
    for number in order:
        world.send(cart[number])
        world.run()
        for _ in range(10):
            world.pass_time(SECOND // 10)
            world.run()
    _come_to_rest(world)

    assert _changes(world) == []


def _history(random: Random, number: int, until: int) -> list[Event]:
    """28 days of a visitor who signs in at some time, in the order of time, until shortly before `until`."""
    visitor, user = Identifier("anonymous_id", f"v{number}"), Identifier("user_id", f"u{number}")
    at, events = NOW - 28 * DAY + random.randrange(DAY), list[Event]()
    identifiers: tuple[Identifier, ...] = (visitor,)
    while at < until - 5 * SECOND:
        if random.random() < 0.2 and len(identifiers) == 1:
            identifiers = (user, visitor)
            events.append(_event(at, None, *identifiers, kind="identify"))
        else:
            name = random.choice(("Product Added", "Product Added", "Order Completed", "View"))
            events.append(_event(at, name, *identifiers, ordinal=len(events) + 1))
        at += random.choice((0, 1, MINUTE, 20 * MINUTE, 30 * MINUTE, HOUR, DAY, 3 * DAY))
    return [*events, _event(until - 5 * SECOND, None, user, visitor, kind="identify")]


def _published_in_time(history: Iterable[Event], until: int) -> list[tuple[str, int]]:
    """What is published of a person whose events come in time."""
    context, out, state = FoldContext(WORKSPACE, "id", PROGRAM, lambda _: 0), Outputs(), ProfileState()
    for event in history:
        fold_event(state, event, context, out)
    advance(state, until, context, out)
    return _directions(out.segment_changes)


def _directions(changes: Iterable[SegmentChange]) -> list[tuple[str, int]]:
    return [(change.change, change.changed_at) for change in changes]


@pytest.mark.soak(has_short_form=True)
@given(st.integers(0, 2**64 - 1), st.sampled_from(["by time", "by person", "shuffled"]))
def test_28_days_that_are_sent_at_once_tell_what_they_had_published_in_time(seed: int, order: str) -> None:
    random = Random(seed)
    until = NOW - MINUTE if order == "shuffled" else NOW  # what is on time waits for nothing that was before it
    world, histories = _world(random), [_history(random, number, until) for number in range(4)]
    sent = [event for history in histories for event in history]
    if order == "by time":
        sent.sort(key=lambda event: event.occurred_at)
    elif order == "shuffled":
        random.shuffle(sent)
    for event in sent:
        world.send(event)
        while random.random() < 0.5 and world.step():
            world.pass_time(random.choice((0, 1, 10)))
    _come_to_rest(world)

    published: dict[str, list[SegmentChange]] = {change.profile_id: [] for change in world.segment_changes()}
    for change in world.segment_changes():
        published[change.profile_id].append(change)
    expected = {
        world.profile_id(history[-1].identifiers[0]): _published_in_time(history, world.now) for history in histories
    }
    assert {person: _directions(changes) for person, changes in published.items()} == {
        person: changes for person, changes in expected.items() if changes
    }


@given(st.integers(0, 2**64 - 1))
def test_who_buys_in_time_has_abandoned_nothing_however_far_behind_the_worker_is(seed: int) -> None:
    """Half an hour after the cart it would lapse; records are read late, and some partitions far behind others."""
    random = Random(seed)
    world = _world(random)
    people = [Identifier("user_id", f"u{number}") for number in range(6)]
    due = sorted((at, number, name) for number in range(6) for at, name in _paid_in_time(random))
    while due or world.unread():
        while due and due[0][0] <= world.now:
            at, number, name = due.pop(0)
            world.send(msgspec.structs.replace(_event(at, name, people[number]), received_at=world.now))
        world.look()
        if random.random() < 0.5:
            world.step()
        world.pass_time(random.choice((0, SECOND, 10 * MINUTE)) if not due or random.random() < 0.5 else SECOND)
    world.look()
    _come_to_rest(world)

    assert _changes(world) == []


@given(st.integers(0, 2**64 - 1), st.permutations(range(4)), st.booleans())
def test_nor_has_one_who_is_active_while_another_device_sends_the_past(
    seed: int, order: Sequence[int], has_signed_in: bool
) -> None:
    world = _world(Random(seed))
    look = msgspec.structs.replace(_event(NOW, "View", MEI), received_at=NOW)
    cart = _cart(3 * HOUR) if has_signed_in else [_of(each, MEI) for each in _cart(3 * HOUR)]
    events = [*cart, look]
    for number in order:
        world.send(events[number])
        if world.random.random() < 0.7:
            world.run()
            world.pass_time(world.random.choice((0, 100, SECOND)))
    _come_to_rest(world)

    assert _changes(world) == []


def _of(event: Event, *identifiers: Identifier) -> Event:
    return msgspec.structs.replace(event, identifiers=identifiers)


def _paid_in_time(random: Random) -> list[tuple[int, str]]:
    at = NOW + random.randrange(MINUTE)
    return [(at, "Product Added"), (at + 20 * MINUTE + random.randrange(9 * MINUTE), "Order Completed")]


def test_a_lapse_fires_as_soon_as_all_that_arrived_before_it_is_read() -> None:
    world = World(2, Random(0), DEFAULT_RULES, PROGRAM, "wall")
    world.send(_event(NOW, "Product Added", MEI))
    world.run()
    for at, changes in ((30 * MINUTE + MERGE_MS - 1, []), (30 * MINUTE + MERGE_MS, ["entered"])):
        world.now = NOW + at
        world.look()
        world.pass_time(0)
        assert [change for _, change, _ in _changes(world)] == changes
