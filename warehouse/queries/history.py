"""Reads what a plan needs to know of who is who, as it arrives: the history of what was seen together, and the present.

The history of a pair is where a source showed it first; its last event counts too, since evidence that was taken back
is requested again. Events are in the order in which they were received, which is GRAPH's but for a few moments.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from identity.ownership import SignIns
from identity.plan.simulation import Observed, Present, ends
from schemas.records import Identifier, Link, LinkStatus, Owner
from warehouse.client import Warehouse
from warehouse.queries.links import Links
from warehouse.queries.values import IN_IDENTIFIERS, identifier_lists, literal

_IDENTIFIERS_AT_ONCE = 2_000  # of 512 characters at most
MAX_AROUND = 20_000  # identifiers of all persons concerned
_SETTINGS = {
    "max_bytes_before_external_group_by": "1000000000",
    "max_bytes_before_external_sort": "1000000000",
}

_HISTORY = """
SELECT namespaces, values, source, seen.3 AS message_id, seen.4 AS time
FROM
(
    SELECT identifiers.namespace AS namespaces, identifiers.value AS values, source,
           min((received_at, ordinal, message_id, toUnixTimestamp64Milli(occurred_at))) AS first,
           max((received_at, ordinal, message_id, toUnixTimestamp64Milli(occurred_at))) AS last
    FROM onefold.raw_events FINAL
    WHERE workspace = {workspace:String} AND length(identifiers.value) > 1
    GROUP BY namespaces, values, source
)
ARRAY JOIN arrayDistinct([first, last]) AS seen
ORDER BY seen
"""
_LINK = """left_namespace, left_value, right_namespace, right_value, source, status, reason, message_id, rule_version,
       request_id, toUnixTimestamp64Milli(occurred_at) AS time, toInt64(decision) AS decision"""
_ORDER = "ORDER BY decision, left_namespace, left_value, right_namespace, right_value, source"
_LINKS = f"""
SELECT {_LINK}
FROM onefold.links FINAL
WHERE workspace = {{workspace:String}} AND (status = 'active' OR request_id != '')
{_ORDER}
"""
# One query for each end: the left one is found by the table's key.
_LINKS_OF = f"""
SELECT {_LINK}
FROM onefold.links FINAL
WHERE workspace = {{workspace:String}} AND (left_namespace, left_value) IN {IN_IDENTIFIERS}
UNION DISTINCT
SELECT {_LINK}
FROM onefold.links FINAL
WHERE workspace = {{workspace:String}} AND (right_namespace, right_value) IN {IN_IDENTIFIERS}
{_ORDER}
"""
_OWNERS = f"""
SELECT device_namespace, device_value, toUnixTimestamp64Milli(signed_in_at) AS time, namespace, value
FROM onefold.device_owners
WHERE workspace = {{workspace:String}} AND (device_namespace, device_value) IN (
    SELECT device_namespace, device_value FROM onefold.device_owners
    WHERE workspace = {{workspace:String}} AND (namespace, value) IN {IN_IDENTIFIERS}
)
ORDER BY device_namespace, device_value, time
"""
_SHARED = """
SELECT identifiers.namespace[1] AS namespace, identifiers.value[1] AS value,
       toUInt8(argMax(kind, decision) = 'shared') AS is_shared
FROM onefold.identity_changes FINAL
WHERE workspace = {workspace:String} AND kind IN ('shared', 'unshared')
GROUP BY namespace, value
"""
_PROFILES = """
SELECT namespace, value, profile_id FROM onefold.identifiers FINAL
WHERE workspace = {{workspace:String}} AND (namespace, value) IN ({identifiers})
"""
_COUNT = "SELECT uniqExact(profile_id) AS profiles FROM onefold.identifiers FINAL WHERE workspace = {workspace:String}"


class History:
    """One workspace in one ClickHouse, whose answers may take any time."""

    def __init__(self, warehouse: Warehouse, workspace: str) -> None:
        self._warehouse = warehouse
        self._workspace = workspace

    def observed(self) -> Iterator[Observed]:
        """Yield what events showed together, in order."""
        for namespaces, values, source, message_id, time in self._rows(_HISTORY):
            yield Observed(tuple(map(Identifier, namespaces, values)), source, message_id, time)

    def present(self) -> Present:
        """Find who is who now, and what operators have decided."""
        devices = [(Identifier(namespace, value), is_shared) for namespace, value, is_shared in self._rows(_SHARED)]
        return Present.of(
            self._links(),
            shared=(device for device, is_shared in devices if is_shared),
            unshared=(device for device, is_shared in devices if not is_shared),
        )

    def around(self, identifiers: Iterable[Identifier], most: int = MAX_AROUND) -> Present | None:
        """Find who is who now of the persons of these identifiers; None if they have more than `most` identifiers."""
        links: dict[Link, None] = {}
        reached, frontier = set(identifiers), list(identifiers)
        while frontier:
            found = [link for some in identifier_lists(frontier) for link in self._links(_LINKS_OF, some)]
            links |= dict.fromkeys(found)
            frontier = sorted({end for link in found if link.status == "active" for end in ends(link)} - reached)
            reached.update(frontier)
            if len(reached) > most:
                return None
        shared = Links(self._warehouse, self._workspace).shared({end for link in links for end in ends(link)})
        return Present.of(sorted(links, key=lambda link: link.decision), shared)

    def sign_ins_with(self, identifiers: Iterable[Identifier]) -> dict[Identifier, SignIns]:
        """Find the owners of the shared devices of which any of these persons owns events."""
        sign_ins: dict[Identifier, SignIns] = {}
        for some in identifier_lists(identifiers):
            owners: dict[Identifier, list[Owner]] = {}
            for namespace, value, *owner in self._rows(_OWNERS, identifiers=some):
                owners.setdefault(Identifier(namespace, value), []).append(Owner(*owner))
            sign_ins |= {device: tuple(owned) for device, owned in owners.items()}
        return sign_ins

    def profile_of(self, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        """Find the profiles that have these identifiers; those under which no event was sent are missing."""
        profiles: dict[Identifier, str] = {}
        ordered = sorted(identifiers)
        for start in range(0, len(ordered), _IDENTIFIERS_AT_ONCE):
            some = ordered[start : start + _IDENTIFIERS_AT_ONCE]
            pairs = ", ".join(f"({literal(member.namespace)}, {literal(member.value)})" for member in some)
            for namespace, value, profile_id in self._rows(_PROFILES.format(identifiers=pairs)):
                profiles[Identifier(namespace, value)] = profile_id
        return profiles

    def profiles(self) -> int:
        """Count the profiles."""
        ((count,),) = self._rows(_COUNT)
        return cast("int", count)

    def _links(self, query: str = _LINKS, identifiers: str = "[]") -> Iterator[Link]:
        rows = self._rows(query, identifiers=identifiers)
        for left_namespace, left_value, right_namespace, right_value, *rest in rows:
            source, status, reason, message_id, rule_version, request_id, time, decision = rest
            yield Link(
                workspace="",
                left=Identifier(left_namespace, left_value),
                right=Identifier(right_namespace, right_value),
                message_id=message_id,
                source=source,
                occurred_at=time,
                rule_version=rule_version,
                decision=decision,
                status=cast("LinkStatus", status),
                reason=reason,
                request_id=request_id,
            )

    def _rows(self, query: str, **parameters: str) -> Iterator[Sequence[Any]]:
        bound = {"workspace": self._workspace, **parameters}
        for batch in self._warehouse.stream(query, bound, _SETTINGS):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
