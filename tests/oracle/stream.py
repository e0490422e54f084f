"""A seeded stream of events that hurts: merges with state, refused links, duplicates, late events, exact boundaries.

Some user ids are numbers that no double holds, and some people do everything at one time.

Leaves sending to `delivery`. All times are ms; what arrives in one phase is late by 15 hours at most, duplicates by 21:
inside the 24 hours for which sessions are exact, however far ahead the clock of a partition runs within a phase.
"""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from schemas.records import Event, EventType, Identifier
from tests.oracle.reference import SESSION_GAP_MS
from tests.oracle.segments import ABANDONED_WITHIN_MS, FREQUENT_WITHIN_MS, HOUR_MS

SECOND_MS, MINUTE_MS = 1000, 60 * 1000
START = 1_741_000_000_000  # in March 2025, on a full second
PHASE_MS = 9 * HOUR_MS
PHASE_ENDS = tuple(START + number * PHASE_MS for number in range(1, 5))
LATEST_MS = 6 * HOUR_MS
VISITORS = 80
HASTY = 20
LARGE_NUMBER = 2**53 + 1  # the first whole number that a double takes for another one
WEB, CRM = "web", "crm"


@dataclass(frozen=True)
class Delivery:
    """One arrival of an event: `event.received_at` is the time of the stream at which it is sent."""

    event: Event
    by: Literal["http", "kafka"]

    @property
    def phase(self) -> int:
        """Index of the first phase end that is not before the arrival."""
        return next(number for number, end in enumerate(PHASE_ENDS) if self.event.received_at <= end)


def deliveries(seed: int, workspace: str, visitors: int = VISITORS) -> list[Delivery]:
    """The stream of a workspace, in order of arrival; the same for the same seed."""
    rng = random.Random(seed)
    shop = _Shop(rng, workspace)
    for number in range(visitors):
        shop.let_visit(number)
    shop.let_return()
    shop.run_hot()
    shop.let_hurry()
    shop.stand_on_boundaries()
    sent = [_delayed(delivery, rng) for delivery in shop.deliveries]
    sent += [_repeated(delivery, rng) for delivery in sent if rng.random() < 0.1]
    return sorted(sent, key=lambda delivery: delivery.event.received_at)


def _delayed(delivery: Delivery, rng: random.Random) -> Delivery:
    chance, delay = rng.random(), 0
    if chance < 0.08:
        delay = rng.randrange(MINUTE_MS, LATEST_MS)
    elif chance < 0.6:
        delay = rng.randrange(2 * SECOND_MS)
    return _arriving(delivery, delivery.event.received_at + delay)


def _repeated(delivery: Delivery, rng: random.Random) -> Delivery:
    """The same message once more: at once, as a client's retry, or hours later, as from a phone that was offline."""
    delay = rng.choice((0, rng.randrange(SECOND_MS), rng.randrange(LATEST_MS)))
    return _arriving(delivery, delivery.event.received_at + delay)


def _arriving(delivery: Delivery, at: int) -> Delivery:
    return replace(delivery, event=msgspec.structs.replace(delivery.event, received_at=min(at, PHASE_ENDS[-1])))


def user(value: str) -> Identifier:
    return Identifier("user_id", value)


def device(value: str) -> Identifier:
    return Identifier("anonymous_id", value)


def email(value: str) -> Identifier:
    return Identifier("email", value)


def phone(value: str) -> Identifier:
    return Identifier("phone", value)


def _visitor(number: int) -> Identifier:
    return user(f"user-{number}" if number % 4 else str(LARGE_NUMBER + number))


class _Shop:
    """Writes the events as they happen, each arriving at once."""

    def __init__(self, rng: random.Random, workspace: str) -> None:
        self.deliveries: list[Delivery] = []
        self._rng = rng
        self._workspace = workspace

    def let_visit(self, number: int) -> None:
        """One person: some browse only, most sign in; some claimant a device or an address with the person before."""
        rng = self._rng
        signs_in = rng.random() < 0.7
        address = f"visitor-{number - number % 10 if number % 10 == 3 else number}@example.org"
        devices = [f"device-{number}-{index}" for index in range(rng.randint(1, 3))]
        if number % 8 == 1:
            devices[0] = f"device-{number - 1}-0"
        for started_at in sorted(rng.sample(range(START, PHASE_ENDS[-1] - 4 * HOUR_MS, SECOND_MS), rng.randint(2, 5))):
            browser = device(rng.choice(devices))
            at = self._browse([browser], started_at)
            if rng.random() < 0.3:
                at = self._subscribe(address, browser, at)
            if signs_in and rng.random() < 0.6:
                at = self._sign_in(_visitor(number), address, browser, at)
                at = self._browse([_visitor(number), browser], at)
            if rng.random() < 0.4:
                self._browse([browser], at)
        if signs_in and rng.random() < 0.4:
            self._buy_in_store(number, rng.randrange(START, PHASE_ENDS[-1] - HOUR_MS))

    def let_return(self) -> None:
        """Anonymous visits more than a day apart that become somebody's only at the end."""
        for number in range(4):
            browser = device(f"returning-{number}")
            for hour in (1, 28, 31):
                self._browse([browser], START + hour * HOUR_MS + number * MINUTE_MS)
            self._sign_in(user(f"returned-{number}"), f"returned-{number}@example.org", browser, START + 34 * HOUR_MS)

    def run_hot(self) -> None:
        """One device with far more events than all others, which signs in half-way."""
        for number in range(500):
            at = START + number * 4 * MINUTE_MS
            self._add([device("hot")], "track", at, "Product Viewed", {"sku": f"sku-{number % 7}"})
        self._sign_in(user("hot"), "hot@example.org", device("hot"), START + 15 * HOUR_MS)

    def let_hurry(self) -> None:
        """People whose calls all have one time, as two `identify` in a row have: the last to arrive counts."""
        for number in range(HASTY):
            at = START + number * HOUR_MS
            for step in range(6):
                traits = {"step": step} | self._traits([])
                self._add([user(f"hasty-{number}"), device(f"hasty-{number}")], "identify", at, traits=traits)

    def stand_on_boundaries(self) -> None:
        """At every phase's end, on one side and the other: a full window, a window just left, a session's end."""
        for number, end in enumerate(PHASE_ENDS):
            for offset in (0, 1):
                frequent = [device(f"edge-frequent-{number}-{offset}")]
                self._add(frequent, "track", end - FREQUENT_WITHIN_MS + offset, "Product Viewed")
                for minutes in range(4):
                    self._add(frequent, "track", end - minutes * MINUTE_MS, "Product Viewed")
                abandoned = [device(f"edge-abandoned-{number}-{offset}")]
                self._add(abandoned, "track", end - ABANDONED_WITHIN_MS - HOUR_MS, "Order Completed", {"total": 0})
                self._add(abandoned, "track", end - ABANDONED_WITHIN_MS + offset, "加入购物车", {"数量": 1})
                session = [device(f"edge-session-{number}-{offset}")]
                for gaps in (3, 2, 1):
                    self._add(session, "page", end - gaps * SESSION_GAP_MS + offset * gaps, "Home")
            self._add([device(f"edge-end-{number}")], "track", end, "Product Viewed")

    def _browse(self, identifiers: list[Identifier], at: int) -> int:
        for _ in range(self._rng.randint(2, 9)):
            self._step(identifiers, at)
            at = self._later(at)
        return at

    def _step(self, identifiers: list[Identifier], at: int) -> None:
        rng = self._rng
        page: dict[str, object] = {"url": f"https://shop.example/{rng.randrange(9)}?utm=春天"}
        no_page: dict[str, object] = {"url": "https://partner.example/out"}
        match rng.randrange(8):
            case 0:
                self._add(identifiers, "page", at, "Home", page)
            case 1:
                self._add(identifiers, "page", at, rng.choice((None, "Product Viewed")))
            case 2:
                self._add(identifiers, "screen", at, "Cart", {}, context={"page": page})
            case 3:
                self._add(identifiers, "track", at, "加入购物车", {"sku": "茶", "数量": rng.randrange(3)})
            case 4:
                total = rng.choice((0, 99.99, 100, 250.5, "250", None))
                self._add(identifiers, "track", at, "Order Completed", {"total": total, "note": ""})
            case _:
                self._add(
                    identifiers, "track", at, "Product Viewed", rng.choice(({}, {"sku": "sku-1", "price": 0}, no_page))
                )

    def _later(self, at: int) -> int:
        exact = (SESSION_GAP_MS - 1, SESSION_GAP_MS, SESSION_GAP_MS + 1)
        rng = self._rng
        return at + (rng.choice(exact) if rng.random() < 0.1 else rng.randrange(0, 5 * MINUTE_MS, SECOND_MS))

    def _subscribe(self, address: str, browser: Identifier, at: int) -> int:
        self._add([email(address), browser], "identify", at, traits={"email": address})
        return self._later(at)

    def _sign_in(self, who: Identifier, address: str, browser: Identifier, at: int) -> int:
        """An identify; now and then other writes of the same traits at the same millisecond."""
        rng = self._rng
        identifiers = [who, email(address), browser] if rng.random() < 0.6 else [who, browser]
        self._add(identifiers, "identify", at, traits=self._traits(identifiers))
        if rng.random() < 0.4:
            self._add([who, browser], "identify", at, traits=self._traits([]))
        if rng.random() < 0.4:
            self._add([who], "identify", at, traits={"plan": rng.choice(("free", "vip"))}, source=CRM)
        return self._later(at)

    def _traits(self, identifiers: Iterable[Identifier]) -> dict[str, object]:
        rng = self._rng
        traits: dict[str, object] = {
            named.namespace: named.value for named in identifiers if named.namespace == "email"
        }
        possible = {
            "name": ("王小明", "Ann", ""),
            "plan": ("free", "free", "vip", None),
            "city": ("北京", "上海"),
            "age": (0, 17, 18, 40, "40"),
            "newsletter": (True, False),
            "address": ({"city": "北京", "zip": "100000"}, {"city": "上海"}),
        }
        for name, values in possible.items():
            if rng.random() < 0.6:
                traits[name] = rng.choice(values)
        return traits

    def _buy_in_store(self, number: int, at: int) -> None:
        """The till knows a phone number, which the customer system links to the user."""
        mobile = phone(f"+86130000{number:05}")
        self._add([mobile], "track", at, "Order Completed", {"total": 100, "store": "北京"}, source=CRM)
        self._add([_visitor(number), mobile], "identify", at + HOUR_MS, traits={"store": True}, source=CRM)

    def _add(  # noqa: PLR0913 - the fields of an event that differ
        self,
        identifiers: list[Identifier],
        kind: EventType,
        at: int,
        name: str | None = None,
        properties: dict[str, object] | None = None,
        *,
        traits: dict[str, object] | None = None,
        context: dict[str, object] | None = None,
        source: str = WEB,
    ) -> None:
        event = Event(
            workspace=self._workspace,
            source=source,
            message_id=f"message-{len(self.deliveries)}",
            type=kind,
            event=name,
            occurred_at=at,
            sent_at=None,
            received_at=at,
            identifiers=tuple(identifiers),
            properties=json.dumps(properties or {}, ensure_ascii=False),
            traits=json.dumps(traits or {}, ensure_ascii=False),
            context=json.dumps(context or {}, ensure_ascii=False),
        )
        goes_by_kafka = source == CRM or self._rng.random() < 0.1
        self.deliveries.append(Delivery(event, "kafka" if goes_by_kafka else "http"))
