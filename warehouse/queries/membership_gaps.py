"""Reads where a destination differs from a segment: who is in it and was not delivered, and who was and is no more."""

from collections.abc import Iterator, Sequence
from sys import intern
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from schemas.consent import ConsentState, ConsentStatement
from schemas.records import Identifier, ProfileKind
from warehouse.client import Warehouse
from warehouse.queries.values import literals, text_array

Direction: TypeAlias = Literal["entered", "exited"]

SPILLING = {"max_bytes_before_external_group_by": "1000000000", "max_bytes_before_external_sort": "1000000000"}
SAID = """
SELECT any(toString(profile_id)) AS profile_id, any(toString(change)) AS changed, any(version) AS version_of,
       toUnixTimestamp64Milli(any(happened_at)) AS happened,
       argMax(toString(outcome), (attempted_at, attempt, outcome)) AS outcome_of,
       argMax(toString(reason), (attempted_at, attempt, outcome)) AS reason_of, max(attempted_at) AS last_at
FROM onefold.deliveries
WHERE workspace = {workspace:String} AND destination IN {destinations:Array(String)} AND kind = 'segment'
  AND name = {segment:String}
GROUP BY activation_id
"""
"""Of each change what became of it at a destination."""

# What a destination holds follows from the last change that was delivered; `latest`: what was said last, of any change.
# Of a segment that is not sent there nobody is a member, and an entry that has expired may have arrived all the same.
_GAPS = f"""
SELECT profile_id, toBool(max(is_member)) AS is_a_member, max(member_version) AS version, max(entered) AS entered_at,
       max(exited) AS exited_at, max(said_at) AS last_said_at, maxIf(latest_change, is_said) AS latest,
       maxIf(latest_outcome, is_said) AS outcome
FROM
(
    SELECT profile_id, 1 AS is_member, version AS member_version, toUnixTimestamp64Milli(entered_at) AS entered,
           toInt64(0) AS exited, toInt64(0) AS said_at, '' AS held, '' AS latest_change, '' AS latest_outcome,
           0 AS is_said
    FROM onefold.segment_members FINAL
    WHERE workspace = {{workspace:String}} AND segment = {{segment:String}} AND {{is_sent:Bool}}
    UNION ALL
    SELECT profile_id, 0, max(version_of), toInt64(0),
           maxIf(happened, changed = 'exited' AND outcome_of != 'suppressed'), toUnixTimestamp64Milli(max(last_at)),
           argMaxIf(changed, (version_of, last_at), outcome_of = 'delivered'
                    OR NOT {{is_sent:Bool}} AND changed = 'entered' AND reason_of = 'expired'),
           argMax(changed, (version_of, last_at)), argMax(outcome_of, (version_of, last_at)), 1
    FROM
    ({SAID})
    GROUP BY profile_id
)
GROUP BY profile_id
HAVING if(is_a_member, maxIf(held, is_said) != 'entered', maxIf(held, is_said) = 'entered')
ORDER BY profile_id
"""
_SENT_SEGMENTS = """
SELECT DISTINCT toString(name) AS segment FROM onefold.deliveries
WHERE workspace = {workspace:String} AND destination IN {destinations:Array(String)} AND kind = 'segment'
ORDER BY segment
"""
_PERSONS = """
SELECT profile_id, kind, version, identifiers.namespace AS namespaces, identifiers.value AS values,
       traits_text AS traits
FROM onefold.profiles FINAL
WHERE workspace = {{workspace:String}} AND profile_id IN {profile_ids}
"""
_CONSENTS = """
SELECT profile_id, purpose, channel, argMax((status, toUnixTimestamp64Milli(since), event, source, text, reason),
       (decision, version)) AS last
FROM onefold.consents
WHERE workspace = {{workspace:String}} AND profile_id IN {profile_ids}
GROUP BY profile_id, purpose, channel
"""
_VERSIONS = """
SELECT profile_id, version FROM onefold.profiles FINAL
WHERE workspace = {workspace:String} AND profile_id IN (
    SELECT profile_id FROM onefold.segment_members FINAL
    WHERE workspace = {workspace:String} AND segment = {segment:String}
)
"""

# The events tell more than the worker knows: it learns time zones only while a destination or a trigger asks for them.
_TIME_ZONES = """
SELECT profile_id, argMax(zone, (occurred_at, ordinal)) AS last
FROM
(
    SELECT profile_id, occurred_at, ordinal, context.timezone.:String AS zone FROM onefold.current_events
    WHERE workspace = {workspace:String} AND profile_id IN (
        SELECT profile_id FROM onefold.segment_members FINAL
        WHERE workspace = {workspace:String} AND segment = {segment:String}
    )
)
WHERE zone != ''
GROUP BY profile_id
"""


class Gap(NamedTuple):
    """A profile of which a destination is to hear that it entered or exited.

    `version`: of the membership, or of what was said last. `entered_at`: 0 of an exit. `exited_at`: of the last exit
    that was not suppressed, 0 if there was none. `said_at`: when anything was said last of it, 0 if never; `latest`,
    `outcome`: which change that was about, and how it ended; empty if nothing was said. Times in ms.
    """

    profile_id: str
    change: Direction
    version: int
    entered_at: int
    exited_at: int
    said_at: int
    latest: str
    outcome: str


class Person(msgspec.Struct, frozen=True):
    """What is known of a profile now: what a destination may be sent is chosen of it."""

    kind: ProfileKind
    version: int
    identifiers: tuple[Identifier, ...]
    traits: str
    consent: ConsentState = ConsentState()


def membership_gaps(
    warehouse: Warehouse, workspace: str, destinations: Sequence[str], segment: str, *, is_sent: bool
) -> Iterator[Gap]:
    """Yield the gaps, in the order of profile ids; of a segment that is not sent there, all that it may hold.

    `destinations`: all names of one. Raises OnefoldError.
    """
    parameters = {"workspace": workspace, "destinations": text_array(destinations), "segment": segment}
    parameters |= {"is_sent": str(int(is_sent))}
    for batch in warehouse.stream(_GAPS, parameters, SPILLING):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            profile_id, is_member, *others = row
            yield Gap(profile_id, "entered" if is_member else "exited", *others)


def sent_segments(warehouse: Warehouse, workspace: str, destinations: Sequence[str]) -> list[str]:
    """Return the segments of which a destination was ever to hear, under any of its names. Raises OnefoldError."""
    rows = warehouse.rows(_SENT_SEGMENTS, {"workspace": workspace, "destinations": text_array(destinations)})
    return [str(row["segment"]) for row in rows]


def persons(warehouse: Warehouse, workspace: str, profile_ids: Sequence[str]) -> dict[str, Person]:
    """Return what is known of profiles that there are, by id. Raises OnefoldError."""
    chosen = literals(profile_ids)
    said: dict[str, dict[str, dict[str, ConsentStatement]]] = {}
    for profile_id, purpose, channel, last in _rows(warehouse, _CONSENTS, workspace, chosen):
        statement = ConsentStatement(*last.values())
        if statement.event:  # without one, nothing is said any more
            said.setdefault(profile_id, {}).setdefault(purpose, {})[channel] = statement
    return {
        profile_id: Person(
            kind, version, tuple(map(Identifier, namespaces, values)), traits, ConsentState(said.get(profile_id, {}))
        )
        for profile_id, kind, version, namespaces, values, traits in _rows(warehouse, _PERSONS, workspace, chosen)
    }


def member_versions(warehouse: Warehouse, workspace: str, segment: str) -> Iterator[tuple[str, int]]:
    """Yield the id and the version of each profile that is in a segment. Raises OnefoldError."""
    for batch in warehouse.stream(_VERSIONS, {"workspace": workspace, "segment": segment}, SPILLING):
        yield from zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)


def time_zones(warehouse: Warehouse, workspace: str, segment: str) -> dict[str, str]:
    """Return in which time zone the members of a segment were last, by id, as far as known. Raises OnefoldError."""
    zones: dict[str, str] = {}
    for batch in warehouse.stream(_TIME_ZONES, {"workspace": workspace, "segment": segment}, SPILLING):
        zones.update(zip(batch.column(0).to_pylist(), map(intern, batch.column(1).to_pylist()), strict=True))
    return zones


def _rows(warehouse: Warehouse, query: str, workspace: str, profile_ids: str) -> Iterator[tuple]:  # type: ignore[type-arg]
    for batch in warehouse.stream(query.format(profile_ids=profile_ids), {"workspace": workspace}):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
