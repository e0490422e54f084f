"""What a destination is sent that does not accept its credentials, or one delivery with them."""

from collections.abc import Sequence

from prometheus_client import REGISTRY

from definitions.destinations import SendingPace
from sinks.delivery import metrics
from sinks.delivery.limits import FAILURES_TO_OPEN
from sinks.delivery.outlet import ACCEPTED_FOR_MS, Leave, Outlet
from sinks.destinations.contract import Batching, Delivered, Delivery, Outcome, Refused, Unauthorised

NO = Unauthorised("403")
NOW = 1_000_000


class Receiver:
    """One that is only asked for who it is."""

    batching = Batching()

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        return [Delivered()] * len(deliveries)

    async def close(self) -> None:
        """Hold nothing."""


OPENED = Receiver()


def outlet() -> Outlet:
    return Outlet(SendingPace(), lambda: None)


def attempt(outlet: Outlet, outcome: Outcome, now: int, before: int = 0) -> int | None:
    """Send one delivery; return until when the destination is suspended by it."""
    assert outlet.begin(OPENED, now) is not Leave.NO
    return outlet.end(OPENED, [outcome], [before], now)


def test_a_destination_that_does_not_accept_its_credentials_is_tried_soon_and_then_each_minute() -> None:
    shop, now, pauses = outlet(), NOW, []
    for _ in range(4):
        until = attempt(shop, NO, now)
        assert until is not None
        assert not shop.is_open(until - 1)
        pauses.append(until - now)
        now = until
    assert pauses == [5_000, 15_000, 60_000, 60_000]


def test_a_trial_lets_one_delivery_through_and_its_success_lifts_the_suspension_at_once() -> None:
    shop = outlet()
    until = attempt(shop, NO, NOW)
    assert until is not None
    assert shop.begin(OPENED, until) is Leave.TRIAL
    assert shop.begin(OPENED, until) is Leave.NO
    shop.end(OPENED, [Delivered()], [0], until)
    assert (shop.unauthorised, shop.begin(OPENED, until)) == ("", Leave.WHOLE)


def test_a_success_of_a_delivery_that_began_before_lifts_it_too() -> None:
    shop = outlet()
    shop.begin(OPENED, NOW)
    attempt(shop, NO, NOW)
    assert not shop.is_open(NOW)
    shop.end(OPENED, [Delivered()], [0], NOW)
    assert shop.is_open(NOW)


def test_a_trial_for_which_nothing_may_be_sent_is_followed_by_another_one_at_once() -> None:
    shop = outlet()
    until = attempt(shop, NO, NOW)
    assert until is not None
    assert shop.begin(OPENED, until) is Leave.TRIAL
    shop.give_up(OPENED)
    assert shop.begin(OPENED, until) is Leave.TRIAL


def test_what_alone_is_refused_does_not_suspend_the_destination() -> None:
    shop = outlet()
    attempt(shop, Delivered(), NOW)
    assert attempt(shop, NO, NOW + ACCEPTED_FOR_MS - 1) is None
    assert (shop.unauthorised, shop.is_open(NOW)) == ("", True)


def test_neither_does_what_is_refused_again_though_others_were_taken_since() -> None:
    shop = outlet()
    tried_at = NOW - 1
    attempt(shop, Delivered(), NOW)
    assert attempt(shop, NO, NOW + 10 * ACCEPTED_FOR_MS, tried_at) is None
    assert attempt(shop, NO, NOW + 10 * ACCEPTED_FOR_MS, NOW + 1) is not None


def test_nor_what_is_refused_beside_others_that_are_taken() -> None:
    shop = outlet()
    shop.begin(OPENED, NOW)
    assert shop.end(OPENED, [Delivered(), NO], [0, 0], NOW) is None
    assert shop.is_open(NOW)


def test_many_refusals_in_a_row_suspend_it_although_it_was_well_a_moment_ago() -> None:
    shop = outlet()
    attempt(shop, Delivered(), NOW)
    suspended = [attempt(shop, NO, NOW) is not None for _ in range(FAILURES_TO_OPEN)]
    assert suspended == [False] * (FAILURES_TO_OPEN - 1) + [True]


def test_a_delivery_that_is_refused_for_good_shows_that_the_credentials_are_accepted() -> None:
    shop = outlet()
    until = attempt(shop, NO, NOW)
    assert until is not None
    attempt(shop, Refused("rejected", "no"), until)
    assert shop.unauthorised == ""


def test_the_first_refusals_are_an_increase_as_their_counter_begins_before_them() -> None:
    metrics.note_outlets({"never refused": outlet()})
    labels = {"destination": "never refused", "outcome": "refused"}
    assert REGISTRY.get_sample_value("onefold_deliveries_total", labels) == 0
