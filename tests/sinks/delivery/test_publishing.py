"""What is published to operators of destinations that are sent nothing, by each process."""

from definitions.destinations import Destination
from definitions.receivers.webhook import Webhook
from schemas.delivery_control import (
    Pauses,
    Suspended,
    Unopened,
    accepted_record,
    opened_record,
    suspended_record,
    unopened_record,
)
from sinks.delivery.publishing import changes
from sinks.delivery.served import Destinations
from sinks.destinations.contract import Delivered, Outcome, Refused, Unauthorised
from tests.sinks.delivery.test_outlet import OPENED

SHOP = Destination("shop", receiver=Webhook("https://shop.example"))
NOW = 1_000_000
REFUSED = Suspended("shop", NOW, "answered 401 Unauthorized")
SAID = Pauses(suspended={"shop": REFUSED})


def serving(*definitions: Destination) -> Destinations:
    destinations = Destinations(lambda _: OPENED, lambda _: None)
    destinations.define(definitions, {})
    return destinations


def answer(destinations: Destinations, outcome: Outcome, now: int) -> None:
    (served,) = destinations.all()
    served.outlet.begin(OPENED, now)
    served.outlet.end(OPENED, [outcome], [0], now)


def test_what_does_not_accept_its_credentials_is_said_once_and_by_whatever_reason_since_the_first_time() -> None:
    assert changes(Pauses(), Pauses(), SAID, ()) == [suspended_record(REFUSED)]
    assert changes(SAID, SAID, SAID, ()) == []
    later = Suspended("shop", NOW + 10, "answered 403 Forbidden")
    again = [suspended_record(Suspended("shop", NOW, "answered 403 Forbidden"))]
    assert changes(SAID, SAID, Pauses(suspended={"shop": later}), ()) == again


def test_a_process_that_starts_takes_back_what_opens_and_no_suspension_before_it_is_over() -> None:
    said = Pauses(unopened={"mail": Unopened("mail", 5, "no key")}, suspended={"shop": REFUSED})
    assert changes(said, said, Pauses(), ()) == [opened_record("mail")]
    assert changes(Pauses(), SAID, Pauses(), ["shop"]) == [accepted_record("shop")]
    anew = Suspended("shop", NOW + 20, REFUSED.reason)
    assert changes(SAID, SAID, Pauses(suspended={"shop": anew}), ["shop"]) == [
        accepted_record("shop"),
        suspended_record(anew),
    ]
    lacking = Unopened("shop", 5, "no key")
    assert changes(SAID, SAID, Pauses(unopened={"shop": lacking}), ["shop"]) == [
        unopened_record(lacking),
        accepted_record("shop"),
    ]


def test_a_suspension_is_over_once_an_answer_shows_it_or_nobody_asks_any_more() -> None:
    destinations = serving(SHOP)
    assert (destinations.suspended(), destinations.is_over(REFUSED)) == ({}, False)
    answer(destinations, Unauthorised("answered 401 Unauthorized"), NOW)
    answer(destinations, Unauthorised("answered 403 Forbidden"), NOW + 10_000)
    assert destinations.suspended() == {"shop": Suspended("shop", NOW, "answered 403 Forbidden")}
    assert not destinations.is_over(REFUSED)
    answer(destinations, Refused("rejected", "no such list"), NOW + 100_000)
    assert (destinations.suspended(), destinations.is_over(REFUSED)) == ({}, True)
    assert not destinations.is_over(Suspended("shop", NOW + 100_001, "answered 401 Unauthorized"))
    answer(destinations, Delivered(), NOW + 100_002)
    assert destinations.is_over(Suspended("shop", NOW + 100_001, "answered 401 Unauthorized"))
    assert serving().is_over(REFUSED)
