"""A year of a real shop: who is new, active, at risk, lost and regained, to the millisecond, and what RFM says of them.

The other computation has intervals between a customer's orders, and counts and sums them as they are.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import msgspec
import pytest

from definitions import NEVER
from streams.fold.fold import advance, fold_event
from streams.fold.moment import Outputs
from streams.fold.state import ProfileState
from tests.streams.fold.given import CONTEXT, DAY, event
from tests.streams.fold.test_taobao import (
    ROOT,
    Changes,
    Intervals,
    both,
    by_segment,
    changes_of,
    complement,
    profile_of,
    program_of,
    union,
)

DATA = ROOT / "../shared/data/online_retail.csv.gz"
pytestmark = pytest.mark.skipif(not DATA.is_file(), reason="the data sets in ../shared/data are not shipped")
EVERY = 8  # customer; all of them take ten seconds
LEVELS = (50, 200, 500, 1000)
"""From which amounts on the monetary score is 2, 3, 4 and 5."""
AGES = ((30, 5), (60, 4), (90, 3), (180, 2))
"""Below which age of the last order, in days, the score of recency is which."""


class Order(NamedTuple):
    at: int
    total: Decimal


@pytest.fixture(scope="module")
def customers() -> Mapping[str, list[Order]]:
    """The invoices of each customer that come to something, as orders: several of one minute are several."""
    totals: defaultdict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    with gzip.open(DATA, "rt", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            customer = row["CustomerID"].partition(".")[0]
            if customer and int(customer) % EVERY == 0:
                at = round(datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC).timestamp() * 1000)
                totals[customer, row["InvoiceNo"], at] += Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])
    people: defaultdict[str, list[Order]] = defaultdict(list)
    for (customer, _, at), total in totals.items():
        if total > 0:
            people[customer].append(Order(at, total))
    return {customer: sorted(orders) for customer, orders in people.items()}


def lifecycle(orders: Sequence[Order]) -> Mapping[str, Intervals]:
    times = [order.at for order in orders]
    silences = list(zip(times, [*times[1:], NEVER], strict=True))
    first = times[0]
    recently = union((at, at + 30 * DAY) for at in times)
    not_between = complement(union((at + 30 * DAY, at + 210 * DAY) for at in times), first)
    return {
        "new_customers": [(first, first + 30 * DAY)],
        "active_customers": union((at, at + 90 * DAY) for at in times),
        "at_risk_customers": union((at + 90 * DAY, min(after, at + 180 * DAY)) for at, after in silences),
        "lost_customers": union((at + 180 * DAY, after) for at, after in silences),
        "regained_customers": both(both(recently, not_between), [(first + 210 * DAY, NEVER)]),
    }


def scores(orders: Sequence[Order], now: int) -> dict[str, int]:
    within_year = [order for order in orders if now - 365 * DAY < order.at <= now]
    age = now - max(order.at for order in orders if order.at <= now)
    spent = sum(order.total for order in within_year)
    return {
        "rfm_recency": next((score for days, score in AGES if age < days * DAY), 1),
        "rfm_frequency": min(max(len(within_year), 1), 5),
        "rfm_monetary": 1 + sum(spent >= least for least in LEVELS),
    }


def test_the_life_of_customers_and_their_scores(customers: Mapping[str, list[Order]]) -> None:
    program, entered, scored = program_of("examples/library"), 0, set[tuple[int, ...]]()
    for customer, orders in customers.items():
        context = msgspec.structs.replace(CONTEXT, profile_id=profile_of(customer), program=program)
        state, out = ProfileState(), Outputs()
        for number, order in enumerate(orders):
            properties = {"total": float(order.total)}
            bought = event(order.at, "Order Completed", message_id=f"{number}", properties=properties, ordinal=number)
            fold_event(state, bought, context, out)
        last = orders[-1].at
        for at in (last, *(last + days * DAY + off for days in (30, 60, 90, 180, 365) for off in (-1, 0))):
            advance(state, at, context, out)
            expected = scores(orders, at)
            assert {name: state.computed.value(name) for name in expected} == expected, (customer, at - last)
            scored.add(tuple(expected.values()))
        advance(state, NEVER - 1, context, out)
        found: Mapping[str, Changes] = by_segment(out.segment_changes)
        changes = {name: changes_of(intervals) for name, intervals in lifecycle(orders).items()}
        assert {name: found.get(name, []) for name in changes} == changes, customer
        entered += sum(map(len, changes.values()))
        assert any(changes.values())
    assert entered > 1_000
    assert len(scored) > 60, "all scores of each kind occur beside several of the others"
