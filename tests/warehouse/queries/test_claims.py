"""How many events the claims of profiles come to."""

import pytest

from schemas.records import Claim, Claimant, Identifier
from tests.sinks.examples import ADA, NOW, PHONE, event, insert, resolved
from warehouse.client import Warehouse
from warehouse.queries.claims import count_claimed

pytestmark = pytest.mark.stack

THEN = NOW - 1_000


def test_events_are_counted_by_their_primary_identifier_and_in_periods(warehouse: Warehouse, workspace: str) -> None:
    by_phone = [event(f"p{at}", workspace, occurred_at=THEN + at) for at in range(5)]
    by_ada = [event(f"a{at}", workspace, identifiers=(ADA, PHONE)) for at in range(2)]
    insert(warehouse, [resolved(one, at) for at, one in enumerate([*by_phone, *by_ada, *by_phone])])
    phone, ada = (Claim(identifier.namespace, identifier.value) for identifier in (PHONE, ADA))
    claimants = [
        Claimant("both", (phone, ada)),
        Claimant("since", (Claim(PHONE.namespace, PHONE.value, THEN + 3),)),
        Claimant("between", (Claim(PHONE.namespace, PHONE.value, THEN + 1, THEN + 3), ada)),
        Claimant("before", (Claim(PHONE.namespace, PHONE.value, None, THEN),)),
        Claimant("nothing", (Claim("user_id", "ben"),)),
    ]
    assert count_claimed(warehouse, workspace, claimants) == {
        "both": 7, "since": 2, "between": 4, "before": 0, "nothing": 0,
    }  # fmt: skip
    assert count_claimed(warehouse, workspace, []) == {}


def test_any_number_of_claims_is_counted(warehouse: Warehouse, workspace: str) -> None:
    cookies = [Identifier("cookie", f"{at:0500}") for at in range(200)]
    events = [event(f"m{at}", workspace, identifiers=(one,)) for at, one in enumerate(cookies)]
    insert(warehouse, [resolved(one, at) for at, one in enumerate(events)])
    claims = tuple(Claim(one.namespace, one.value) for one in cookies)
    assert count_claimed(warehouse, workspace, [Claimant("p", claims)]) == {"p": 200}
