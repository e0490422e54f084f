"""Lines: order, supersession and repetition, whatever the outcomes, and whenever the process is killed."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.receivers.values import Holds
from schemas.activations import Activation
from schemas.records import Identifier
from sinks.delivery import lines
from sinks.delivery.lines import Attempted, Line
from sinks.destinations.contract import Delivered, Outcome, Refused, Retry, Unauthorised
from state.view import StateView
from tests.sinks.delivery.examples import activation

KEY = lines.line_key("shop", b"w|person|p")


class Memory:
    """A store as a dict, to which a round's view is committed, or not."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.values.get(key) for key in keys]

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:  # noqa: ARG002 - one line is enough here
        value = self.values.get(KEY)
        due_at = None if value is None else lines.due_at_of(value)
        return [KEY] if due_at is not None and due_at <= until else []

    def after(self, key: bytes, limit: int) -> list[bytes]:
        return sorted(each for each in self.values if each > key)[:limit]

    def range(self, prefix: bytes) -> list[bytes]:
        return sorted(each for each in self.values if each.startswith(prefix))

    def commit(self, view: StateView) -> None:
        for key, value in view.changes.items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = value


def encode(change: Activation) -> bytes:
    return msgspec.json.encode(change)


def decode(record: bytes) -> Activation:
    return msgspec.json.decode(record, type=Activation)


class World:
    """One line, with a receiver that applies what it takes. Every step is a round that is committed."""

    def __init__(self, holds: Holds, batch: int = 1) -> None:
        self.store = Memory()
        self.holds = holds
        self.batch = batch
        self.now = 1
        self.taken: list[Activation] = []
        self.unsent: dict[str, str] = {}
        self.begun: list[tuple[int, Activation]] = []  # under way; forgotten by a kill

    def admit(self, change: Activation) -> None:
        view = StateView(self.store)
        for each in lines.admit(view, KEY, change, encode(change), self.holds, self.now, decode):
            self.unsent[decode(each.record).activation_id] = each.reason
        self.store.commit(view)

    def begin(self) -> None:
        self.now += 1
        if self.begun or not self.store.due("shop", self.now, 1):
            return
        view = StateView(self.store)
        while items := lines.head(view, KEY, self.batch):
            first = decode(items[0].waiting.record)
            if (
                self.holds == "states"
                and first.change == "exited"
                and not lines.read(view, KEY).may_be_held(first.name)
            ):
                lines.drop(view, KEY, items[0].number, self.now)
                self.unsent[first.activation_id] = "not_held"
                continue
            break
        chosen = [(item.number, decode(item.waiting.record)) for item in items]
        if self.holds == "states":  # the gate is asked of each when it is the first
            chosen = chosen[:1]
        if chosen:
            lines.begin(view, KEY, chosen, self.now)
        self.store.commit(view)
        self.begun = chosen

    def end(self, outcomes: Sequence[Outcome], has_arrived: bool) -> None:
        """The receiver answers what is under way; `has_arrived`: it takes also what it does not say it has taken."""
        if not self.begun:
            return
        attempted = []
        for (number, change), outcome in zip(self.begun, outcomes, strict=False):
            if isinstance(outcome, Delivered) or (isinstance(outcome, Retry) and has_arrived):
                self.taken.append(change)
            if isinstance(outcome, Refused):
                self.unsent[change.activation_id] = "refused"
            attempted.append(Attempted(number, change, outcome))
        view = StateView(self.store)
        lines.settle(view, KEY, attempted, self.now, lambda line, _: self.now + line.attempts)
        self.store.commit(view)
        self.begun = []

    def kill(self) -> None:
        self.begun = []

    def drain(self) -> None:
        for _ in range(10_000):
            if not (value := self.store.values.get(KEY)) or lines.due_at_of(value) is None:
                return
            self.now += 1_000
            self.begin()
            self.end([Delivered()] * self.batch, has_arrived=True)
        raise AssertionError("the line does not end")


OUTCOMES: list[Outcome] = [
    Delivered(),
    Retry("timeout", "no answer"),
    Retry("throttled", "later", after_ms=5),
    Unauthorised("no"),
    Refused("rejected", "never"),
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=4)),
        st.tuples(st.just("replay"), st.integers(0, 30)),
        st.just(("begin", None)),
        st.tuples(st.just("end"), st.lists(st.sampled_from(OUTCOMES), min_size=3, max_size=3), st.booleans()),
        st.tuples(st.just("turn"), st.lists(st.sampled_from(OUTCOMES), min_size=3, max_size=3), st.booleans()),
        st.just(("kill", None)),
    ),
    max_size=60,
)


def play(world: World, steps: Sequence[tuple[object, ...]]) -> list[Activation]:
    """Play a history; return what was admitted, in order, without replays."""
    admitted: list[Activation] = []
    members: set[str] = set()
    for step in steps:
        match step:
            case ("admit", list(names)):
                for name in names:
                    members ^= {name}
                    change: Literal["entered", "exited"] = "entered" if name in members else "exited"
                    admitted.append(activation(len(admitted) + 1, change, name))
                    world.admit(admitted[-1])
            case ("replay", int(number)) if number < len(admitted):
                world.admit(admitted[number])
            case ("begin", _):
                world.begin()
            case ("end", list(outcomes), bool(has_arrived)):
                world.end(outcomes, has_arrived)
            case ("turn", list(outcomes), bool(has_arrived)):
                world.now += 100
                world.begin()
                world.end(outcomes, has_arrived)
            case ("kill", _):
                world.kill()
    return admitted


def in_order(taken: Sequence[Activation], steps: Sequence[tuple[object, ...]]) -> list[list[Activation]]:
    """Return what is to be in order: everything, or what is about a segment if something was replayed."""
    if not any(step[0] == "replay" for step in steps):
        return [list(taken)]
    return [[each for each in taken if each.name == name] for name in ("a", "b")]


@given(STEPS)
def test_what_a_receiver_of_states_holds_in_the_end_is_the_last_change_of_each_segment(
    steps: list[tuple[object, ...]],
) -> None:
    world = World("states")
    admitted = play(world, steps)
    world.drain()

    for name in ("a", "b"):
        last = [each for each in admitted if each.name == name][-1:]
        held = [each.change for each in world.taken if each.name == name][-1:]
        if last and world.unsent.get(last[0].activation_id) != "refused":
            assert (held == ["entered"]) == (last[0].change == "entered")


@given(STEPS)
def test_of_states_nothing_older_comes_after_something_newer_of_a_segment(steps: list[tuple[object, ...]]) -> None:
    world = World("states")
    play(world, steps)
    world.drain()

    for name in ("a", "b"):
        versions = [each.version for each in world.taken if each.name == name]
        assert versions == sorted(versions)


@given(STEPS)
def test_every_event_arrives_in_order_and_is_repeated_only_before_anything_later(
    steps: list[tuple[object, ...]],
) -> None:
    world = World("events")
    admitted = play(world, steps)
    world.drain()

    for taken in in_order(world.taken, steps):
        versions = [each.version for each in taken]
        assert versions == sorted(versions)
    arrived = {each.activation_id for each in world.taken}
    assert {each.activation_id for each in admitted} <= arrived | world.unsent.keys()


@given(STEPS, st.integers(2, 3))
def test_of_several_that_begin_together_nothing_is_lost_and_what_is_behind_a_retry_is_sent_again(
    steps: list[tuple[object, ...]], batch: int
) -> None:
    world = World("events", batch)
    admitted = play(world, steps)
    world.drain()

    arrived = {each.activation_id for each in world.taken}
    assert {each.activation_id for each in admitted} <= arrived | world.unsent.keys()
    for taken in in_order(world.taken, steps):
        last = {each.version: at for at, each in enumerate(taken)}
        assert sorted(last, key=last.__getitem__) == sorted(last)


def test_an_entry_that_has_not_begun_and_its_exit_leave_nothing_to_send() -> None:
    world = World("states")
    world.admit(activation(1, "entered"))
    world.admit(activation(2, "exited"))
    world.drain()

    assert world.taken == []
    assert world.unsent == {"p-buyers-1": "newer", "p-buyers-2": "not_held"}


def entered_and_left(*outcomes: Outcome) -> World:
    """Somebody enters, attempts end so, and the person leaves."""
    world = World("states")
    world.admit(activation(1, "entered"))
    for outcome in outcomes:
        world.now += 1_000
        world.begin()
        world.end([outcome], has_arrived=False)
    world.admit(activation(2, "exited"))
    world.drain()
    return world


def test_the_exit_of_whom_the_receiver_refused_at_once_is_not_sent() -> None:
    world = entered_and_left(Refused("rejected", "no"))
    assert world.taken == []
    assert world.unsent == {"p-buyers-1": "refused", "p-buyers-2": "not_held"}


@pytest.mark.parametrize(
    "outcomes",
    [
        (Retry("timeout", "no answer"), Refused("rejected", "no")),
        (Unauthorised("no"), Refused("rejected", "no")),
        (Refused("rejected", "one of two addresses", is_partial=True),),
    ],
)
def test_an_entry_that_may_have_arrived_is_followed_by_its_exit_although_it_was_refused(
    outcomes: tuple[Outcome, ...],
) -> None:
    assert [each.change for each in entered_and_left(*outcomes).taken] == ["exited"]


def test_an_entry_that_has_begun_before_a_kill_may_have_arrived_although_the_next_attempt_is_refused() -> None:
    world = World("states")
    world.admit(activation(1, "entered"))
    world.begin()
    world.kill()
    world.begin()
    world.end([Refused("rejected", "no")], has_arrived=False)
    world.admit(activation(2, "exited"))
    world.drain()
    assert [each.change for each in world.taken] == ["exited"]


def test_whom_a_receiver_holds_it_still_holds_after_it_has_refused_another_entry() -> None:
    world = World("states")
    world.admit(activation(1, "entered"))
    world.drain()
    world.admit(activation(2, "entered"))
    world.begin()
    world.end([Refused("rejected", "no")], has_arrived=False)
    world.admit(activation(3, "exited"))
    world.drain()
    assert [each.change for each in world.taken] == ["entered", "exited"]


def test_of_an_entry_and_its_exit_that_were_both_refused_a_replay_sends_neither() -> None:
    world = entered_and_left(Refused("rejected", "no"))
    for change in (activation(1, "entered"), activation(2, "exited")):
        world.admit(change)
        world.drain()
    assert world.taken == []
    assert world.unsent == {"p-buyers-1": "older", "p-buyers-2": "not_held"}


@pytest.mark.parametrize("holds", ["states", "events"])
def test_an_older_change_that_is_replayed_is_superseded(holds: Holds) -> None:
    world = World(holds)
    world.admit(activation(1, "entered"))
    world.drain()
    world.admit(activation(2, "exited"))
    world.drain()
    world.admit(activation(1, "entered"))
    world.drain()

    assert [each.version for each in world.taken] == [1, 2]
    assert world.unsent == {"p-buyers-1": "older"}


def test_an_entry_that_was_refused_is_not_sent_after_the_exit() -> None:
    world = World("events")
    world.admit(activation(2, "entered"))
    world.begin()
    world.end([Refused("rejected", "no")], has_arrived=False)
    world.admit(activation(5, "exited"))
    world.admit(activation(2, "entered"))
    world.drain()

    assert [each.change for each in world.taken] == ["exited"]
    assert world.unsent == {"p-buyers-2": "older"}


def test_the_newest_change_is_sent_again_when_it_is_replayed() -> None:
    world = World("events")
    world.admit(activation(2, "entered"))
    world.begin()
    world.end([Refused("rejected", "no")], has_arrived=False)
    world.admit(activation(2, "entered"))
    world.drain()

    assert [each.version for each in world.taken] == [2]


def test_a_trigger_that_is_older_than_another_is_sent_when_it_is_replayed() -> None:
    world = World("events")
    for version in (1, 2, 1):
        world.admit(activation(version, "fired"))
    world.drain()

    assert [each.version for each in world.taken] == [1, 2, 1]


def test_what_a_line_of_events_remembers_is_bounded_by_the_segments() -> None:
    world = World("events")
    sizes = set()
    for version in range(1, 100, 2):
        world.admit(activation(version, "entered"))
        world.admit(activation(version + 1, "exited"))
        world.drain()
        sizes.add(len(world.store.values))

    assert sizes == {1}
    assert len(lines.read(StateView(world.store), KEY).segments) == 1


def test_what_comes_beyond_the_bound_of_a_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_WAITING", 2)
    world = World("events")
    for version in (1, 2, 3):
        world.admit(activation(version, "fired"))
    world.drain()

    assert [each.version for each in world.taken] == [1, 2]
    assert world.unsent == {"p-buyers-3": "too_many_waiting"}


def test_a_line_of_events_that_is_empty_is_forgotten() -> None:
    world = World("events")
    world.admit(activation(1, "fired"))
    world.drain()

    assert world.store.values == {}


def test_the_time_for_which_credentials_are_not_accepted_does_not_count_and_the_line_is_due_at_the_next_trial() -> None:
    store, change = Memory(), activation(1, "fired")
    view = StateView(store)
    lines.admit(view, KEY, change, encode(change), "events", 1_000, decode)
    refused = Attempted(0, change, Unauthorised("no"), has_suspended=True)

    assert lines.begin(view, KEY, [(0, change)], 1_000) == (1, 0)
    (settled,) = lines.settle(view, KEY, [refused], 1_000, lambda _line, _outcome: 6_000)
    assert (settled.outcome, settled.reason, settled.due_at) == ("suspended", "unauthorised", 6_000)
    assert lines.read(view, KEY).due_at == 6_000
    assert lines.begin(view, KEY, [(0, change)], 90_000) == (1, 1_000)
    assert lines.read(view, KEY).first_attempt_at == 90_000


def test_refused_credentials_that_are_the_deliverys_own_trouble_are_attempted_again_and_expire() -> None:
    store, change = Memory(), activation(1, "fired")
    view = StateView(store)
    lines.admit(view, KEY, change, encode(change), "events", 1_000, decode)
    refused = Attempted(0, change, Unauthorised("a firewall"))
    until = iter([2_000, None])

    outcomes = []
    for now in (1_000, 2_000):
        lines.begin(view, KEY, [(0, change)], now)
        (settled,) = lines.settle(view, KEY, [refused], now, lambda _line, _outcome: next(until))
        outcomes.append((settled.outcome, settled.reason))
    assert outcomes == [("retry", "unauthorised"), ("refused", "expired")]
    assert lines.read(view, KEY).count == 0


def test_a_delivery_for_which_the_time_is_over_is_refused_with_what_it_failed_of() -> None:
    store = Memory()
    view = StateView(store)
    change = activation(1, "fired")
    lines.admit(view, KEY, change, encode(change), "events", 1, decode)
    lines.begin(view, KEY, [(0, change)], 1)

    def never(line: Line, outcome: Outcome) -> int | None:  # noqa: ARG001 - the signature of what says when
        return None

    (settled,) = lines.settle(view, KEY, [Attempted(0, change, Retry("network", "no connection"))], 2, never)
    assert (settled.outcome, settled.reason) == ("refused", "expired")
    assert "network: no connection" in settled.detail
    assert lines.read(view, KEY).count == 0


ANN, BOB = (Identifier("email", f"{name}@shop.example") for name in ("ann", "bob"))


@pytest.mark.parametrize(("now", "is_sent"), [((ANN, BOB), False), ((BOB,), True), ((BOB, ANN), True)])
def test_an_exit_is_sent_before_a_change_that_does_not_name_all_that_it_does(
    now: tuple[Identifier, ...], is_sent: bool
) -> None:
    world = World("states")
    for version, (change, identifiers) in enumerate((("entered", (ANN,)), ("exited", (ANN,)), ("entered", now)), 1):
        world.admit(msgspec.structs.replace(activation(version, change), identifiers=identifiers))  # type: ignore[arg-type]
        if version == 1:
            world.drain()
    world.drain()
    assert [each.change for each in world.taken] == ["entered", *["exited"] * is_sent, "entered"]


def test_an_exit_that_names_more_is_sent_in_the_place_of_a_later_one() -> None:
    world = World("states")
    for version, (change, identifiers) in enumerate(
        (("entered", (ANN, BOB)), ("exited", (ANN, BOB)), ("exited", (ANN,))), 1
    ):
        world.admit(msgspec.structs.replace(activation(version, change), identifiers=identifiers))  # type: ignore[arg-type]
        if version == 1:
            world.drain()
    world.drain()
    assert [(each.change, each.identifiers) for each in world.taken] == [
        ("entered", (ANN, BOB)),
        ("exited", (ANN, BOB)),
    ]
