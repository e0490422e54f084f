"""The destinations that a process serves, as they are defined anew."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from definitions.destinations import Cap, Checks, Destination
from definitions.receivers.files import Files
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from schemas.delivery_control import Resumed
from sinks.delivery.caps import note_sent, sent_at
from sinks.delivery.limits import FAILURES_TO_OPEN
from sinks.delivery.outlet import Leave
from sinks.delivery.served import Destinations, Served
from sinks.destinations.contract import Delivered, Delivery, Outcome, Retry
from sinks.destinations.opening import open_destination
from state.view import StateView
from tests.sinks.delivery.test_lines import Memory
from tests.sinks.delivery.test_outlet import OPENED
from tests.support.waiting import wait_until

DAY = 24 * 3_600_000
NOW = 100 * DAY
KEY = b"w|person|p"


def mail(name: str, *caps: Cap) -> Destination:
    return Destination(name, receiver=Webhook(f"https://{name}.example"), checks=Checks(channel="email", caps=caps))


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
    destinations.define([Destination("shop", receiver=Webhook("https://shop.example"), renamed_from=("store",))], {})
    outlet = opened(destinations, "shop").outlet
    for _ in range(FAILURES_TO_OPEN):
        outlet.begin(OPENED, NOW)
        outlet.end(OPENED, [Retry("throttled", "429", DAY)], [0], NOW)
    assert outlet.begin(OPENED, NOW) is Leave.NO
    freed.clear()
    for _ in range(2):  # it is said once, and read at every change of what operators say
        destinations.resume({"store": Resumed("store", NOW)})
    assert (outlet.begin(OPENED, NOW), freed) == (Leave.WHOLE, ["shop"])


def test_a_secret_s_file_that_changes_is_read_again_once_it_is_written(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("the old one", encoding="utf-8")
    hook = Webhook("https://shop.example", headers={"X-Api-Key": Secret(file=str(secret))})

    async def opened_after(destinations: Destinations, looks: int) -> object:
        for _ in range(looks):
            await destinations.tend()
        (served,) = destinations.all()
        return served.opened

    async def rotate() -> None:
        destinations = Destinations(open_destination, lambda _name: None)
        destinations.define([Destination("shop", receiver=hook)], {})
        first = await opened_after(destinations, 3)
        secret.write_text("", encoding="utf-8")
        assert await opened_after(destinations, 3) is first
        secret.unlink()
        assert await opened_after(destinations, 3) is first
        secret.write_text("the new", encoding="utf-8")
        assert await opened_after(destinations, 1) is first
        secret.write_text("the new one", encoding="utf-8")
        assert await opened_after(destinations, 1) is first
        second = await opened_after(destinations, 1)
        assert second is not first
        assert await opened_after(destinations, 3) is second
        await destinations.close()

    asyncio.run(rotate())


def test_one_that_takes_its_time_to_close_holds_up_nobody() -> None:
    class Slow:
        batching = OPENED.batching

        def __init__(self) -> None:
            self.is_closed = asyncio.Event()

        async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
            return [Delivered()] * len(deliveries)

        async def close(self) -> None:
            await self.is_closed.wait()

    async def serve() -> None:
        slow = Slow()
        destinations = Destinations(lambda _definition: slow, lambda _name: None)
        destinations.define([mail("slow")], {})
        destinations.define([], {})
        async with asyncio.timeout(5):
            await destinations.tend()
            slow.is_closed.set()
            await destinations.close()

    asyncio.run(serve())


def test_what_works_by_itself_begins_when_it_is_served(tmp_path: Path) -> None:
    hour = tmp_path / f"{datetime.now(UTC) - timedelta(hours=5):dt=%Y-%m-%d/hour=%H}"
    hour.mkdir(parents=True)

    async def serve() -> None:
        destinations = Destinations(open_destination, lambda _name: None)
        destinations.define([Destination("exports", receiver=Files(url=f"file://{tmp_path}"))], {})
        await asyncio.to_thread(wait_until, (hour / "_SUCCESS").exists, "the mark")
        await destinations.close()

    asyncio.run(serve())
