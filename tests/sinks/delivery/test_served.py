"""The destinations that a process serves, as they are defined anew."""

from definitions.destinations import Cap
from definitions.destinations import Destination as Definition
from definitions.receivers.webhook import Webhook
from schemas.delivery_control import Resumed
from sinks.delivery.caps import note_sent, sent_at
from sinks.delivery.limits import FAILURES_TO_OPEN
from sinks.delivery.outlet import Leave
from sinks.delivery.served import Destinations, Served
from sinks.destinations.contract import Retry
from state.view import StateView
from tests.sinks.delivery.test_lines import Memory
from tests.sinks.delivery.test_outlet import OPENED

DAY = 24 * 3_600_000
NOW = 100 * DAY
KEY = b"w|person|p"


def mail(name: str, *caps: Cap) -> Definition:
    return Definition(name, receiver=Webhook(f"https://{name}.example"), channel="email", caps=caps)


def opened(destinations: Destinations, name: str) -> Served:
    return next(each for each in destinations.all() if each.name == name)


def test_what_any_destination_of_a_channel_sends_is_remembered_for_the_longest_cap_of_now() -> None:
    destinations, view = Destinations(lambda _definition: OPENED, lambda _name: None), StateView(Memory())
    plain = mail("plain")
    destinations.define([plain], {})
    destinations.define([plain, mail("capped", Cap(1, DAY))], {})
    note_sent(view, opened(destinations, "plain"), KEY, 1, NOW)
    assert sent_at(view, opened(destinations, "capped"), KEY, NOW) == (NOW,)
    destinations.define([plain, mail("capped", Cap(1, 7 * DAY))], {})
    note_sent(view, opened(destinations, "plain"), KEY, 1, NOW + 2 * DAY)
    assert sent_at(view, opened(destinations, "capped"), KEY, NOW + 2 * DAY) == (NOW, NOW + 2 * DAY)


def test_a_destination_that_is_resumed_is_tried_at_once_under_whatever_name() -> None:
    freed: list[str] = []
    destinations = Destinations(lambda _definition: OPENED, freed.append)
    destinations.define([Definition("shop", receiver=Webhook("https://shop.example"), renamed_from=("store",))], {})
    outlet = opened(destinations, "shop").outlet
    for _ in range(FAILURES_TO_OPEN):
        outlet.begin(OPENED, NOW)
        outlet.end(OPENED, [Retry("throttled", "429", DAY)], [0], NOW)
    assert outlet.begin(OPENED, NOW) is Leave.NO
    freed.clear()
    for _ in range(2):  # it is said once, and read at every change of what operators say
        destinations.resume({"store": Resumed("store", NOW)})
    assert (outlet.begin(OPENED, NOW), freed) == (Leave.WHOLE, ["shop"])
