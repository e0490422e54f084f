"""What begins, of whom, and what of it counts."""

from collections import deque
from collections.abc import Mapping
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.destinations import Cap, Checks, Destination
from definitions.mapping import Constant, Fields, Selected, Text
from definitions.receivers import Receiver
from definitions.receivers.sql import Sql
from definitions.receivers.values import Holds
from definitions.receivers.webhook import Webhook
from schemas.activations import REAFFIRM, REINSTATE, Activation
from schemas.records import ConsentChange, DeliveryAttempt, ProfileCommand, Reaffirm
from schemas.topics import PROFILE_COMMANDS
from sinks.delivery import lines
from sinks.delivery.bounced import BouncedDeliveries
from sinks.delivery.caps import sent_at
from sinks.delivery.choosing import Choice, Request, choose
from sinks.delivery.hastening import Hastening
from sinks.delivery.notes import Notes
from sinks.delivery.outlet import Outlet
from sinks.delivery.reaffirming import Reaffirmations
from sinks.delivery.rounds import Ended, settle
from sinks.delivery.served import Served
from sinks.destinations.contract import Delivered, Outcome, Refused, Retry, Unauthorised
from state.view import StateView
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_lines import KEY, Memory, decode, encode
from tests.sinks.delivery.test_outlet import OPENED

HOUR = 3_600_000
NOW = 100 * HOUR


TAKES: Mapping[Holds, Receiver] = {
    "events": Webhook("https://shop.example"),
    "states": Sql("sqlite:////shop.db", "audience"),
}


BY_ADDRESS = Fields((("emails", Selected(("identifiers", "email"))),))
BY_TRAIT = Fields((("mail", Text("{{ traits.email }}")),))
BY_PROFILE = Fields((("id", Selected(("profile", "id"))), ("segment", Selected(("name",))), ("from", Constant("us"))))


def served(
    holds: Holds = "events",
    caps: tuple[Cap, ...] = (Cap(1, HOUR),),
    not_older_than_ms: int | None = None,
    mapping: Fields = BY_ADDRESS,
) -> Served:
    definition = Destination(
        "shop",
        receiver=TAKES[holds],
        mapping=mapping,
        checks=Checks(channel="email", caps=caps, not_older_than_ms=not_older_than_ms),
    )
    return Served(definition, OPENED, Outlet(definition.pace, lambda: None), HOUR, {})


def choice(view: StateView, now: int) -> Choice:
    def said(attempt: DeliveryAttempt) -> bytes:
        return msgspec.json.encode(attempt.outcome)

    return Choice(
        view,
        lambda record: msgspec.json.decode(record, type=Activation),
        lambda record: msgspec.json.decode(record, type=ConsentChange),
        now,
        Notes(said, now),
        BouncedDeliveries(msgspec.json.encode, ()),
        Reaffirmations(msgspec.json.encode),
    )


def begin(shop: Served, view: StateView, now: int) -> Request | None:
    due = [line for line in view.due("shop", now, 10) if (lines.read(view, line).due_at or 0) <= now]
    return choose(shop, deque(due), choice(view, now))


def end(request: Request, outcome: Outcome, view: StateView, now: int) -> None:
    before = [each.before for each in request.chosen]
    until = request.served.outlet.end(request.served.opened, [outcome], before, now)
    settle(Ended(request, [outcome], 1, until), choice(view, now))


def test_a_delivery_whose_credentials_are_refused_counts_once_for_caps_and_is_due_at_the_next_trial() -> None:
    shop, store, now = served(), Memory(), NOW
    key = lines.line_key("shop", b"w|person|p")
    view = StateView(store)
    change = activation(1)
    lines.admit(view, key, change, encode(change), "events", now, decode)
    store.commit(view)
    for pause in (5_000, 15_000, 60_000):
        view = StateView(store)
        request = begin(shop, view, now)
        assert request is not None
        end(request, Unauthorised("no"), view, now)
        assert lines.read(view, key).due_at == now + pause
        assert len(sent_at(view, shop, b"w|person|p", now)) == 1
        store.commit(view)
        now += pause


def test_what_was_under_way_when_an_operator_resumed_is_tried_again_soon_whatever_the_receiver_asks() -> None:
    shop, store = served(caps=()), Memory()
    key, view, change = lines.line_key("shop", b"w|person|p"), StateView(store), activation(1)
    lines.admit(view, key, change, encode(change), "events", NOW, decode)
    store.commit(view)
    view = StateView(store)
    request = begin(shop, view, NOW)
    assert request is not None
    shop.outlet.resume(NOW + 1_000)
    end(request, Retry("unavailable", "later", after_ms=HOUR), view, NOW + 2_000)
    assert (lines.read(view, key).due_at or 0) < NOW + 60_000


def test_what_was_paused_for_longer_than_it_is_retried_is_retried_all_the_same_once_it_is_resumed() -> None:
    shop, store = served(caps=()), Memory()
    key, view, change = lines.line_key("shop", b"w|person|p"), StateView(store), activation(1)
    lines.admit(view, key, change, encode(change), "events", NOW, decode)
    monday = NOW + 96 * HOUR
    for now in (NOW, monday):
        store.commit(view)
        view = StateView(store)
        request = begin(shop, view, now)
        assert request is not None
        end(request, Retry("unavailable", "503"), view, now)
        assert lines.read(view, key).count == 1, "it waits for its next attempt"
        shop.outlet.resume(monday)


class Sent:
    """A line at an audience that is sent one delivery an hour; every step is a round that is committed."""

    def __init__(self, holds: Holds = "states") -> None:
        self.store, self.now, self.versions = Memory(), NOW, 0
        self.shop = served(holds)

    def admit(self, name: str, change: Literal["entered", "exited", "fired"], cause: str = "m") -> None:
        self.versions += 1
        view = StateView(self.store)
        comes = msgspec.structs.replace(activation(self.versions, change, name), cause=cause)
        lines.admit(view, KEY, comes, encode(comes), self.shop.holds, self.now, decode)
        self.store.commit(view)

    def begin(self) -> tuple[str, str] | None:
        """What begins now."""
        view = StateView(self.store)
        self.request = begin(self.shop, view, self.now)
        self.store.commit(view)
        if self.request is None:
            return None
        (chosen,) = self.request.chosen
        return chosen.delivery.activation.name, chosen.delivery.activation.change

    def end(self, outcome: Outcome) -> None:
        view = StateView(self.store)
        assert self.request is not None
        end(self.request, outcome, view, self.now)
        self.store.commit(view)

    def hasten(self, hastening: Hastening) -> list[bytes]:
        """Which lines are due before their time."""
        view = StateView(self.store)
        hastened = hastening.hastened((self.shop,), view, self.now)
        assert not hastening.is_under_way
        self.store.commit(view)
        return hastened

    def deliver(self) -> list[tuple[str, str]]:
        """What is sent at this time."""
        sent = []
        while (each := self.begin()) is not None:
            sent.append(each)
            self.end(Delivered())
        return sent


def test_an_exit_does_not_wait_for_the_gate_that_another_segments_entry_waits_for() -> None:
    line = Sent()
    line.admit("buyers", "entered")
    assert line.deliver() == [("buyers", "entered")]
    for name in ("readers", "walkers"):
        line.admit(name, "entered")
    line.admit("swimmers", "exited")  # of whom the receiver was never sent: it passes nobody
    assert line.deliver() == []
    line.admit("buyers", "exited")
    assert line.deliver() == [("buyers", "exited")]
    line.admit("readers", "exited")  # whose entry waits: nothing is left to send
    line.now += HOUR
    assert line.deliver() == [("walkers", "entered")]


def test_an_exit_passes_nothing_that_has_begun() -> None:
    line = Sent()
    line.admit("buyers", "entered")
    assert line.deliver() == [("buyers", "entered")]
    line.now += HOUR
    line.admit("readers", "entered")
    assert line.begin() == ("readers", "entered")
    line.admit("buyers", "exited")
    line.end(Retry("unavailable", "503", 5_000))
    assert line.deliver() == []
    line.now += 5_000
    assert line.deliver() == [("readers", "entered"), ("buyers", "exited")]


def test_where_events_are_taken_nothing_passes_anything() -> None:
    line = Sent("events")
    line.admit("buyers", "entered")
    assert line.deliver() == [("buyers", "entered")]
    line.admit("readers", "entered")
    line.admit("buyers", "exited")
    assert line.deliver() == []
    line.now += HOUR
    assert line.deliver() == [("readers", "entered")]


def test_what_waits_is_not_sent_any_more_once_the_destination_takes_no_such_changes() -> None:
    line = Sent()
    line.admit("buyers", "entered")
    assert line.deliver() == [("buyers", "entered")]
    line.admit("readers", "entered")
    line.admit("buyers", "exited")
    line.shop.definition = msgspec.structs.replace(line.shop.definition, changes=("exited",))
    line.now += HOUR
    assert line.deliver() == [("buyers", "exited")]


def test_what_waits_for_a_gate_is_looked_at_when_other_rules_hold_and_once() -> None:
    line, hastening = Sent(), Hastening()
    assert line.hasten(hastening) == []
    line.admit("buyers", "entered")
    line.admit("readers", "entered")
    assert line.deliver() == [("buyers", "entered")]
    assert line.hasten(hastening) == line.hasten(Hastening()) == []
    line.shop = served("states", caps=())
    assert line.hasten(Hastening()) == [KEY]  # another process, which begins with them
    assert line.deliver() == [("readers", "entered")]
    assert line.hasten(hastening) == []


def test_what_waits_for_its_next_attempt_is_attempted_when_an_operator_resumes_the_destination() -> None:
    line = Sent()
    line.admit("buyers", "entered")
    assert line.begin() == ("buyers", "entered")
    line.end(Retry("throttled", "429", 72 * HOUR))
    hastening = Hastening()
    assert line.hasten(hastening) == []
    line.now += 1
    line.shop.outlet.resume(line.now)
    assert line.hasten(hastening) == [KEY]
    assert line.begin() == ("buyers", "entered")
    line.end(Retry("throttled", "429", HOUR))
    line.now += 1
    assert line.hasten(Hastening()) == []


STEPS = st.one_of(st.sampled_from(("buyers", "readers", "walkers")), st.sampled_from(("hour", "deliver", "fail")))


@given(st.lists(STEPS, max_size=40))
def test_whatever_waits_nobody_stays_where_they_left_and_all_is_right_in_the_end(steps: list[str]) -> None:
    line, members, held = Sent(), set[str](), set[str]()

    def deliver() -> None:
        for name, change in line.deliver():
            held.add(name) if change == "entered" else held.remove(name)

    for step in steps:
        match step:
            case "hour":
                line.now += HOUR
                deliver()
            case "deliver":
                deliver()
                assert held <= members, "an exit waits for no gate"
            case "fail":
                if line.begin() is not None:
                    line.end(Retry("unavailable", "503"))
                    line.now += HOUR
            case _:
                line.admit(step, "exited" if step in members else "entered")
                members ^= {step}
    for _ in range(len(steps) + 1):
        line.now += HOUR
        deliver()
    assert held == members


@pytest.mark.parametrize(
    ("holds", "mapping", "not_older_than_ms", "outcome", "is_followed"),
    [
        ("states", BY_ADDRESS, None, Delivered(), True),
        ("states", BY_ADDRESS, None, Refused("rejected", "no"), True),
        ("states", BY_ADDRESS, None, Retry("timeout", "no answer"), False),
        ("states", BY_TRAIT, None, Delivered(), True),
        ("states", BY_PROFILE, None, Delivered(), False),
        ("states", BY_PROFILE, 2 * NOW, Delivered(), True),
        ("events", BY_ADDRESS, 2 * NOW, Delivered(), False),
    ],
)
def test_after_an_exit_whoever_has_its_identifiers_is_to_say_what_they_are_in(
    holds: Holds, mapping: Fields, not_older_than_ms: int | None, outcome: Outcome, is_followed: bool
) -> None:
    line = Sent(holds)
    line.shop = served(holds, caps=(), mapping=mapping, not_older_than_ms=not_older_than_ms)
    line.admit("buyers", "entered")
    line.deliver()
    line.admit("buyers", "exited")
    assert line.begin() == ("buyers", "exited")
    assert line.request is not None
    settling = choice(StateView(line.store), line.now)
    settle(Ended(line.request, [outcome], 1), settling)
    commands = [each for each in settling.notes.outputs if each.topic == PROFILE_COMMANDS]
    assert [each.key for each in commands] == [b"w|person|p"] * is_followed
    for each in commands:
        command = msgspec.json.decode(each.value or b"", type=ProfileCommand)
        assert (command.profile_id, command.reaffirm) == ("p", Reaffirm("shop", "buyers", "p"))


def test_a_membership_that_was_too_old_to_be_sent_is_not_sent_once_more_either() -> None:
    line, strict = Sent(), served("states", caps=(), not_older_than_ms=HOUR)
    line.shop = strict
    for change in ("entered", "exited", "entered"):
        line.admit("buyers", change, "m" if not line.versions else REAFFIRM)
        assert line.deliver() == []
    line.shop = served("states", caps=())
    line.admit("buyers", "entered")
    assert line.deliver() == [("buyers", "entered")]
    line.shop = strict
    for change in ("exited", "entered"):
        line.admit("buyers", change, REAFFIRM)  # type: ignore[arg-type]
        assert line.deliver() == [("buyers", change)]
    line.admit("buyers", "exited")
    assert line.deliver() == [("buyers", "exited")]
    line.admit("buyers", "entered")  # another membership, which is too old
    line.admit("buyers", "entered", REAFFIRM)
    assert line.deliver() == []


def test_who_was_too_late_is_sent_once_it_has_taken_over_somebody_whom_the_receiver_had() -> None:
    line = Sent()
    line.shop = served("states", caps=(), not_older_than_ms=HOUR)
    line.admit("buyers", "entered")
    assert line.deliver() == []
    line.admit("buyers", "entered", REINSTATE)
    line.admit("buyers", "entered", REAFFIRM)  # another merge, before the first was sent
    assert line.deliver() == [("buyers", "entered")]
    line.admit("buyers", "exited")
    assert line.deliver() == [("buyers", "exited")]
    line.admit("buyers", "entered", REAFFIRM)
    assert line.deliver() == []
