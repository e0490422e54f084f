"""What begins, of whom, and what of it counts."""

from collections import deque

import msgspec

from definitions.destinations import Cap
from definitions.destinations import Destination as Definition
from definitions.receivers.webhook import Webhook
from schemas.activations import Activation
from schemas.records import ConsentChange, DeliveryAttempt
from sinks.delivery import lines
from sinks.delivery.bounced import BouncedDeliveries
from sinks.delivery.caps import sent_at
from sinks.delivery.choosing import Choice, Request, choose
from sinks.delivery.notes import Notes
from sinks.delivery.outlet import Outlet
from sinks.delivery.rounds import Ended, settle
from sinks.delivery.served import Served
from sinks.destinations.contract import Outcome, Unauthorised
from state.view import StateView
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_lines import Memory, encode
from tests.sinks.delivery.test_outlet import OPENED

HOUR = 3_600_000
NOW = 100 * HOUR


def served() -> Served:
    definition = Definition(
        "shop", receiver=Webhook("https://shop.example"), channel="email", caps=(Cap(at_most=1, within_ms=HOUR),)
    )
    return Served(definition, OPENED, Outlet(definition, lambda: None), HOUR, {})


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
    )


def begin(shop: Served, view: StateView, now: int) -> Request | None:
    due = [line for line in view.due("shop", now, 10) if (lines.read(view, line).due_at or 0) <= now]
    return choose(shop, deque(due), choice(view, now))


def end(request: Request, outcome: Outcome, view: StateView, now: int) -> None:
    before = [each.before for each in request.chosen]
    until = request.served.outlet.end(OPENED, [outcome], before, now)
    settle(Ended(request, [outcome], 1, until), choice(view, now))


def test_a_delivery_whose_credentials_are_refused_counts_once_for_caps_and_is_due_at_the_next_trial() -> None:
    shop, store, now = served(), Memory(), NOW
    key = lines.line_key("shop", b"w|person|p")
    view = StateView(store)
    change = activation(1)
    lines.admit(view, key, change, encode(change), "events", now)
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
