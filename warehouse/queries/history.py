"""Reads what a plan needs to know of who is who, as it arrives: the history of what was seen together, and the present.

The history of a pair is where a source showed it first; its last event counts too, since evidence that was taken back
is requested again. Events are in the order in which they were received, which is GRAPH's but for a few moments.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from identity.plan.replay import Observed, Present
from schemas.records import Identifier, Link, LinkStatus
from warehouse.client import Warehouse
from warehouse.queries.values import literal

_IDENTIFIERS_AT_ONCE = 2_000  # of 512 characters at most
_SETTINGS = {
    "max_bytes_before_external_group_by": "1000000000",
    "max_bytes_before_external_sort": "1000000000",
}

_HISTORY = """
SELECT namespaces, values, source, seen.3 AS message_id, seen.4 AS time
FROM
(
    SELECT identifiers.namespace AS namespaces, identifiers.value AS values, source,
           min((received_at, bitNot(version), message_id, toUnixTimestamp64Milli(occurred_at))) AS first,
           max((received_at, bitNot(version), message_id, toUnixTimestamp64Milli(occurred_at))) AS last
    FROM onefold.events FINAL
    WHERE workspace = {workspace:String} AND length(identifiers.value) > 1
    GROUP BY namespaces, values, source
)
ARRAY JOIN arrayDistinct([first, last]) AS seen
ORDER BY seen
"""
_LINKS = """
SELECT left_namespace, left_value, right_namespace, right_value, source, status, reason, message_id, rule_version,
       request_id, toUnixTimestamp64Milli(occurred_at) AS time, toInt64(decision) AS decision
FROM onefold.links FINAL
WHERE workspace = {workspace:String} AND (status = 'active' OR request_id != '')
ORDER BY decision, left_namespace, left_value, right_namespace, right_value, source
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

    def _links(self) -> Iterator[Link]:
        for left_namespace, left_value, right_namespace, right_value, *rest in self._rows(_LINKS):
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

    def _rows(self, query: str) -> Iterator[Sequence[Any]]:
        for batch in self._warehouse.stream(query, {"workspace": self._workspace}, _SETTINGS):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
