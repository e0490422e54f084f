"""What ClickHouse says of every person, over HTTP, in the words of the reference; one workspace at a time."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

import httpx

from runtime.http.plain import plain_client
from schemas.records import Identifier
from tests.oracle.reference import JsonObject, Person, Visit

_SETTINGS = {"final": "1", "output_format_json_quote_64bit_integers": "0"}
_TIMEOUT_S = 60.0

_PROFILES = """
SELECT profile_id, toJSONString(traits) AS traits, counters, events,
       toUnixTimestamp64Milli(first_seen_at) AS first_seen_at, toUnixTimestamp64Milli(last_seen_at) AS last_seen_at,
       arraySort(segments.segment) AS segments
FROM onefold.profiles WHERE workspace = {workspace:String}
"""
_SESSIONS = """
SELECT profile_id, toUnixTimestamp64Milli(started_at) AS started_at, toUnixTimestamp64Milli(ended_at) AS ended_at,
       events, entry_url, status, source
FROM onefold.sessions WHERE workspace = {workspace:String}
"""
_IDENTIFIERS = "SELECT namespace, value, profile_id FROM onefold.identifiers WHERE workspace = {workspace:String}"
_EVENTS = "SELECT message_id, profile_id FROM onefold.events WHERE workspace = {workspace:String}"
_MEMBERS = "SELECT profile_id, segment FROM onefold.segment_members WHERE workspace = {workspace:String}"
_DEVICES_OF_MEMBERS = """
SELECT segment, min(value) AS device
FROM onefold.segment_members AS members
INNER JOIN onefold.identifiers AS identifiers
        ON members.workspace = identifiers.workspace AND members.profile_id = identifiers.profile_id
WHERE members.workspace = {workspace:String} AND namespace = 'anonymous_id'
GROUP BY members.profile_id, segment
"""
_REJECTED = "SELECT message_id, reason FROM onefold.rejected_events WHERE workspace = {workspace:String}"


class Warehouse:
    """Queries on one workspace."""

    def __init__(self, url: str, workspace: str) -> None:
        self._url = url
        self._workspace = workspace

    def rows(self, query: str) -> list[JsonObject]:
        """Rows of a query that may name {workspace:String}, every table with FINAL."""
        params = _SETTINGS | {"param_workspace": self._workspace, "default_format": "JSONEachRow"}
        with plain_client(_TIMEOUT_S) as client:
            response = client.post(self._url, params=params, content=query.encode())
        assert response.status_code == httpx.codes.OK, response.text
        return [json.loads(line) for line in response.text.splitlines()]

    def members(self) -> set[tuple[str, str]]:
        """Profile id and segment of every membership."""
        return {(str(row["profile_id"]), str(row["segment"])) for row in self.rows(_MEMBERS)}

    def devices_of_members(self) -> set[tuple[str, str]]:
        """Of every membership whose profile has devices the first of these, and the segment."""
        return {(str(row["device"]), str(row["segment"])) for row in self.rows(_DEVICES_OF_MEMBERS)}

    def rejected(self) -> list[tuple[str | None, str]]:
        """Message id and reason of every rejected event."""
        return [(_text(row["message_id"]), str(row["reason"])) for row in self.rows(_REJECTED)]

    def message_ids(self) -> set[str]:
        """Message ids of all events."""
        return {str(row["message_id"]) for row in self.rows(_EVENTS)}

    def people(self, forwards: Mapping[str, str], dead_lettered: Collection[str] = ()) -> dict[str, Person]:
        """Every profile by id, put together from all tables that know of it.

        `forwards`: merged profile -> survivor. Sessions of more than a day before a merge keep the profile id that
        they were made under, as events do. `dead_lettered`: ids of messages that are nobody's.
        """
        identifiers = _grouped((row["profile_id"], _identifier(row)) for row in self.rows(_IDENTIFIERS))
        messages = _grouped(
            (row["profile_id"], str(row["message_id"]))
            for row in self.rows(_EVENTS)
            if row["message_id"] not in dead_lettered
        )
        sessions = _grouped((_survivor(row["profile_id"], forwards), _visit(row)) for row in self.rows(_SESSIONS))
        members = _grouped(self.members())
        people = {}
        for row in self.rows(_PROFILES):
            profile_id = str(row["profile_id"])
            assert profile_id not in people, f"two rows for profile {profile_id}"
            segments = frozenset(members.pop(profile_id, []))
            assert row["segments"] == sorted(segments), f"segment_members and profile {profile_id} say different things"
            people[profile_id] = Person(
                profile_id=profile_id,
                identifiers=frozenset(identifiers.pop(profile_id, [])),
                message_ids=frozenset(messages.pop(profile_id, [])),
                traits=json.loads(str(row["traits"])),
                counters=_counters(row["counters"]),
                events=_number(row["events"]),
                first_seen_at=_number(row["first_seen_at"]),
                last_seen_at=_number(row["last_seen_at"]),
                sessions=tuple(sorted(sessions.pop(profile_id, []), key=lambda visit: visit.started_at)),
                segments=segments,
            )
        for left in (identifiers, messages, sessions, members):
            assert not left, f"rows of profiles that are not in the table profiles: {list(left.items())[:5]}"
        return people


Value = TypeVar("Value")


def _grouped(pairs: Iterable[tuple[object, Value]]) -> dict[str, list[Value]]:
    groups: dict[str, list[Value]] = {}
    for profile_id, value in pairs:
        groups.setdefault(str(profile_id), []).append(value)
    return groups


def _survivor(profile_id: object, forwards: Mapping[str, str]) -> str:
    current = str(profile_id)
    while current in forwards:
        current = forwards[current]
    return current


def _identifier(row: JsonObject) -> Identifier:
    return Identifier(str(row["namespace"]), str(row["value"]))


def _visit(row: JsonObject) -> Visit:
    return Visit(
        started_at=_number(row["started_at"]),
        ended_at=_number(row["ended_at"]),
        events=_number(row["events"]),
        entry_url=_text(row["entry_url"]),
        status=str(row["status"]),
        source=str(row["source"]),
    )


def _counters(value: object) -> dict[str, int]:
    assert isinstance(value, dict)
    return {str(name): _number(count) for name, count in value.items()}


def _number(value: object) -> int:
    assert isinstance(value, int), f"{value!r} is no whole number"
    return value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
