"""Counts the events that profiles claim."""

from collections.abc import Iterable

import msgspec

from schemas.records import Claim, Claimant, Identifier
from warehouse.client import Warehouse
from warehouse.queries.rows import converted
from warehouse.queries.values import IN_IDENTIFIERS, identifier_lists

# The values are found by the index, the first identifier is the one that claims are about.
_BY_PRIMARY = f"""
SELECT toString(identifiers.namespace[1]) AS namespace, identifiers.value[1] AS value, count() AS events
FROM onefold.raw_events FINAL
WHERE workspace = {{workspace:String}} AND profile_kind != 'account'
  AND hasAny(identifiers.value, JSONExtract({{identifiers:String}}, 'Array(Tuple(String, String))').2)
  AND (toString(identifiers.namespace[1]), identifiers.value[1]) IN {IN_IDENTIFIERS}
GROUP BY namespace, value
"""
_OF_PERIOD = """
SELECT count() AS events
FROM onefold.raw_events FINAL
WHERE workspace = {workspace:String} AND profile_kind != 'account' AND has(identifiers.value, {value:String})
  AND identifiers.namespace[1] = {namespace:String} AND identifiers.value[1] = {value:String}
  AND toUnixTimestamp64Milli(occurred_at) BETWEEN {since:Int64} AND {last:Int64}
"""
_ALWAYS = 2**62


class _CountRow(msgspec.Struct):
    namespace: str
    value: str
    events: int


def count_claimed(warehouse: Warehouse, workspace: str, claimants: Iterable[Claimant]) -> dict[str, int]:
    """Count the events of each claimant, as far as the warehouse has them, by profile id."""
    listed = list(claimants)
    whole = dict.fromkeys(
        Identifier(claim.namespace, claim.value)
        for claimant in listed
        for claim in claimant.claims
        if claim.since is claim.until is None
    )
    by_primary = {
        Identifier(row.namespace, row.value): row.events
        for some in identifier_lists(whole)
        for row in converted(warehouse.rows(_BY_PRIMARY, {"workspace": workspace, "identifiers": some}), _CountRow)
    }

    def count(claim: Claim) -> int:
        if claim.since is claim.until is None:
            return by_primary.get(Identifier(claim.namespace, claim.value), 0)
        return _count_of_period(warehouse, workspace, claim)

    return {claimant.profile_id: sum(map(count, claimant.claims)) for claimant in listed}


def _count_of_period(warehouse: Warehouse, workspace: str, claim: Claim) -> int:
    parameters = {
        "workspace": workspace,
        "namespace": claim.namespace,
        "value": claim.value,
        "since": str(-_ALWAYS if claim.since is None else claim.since),
        "last": str(_ALWAYS if claim.until is None else claim.until - 1),
    }
    (row,) = warehouse.rows(_OF_PERIOD, parameters)
    return int(str(row["events"]))
