"""What a kind of receiver raises is trouble of its destination alone, and says nothing of what it is about."""

import asyncio
from collections.abc import Sequence

import pytest

from definitions.destinations import Destination
from definitions.receivers.mail import Mail
from schemas.activations import delivery_key
from sinks.delivery.choosing import Chosen, Request
from sinks.delivery.outlet import Outlet
from sinks.delivery.sending import send
from sinks.delivery.served import Destinations, Served
from sinks.destinations.contract import Delivered, Delivery, OpenDestination, Outcome, Retry
from sinks.destinations.opening import open_destination
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_outlet import OPENED, Receiver

SECRET = "hunter2"


class Raising(Receiver):
    """One whose library raises what nobody has thought of, also when it is closed."""

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        raise LookupError(f"no {SECRET} in {len(deliveries)}")

    async def close(self) -> None:
        raise OSError(SECRET)


class Cancelled(Receiver):
    """One whose library gives up a task of its own."""

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        raise asyncio.CancelledError(str(len(deliveries)))


class Forgetful(Receiver):
    """One that says too little."""

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        return [Delivered()] * (len(deliveries) - 1)


def served(opened: OpenDestination, definition: Destination) -> Served:
    return Served(definition, opened, Outlet(definition.pace, lambda: None), 0, {})


def request(by: Served) -> Request:
    about = activation(1)
    delivery = Delivery(delivery_key(about, "here", "1"), about, {"to": "li@shop.example", "text": "t"})
    return Request(by, [Chosen(b"here|p", 1, delivery, b"")])


def mail(**options: str) -> Destination:
    receiver = Mail(**{"host": "smtp.shop.example", "sender": "a@shop.example", "security": "none"} | options)  # type: ignore[arg-type]
    return Destination("news", receiver=receiver)


def test_what_is_raised_is_tried_again_and_logged_once_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    by = served(Raising(), Destination("shop"))
    outcomes = [asyncio.run(send(request(by))) for _ in range(2)]
    assert outcomes == [[Retry("unavailable", "sending failed: LookupError")]] * 2
    (record,) = caplog.records
    assert "shop" in record.getMessage()
    assert SECRET not in caplog.text


def test_what_a_kind_cancels_by_itself_is_tried_again() -> None:
    (outcome,) = asyncio.run(send(request(served(Cancelled(), Destination("shop")))))
    assert outcome == Retry("unavailable", "sending failed: CancelledError")


def test_outcomes_that_do_not_match_are_tried_again() -> None:
    (outcome,) = asyncio.run(send(request(served(Forgetful(), Destination("shop")))))
    assert isinstance(outcome, Retry)


@pytest.mark.parametrize(
    "options", [{"host": "smtp..shop.example"}, {"host": f"{'a' * 64}.example"}, {"hello": "me\r\nMAIL FROM:<a@b>"}]
)
def test_a_wrong_host_in_a_set_that_nobody_checked_stops_no_process(options: dict[str, str]) -> None:
    definition = mail(**options)

    async def sent() -> Sequence[Outcome]:
        opened = open_destination(definition)
        outcomes = await send(request(served(opened, definition)))
        await opened.close()
        return outcomes

    (outcome,) = asyncio.run(sent())
    assert isinstance(outcome, Retry), outcome


def test_what_cannot_be_opened_or_closed_waits_and_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    def opened(definition: Destination) -> OpenDestination:
        if definition.name == "bad":
            raise ValueError(SECRET)
        return Raising() if definition.name == "raising" else OPENED

    async def defined() -> Destinations:
        destinations = Destinations(opened, lambda _: None)
        destinations.define([mail_named(name) for name in ("bad", "good", "raising")], {})
        destinations.define([mail_named(name) for name in ("bad", "good")], {})
        await destinations.tend()
        await destinations.close()
        return destinations

    destinations = asyncio.run(defined())
    assert [each.name for each in destinations.all()] == ["good"]
    assert destinations.unopened()["bad"].reason == "opening it failed: ValueError"
    assert "raising: closing it failed: OSError" in caplog.text
    assert SECRET not in caplog.text


def mail_named(name: str) -> Destination:
    return Destination(name, receiver=Mail("smtp.shop.example", "a@shop.example"))
