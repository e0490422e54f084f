"""Finds what the demo shows: its shop's figures, one person, a family's tablet, segment changes, and CDNOW."""

import msgspec

from warehouse.client import Warehouse
from warehouse.queries.rows import converted

_COUNTS = """
SELECT (SELECT count() FROM onefold.profiles FINAL WHERE workspace = {workspace:String}) AS profiles,
       (SELECT sum(events) FROM onefold.profiles FINAL WHERE workspace = {workspace:String}) AS events,
       (SELECT count() FROM onefold.sessions FINAL WHERE workspace = {workspace:String} AND status = 'open')
           AS open_sessions
"""
_RICHEST = """
SELECT profile_id, arrayMap(i -> concat(i.1, ':', i.2), identifiers) AS identifiers, traits_text AS traits, events,
       arrayMap(s -> s.1, segments) AS segments,
       first_seen_at AS first, last_seen_at AS last
FROM onefold.profiles FINAL WHERE workspace = {workspace:String}
ORDER BY length(profiles.identifiers) DESC, events DESC, profile_id LIMIT 1
"""
_SIGNED_IN = """
SELECT uniqExact(left_value) AS users FROM onefold.links FINAL
WHERE workspace = {workspace:String} AND left_namespace = 'user_id' AND right_value = {device:String}
"""
_OWNERS = """
SELECT concat(owned.namespace, ':', owned.value) AS identifier, profile_id, events,
       arrayMap(i -> concat(i.1, ':', i.2), identifiers) AS identifiers
FROM onefold.profiles FINAL
JOIN (
    SELECT namespace, value, profile_id FROM onefold.identifiers FINAL WHERE workspace = {workspace:String}
) AS owned USING profile_id
WHERE workspace = {workspace:String} AND (owned.namespace, owned.value) IN (
    ('anonymous_id', {device:String}), ('user_id', {first:String}), ('user_id', {second:String}))
ORDER BY owned.namespace = 'anonymous_id', owned.value
"""
_HAPPENINGS = """
SELECT formatDateTime(at, '%H:%i:%S') AS time, name, happening,
       multiIf(notEmpty(identifiers), concat(identifiers[1].1, ':', identifiers[1].2),
               JSONType(across) = 'String', JSONExtractString(across), across) AS who,
       multiIf(cause IN ('deadline', 'tick'), 'time', cause IN ('merge', 'definition', 'rebuild'), cause,
               'an event') AS because
FROM
(
    SELECT changed_at AS at, segment AS name, change AS happening, identifiers, cause, change_id AS id, '' AS across
    FROM onefold.segment_changes FINAL
    WHERE workspace = {workspace:String} AND changed_at > now64(3) - INTERVAL 1 MINUTE
    UNION ALL
    SELECT fired_at, trigger, 'fired', identifiers, cause, trigger_id, across
    FROM onefold.triggers FINAL
    WHERE workspace = {workspace:String} AND fired_at > now64(3) - INTERVAL 1 MINUTE
)
ORDER BY at DESC, id LIMIT {limit:UInt32}
"""
_CDNOW = """
SELECT count() AS events, uniqExact(profile_id) AS profiles,
       toInt64(ifNull(sum(num(properties.quantity)), 0)) AS quantity,
       ifNull(sum(num(properties.total)), 0) AS total,
       toString(toDate(min(occurred_at))) AS first, toString(toDate(max(occurred_at))) AS last
FROM onefold.events WHERE workspace = 'cdnow'
"""
_RFM = """
WITH customers AS (
    SELECT profile_id,
           dateDiff('day', max(occurred_at), toDateTime64('1998-06-30 00:00:00', 3, 'UTC')) AS recency,
           count() AS frequency, ifNull(sum(num(properties.total)), 0) AS monetary
    FROM onefold.events WHERE workspace = 'cdnow' GROUP BY profile_id)
SELECT multiIf(frequency >= 10, '10 orders and more', frequency >= 4, '4 to 9 orders', frequency >= 2, '2 or 3 orders',
               '1 order') AS orders,
       countIf(recency <= 90) AS recent, countIf(recency > 90 AND recency <= 270) AS middling,
       countIf(recency > 270) AS long_ago, count() AS customers, round(avg(monetary), 2) AS mean
FROM customers GROUP BY orders ORDER BY min(frequency) DESC
"""


class ShopCounts(msgspec.Struct, frozen=True):
    """Profiles of a workspace, the events in them, and its open sessions."""

    profiles: int
    events: int
    open_sessions: int


class ShownPerson(msgspec.Struct, frozen=True):
    """A profile as text: identifiers as NAMESPACE:VALUE, traits as JSON, times in UTC."""

    profile_id: str
    identifiers: tuple[str, ...]
    traits: str
    events: int
    segments: tuple[str, ...]
    first: str
    last: str


class IdentifierOwner(msgspec.Struct, frozen=True):
    """An identifier, and the profile that has it."""

    identifier: str
    profile_id: str
    events: int
    identifiers: tuple[str, ...]


class CdnowTotals(msgspec.Struct, frozen=True):
    """What the CDNOW data set comes to: CDs, dollars, first and last day."""

    events: int
    profiles: int
    quantity: int
    total: float
    first: str
    last: str


def shop_counts(warehouse: Warehouse, workspace: str) -> ShopCounts:
    """Count what a workspace has now."""
    return converted(warehouse.rows(_COUNTS, {"workspace": workspace}), ShopCounts)[0]


def richest_person(warehouse: Warehouse, workspace: str) -> ShownPerson | None:
    """Find the person with the most identifiers, and of these the most events; None without any."""
    persons = converted(warehouse.rows(_RICHEST, {"workspace": workspace}), ShownPerson)
    return persons[0] if persons else None


def users_of_device(warehouse: Warehouse, workspace: str, device: str) -> int:
    """Count the users who signed in on a device."""
    (row,) = warehouse.rows(_SIGNED_IN, {"workspace": workspace, "device": device})
    return int(str(row["users"]))


def owners_of(warehouse: Warehouse, workspace: str, device: str, first: str, second: str) -> list[IdentifierOwner]:
    """Find whose a device and its two users are."""
    parameters = {"workspace": workspace, "device": device, "first": first, "second": second}
    return converted(warehouse.rows(_OWNERS, parameters), IdentifierOwner)


def latest_happenings(warehouse: Warehouse, workspace: str, limit: int = 12) -> list[tuple[str, ...]]:
    """Find entries, exits and triggers of the last minute: time, name, what happened, who, and because of what."""
    rows = warehouse.rows(_HAPPENINGS, {"workspace": workspace, "limit": str(limit)})
    return [tuple(map(str, row.values())) for row in rows]


def cdnow_totals(warehouse: Warehouse) -> CdnowTotals:
    """Add up the CDNOW data set."""
    return converted(warehouse.rows(_CDNOW), CdnowTotals)[0]


def cdnow_customers(warehouse: Warehouse) -> list[tuple[str, ...]]:
    """Group CDNOW's customers by orders: last order <= 90 days ago, 91 to 270, > 270, customers, mean spent."""
    return [tuple(map(str, row.values())) for row in warehouse.rows(_RFM)]
