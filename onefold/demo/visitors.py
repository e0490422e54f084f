"""Simulated visitors of a shop: who does what, in which order, on which device. Seeded; sending is `shop`'s."""

import random
from collections.abc import Iterator
from typing import NamedTuple

_PRODUCTS = (
    ("tea-01", "Longjing tea", 24.0),
    ("mug-07", "Porcelain mug", 18.5),
    ("kettle-2", "Gooseneck kettle", 129.0),
    ("scale-3", "Coffee scale", 64.0),
    ("grinder-9", "Hand grinder", 159.0),
)
_NAMES = ("Mei Lin", "Jonas Weber", "Aisha Khan", "王芳", "Lucía Romero", "Tom Baker", "Chen Wei", "Sofia Rossi")


class SdkCall(NamedTuple):
    """One call of an SDK: `method` is page, track or identify; `body` its properties or traits."""

    method: str
    name: str
    anonymous_id: str
    user_id: str | None
    body: dict[str, object]


class Visitor:
    """One person with two or three devices. Signs in on some of them, so that they become one profile."""

    def __init__(self, number: int, seed: int) -> None:
        self._random = random.Random(f"{seed}-{number}")
        self.user_id = f"shop-{seed}-{number:03d}"
        self.name = f"{_NAMES[number % len(_NAMES)]} {number}"
        self.email = f"visitor{number}@example.com"
        self.devices = [f"{self.user_id}-device-{number}" for number in range(self._random.choice((2, 2, 3)))]
        self._signed_in: set[str] = set()

    def visits(self) -> Iterator[SdkCall]:
        """Yield calls without end: visit after visit, each on one device."""
        while True:
            yield from self._visit(self._random.choice(self.devices))

    def _visit(self, device: str) -> Iterator[SdkCall]:
        yield self._page(device, "Home")
        if self._random.random() < 0.6:
            yield from self._sign_in(device)
        bought: list[tuple[str, str, float]] = []
        for product in self._random.sample(_PRODUCTS, self._random.randint(1, 3)):
            yield self._page(device, "Product", product[0])
            yield self._track(device, "Product Viewed", {"product_id": product[0], "price": product[2]})
            if self._random.random() < 0.5:
                bought.append(product)
                yield self._track(
                    device, "Product Added", {"product_id": product[0], "price": product[2], "quantity": 1}
                )
        if bought:
            yield self._page(device, "Cart")
            if self._random.random() < 0.5:
                yield from self._buy(device, bought)

    def _buy(self, device: str, products: list[tuple[str, str, float]]) -> Iterator[SdkCall]:
        yield from self._sign_in(device)
        listed = [{"product_id": key, "name": name, "price": price, "quantity": 1} for key, name, price in products]
        yield self._track(device, "Checkout Started", {"products": listed})
        order = f"{self.user_id}-{self._random.randrange(10**9):09d}"
        total = round(sum(product[2] for product in products), 2)
        yield self._track(
            device, "Order Completed",
            {"order_id": order, "total": total, "currency": "EUR", "products": listed},
        )  # fmt: skip

    def _sign_in(self, device: str) -> Iterator[SdkCall]:
        if device not in self._signed_in:
            self._signed_in.add(device)
            traits: dict[str, object] = {"name": self.name, "email": self.email, "plan": "club"}
            yield SdkCall("identify", "", device, self.user_id, traits)

    def _page(self, device: str, name: str, product: str = "") -> SdkCall:
        url = f"https://shop.example/{name.lower()}{'/' if product else ''}{product}"
        return SdkCall("page", name, device, self._user(device), {"url": url, "title": name})

    def _track(self, device: str, event: str, properties: dict[str, object]) -> SdkCall:
        return SdkCall("track", event, device, self._user(device), properties)

    def _user(self, device: str) -> str | None:
        return self.user_id if device in self._signed_in else None


class Tablet:
    """A device that two visitors share: they sign in alternately, and in between somebody just looks around."""

    def __init__(self, seed: int, family: tuple[Visitor, Visitor]) -> None:
        self.device = f"shop-{seed}-family-tablet"
        self.family = family

    def visits(self) -> Iterator[SdkCall]:
        """Yield calls without end, one visit of each after the other."""
        while True:
            for visitor in self.family:
                yield self._call("page", "Home", None, {"url": "https://shop.example/home", "title": "Home"})
                yield self._call("track", "Product Viewed", None, {"product_id": "tea-01", "price": 24.0})
                traits: dict[str, object] = {"name": visitor.name, "email": visitor.email, "plan": "club"}
                yield self._call("identify", "", visitor.user_id, traits)
                yield self._call("track", "Product Viewed", visitor.user_id, {"product_id": "mug-07", "price": 18.5})

    def _call(self, method: str, name: str, user_id: str | None, body: dict[str, object]) -> SdkCall:
        return SdkCall(method, name, self.device, user_id, body)
