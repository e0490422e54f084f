"""Finds what explaining a definition needs of one profile: its newest events as they were sent, traits, sessions."""

import json
from collections.abc import Mapping
from typing import NamedTuple, cast

from definitions.explaining.statements import PastStatement
from schemas.consent import ConsentStatement, Status
from schemas.records import Event, EventType, SessionFacts
from warehouse.client import Warehouse

EVENTS_READ = 20_000
STATEMENTS_READ = 50
"""Of each purpose and channel."""

_PROFILE = """
SELECT traits_text AS traits, kind, toUnixTimestamp64Milli(updated_at) AS updated_at
FROM onefold.profiles FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile:String}
"""
_EVENTS = """
WITH named AS
(
    SELECT workspace, toString(identifier.namespace) AS namespace, identifier.value AS value
    FROM onefold.profiles FINAL ARRAY JOIN identifiers AS identifier
    WHERE workspace = {workspace:String} AND profile_id = {profile:String}
)
SELECT source, message_id, type, event, toUnixTimestamp64Milli(occurred_at) AS at,
       toUnixTimestamp64Milli(received_at) AS received, ordinal,
       properties_text AS properties, traits_text AS traits, context_text AS context
FROM onefold.current_events
WHERE workspace = {workspace:String} AND profile_id = {profile:String} AND identifier_id IN (
    SELECT reinterpretAsUInt128(sipHash128(workspace, namespace, value)) FROM named
    UNION ALL
    SELECT reinterpretAsUInt128(sipHash128(workspace, device_namespace, device_value)) FROM onefold.device_owners
    WHERE (workspace, namespace, value) IN (SELECT workspace, namespace, value FROM named)
)
ORDER BY occurred_at DESC, ordinal DESC, message_id DESC
LIMIT {limit:UInt32}
"""
_SESSIONS = """
SELECT toUnixTimestamp64Milli(started_at) AS started, toUnixTimestamp64Milli(ended_at) AS ended,
       {facts}
FROM onefold.sessions FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile:String}
ORDER BY started_at {order}
LIMIT 1
""".replace("{facts}", ", ".join(SessionFacts.__struct_fields__))
_FIRED = """
SELECT fired_at, cause, payload_text AS payload
FROM onefold.triggers FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile:String} AND trigger = {trigger:String}
ORDER BY fired_at DESC LIMIT 10
"""
_MEMBER = """
SELECT entered_at FROM onefold.segment_members FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile:String} AND segment = {segment:String}
"""

_STATEMENTS = """
SELECT version, purpose, channel, status, toUnixTimestamp64Milli(since) AS at, event, source, text, reason
FROM onefold.consents FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile:String}
ORDER BY version DESC
LIMIT {limit:UInt32} BY purpose, channel
"""


class PastSession(NamedTuple):
    """A session: times of its first and last event (ms), and its facts."""

    started_at: int
    ended_at: int
    facts: Mapping[str, str]


class FoundProfile(NamedTuple):
    """A profile: its traits as they are shown, its newest events in order, and its first and last session.

    `statements`: the newest about being sent things. `is_cut`: there are more events than were read. `updated_at`: by
    the clock of its workspace (ms).
    """

    kind: str
    traits: Mapping[str, object]
    updated_at: int
    events: tuple[Event, ...]
    is_cut: bool
    first: PastSession | None
    last: PastSession | None
    statements: tuple[PastStatement, ...] = ()


def find_past_profile(warehouse: Warehouse, workspace: str, profile_id: str) -> FoundProfile | None:
    """Find a profile with its past; None if there is none. Raises OnefoldError."""
    parameters = {"workspace": workspace, "profile": profile_id}
    profiles = warehouse.rows(_PROFILE, parameters)
    if not profiles:
        return None
    rows = warehouse.rows(_EVENTS, parameters | {"limit": str(EVENTS_READ + 1)})
    events = tuple(_event(workspace, row) for row in rows[:EVENTS_READ])[::-1]
    first, last = (_session(warehouse, parameters, order) for order in ("ASC", "DESC"))
    traits = json.loads(str(profiles[0]["traits"]))
    updated_at = cast("int", profiles[0]["updated_at"])
    said = warehouse.rows(_STATEMENTS, parameters | {"limit": str(STATEMENTS_READ)})
    return FoundProfile(
        str(profiles[0]["kind"]),
        traits,
        updated_at,
        events,
        len(rows) > EVENTS_READ,
        first,
        last,
        tuple(map(_statement, said)),
    )


def find_membership(warehouse: Warehouse, workspace: str, profile_id: str, segment: str) -> str | None:
    """Find since when a profile is in a segment, as the streams say; None if it is not."""
    rows = warehouse.rows(_MEMBER, {"workspace": workspace, "profile": profile_id, "segment": segment})
    return str(rows[0]["entered_at"]) if rows else None


def find_firings(warehouse: Warehouse, workspace: str, profile_id: str, trigger: str) -> list[Mapping[str, object]]:
    """Find the last ten times that a trigger fired for a profile, newest first: when, because of what, with what."""
    rows = warehouse.rows(_FIRED, {"workspace": workspace, "profile": profile_id, "trigger": trigger})
    return [{**row, "payload": json.loads(str(row["payload"]))} for row in rows]


def _session(warehouse: Warehouse, parameters: Mapping[str, str], order: str) -> PastSession | None:
    rows = warehouse.rows(_SESSIONS.replace("{order}", order), parameters)
    if not rows:
        return None
    started, ended, *facts = rows[0].items()
    return PastSession(cast("int", started[1]), cast("int", ended[1]), {name: str(value) for name, value in facts})


def _statement(row: Mapping[str, object]) -> PastStatement:
    statement = ConsentStatement(
        cast("Status", row["status"]),
        int(str(row["at"])),
        str(row["event"]),
        str(row["source"]),
        str(row["text"]),
        str(row["reason"]),
    )
    return PastStatement(int(str(row["version"])), str(row["purpose"]), str(row["channel"]), statement)


def _event(workspace: str, row: Mapping[str, object]) -> Event:
    return Event(
        workspace,
        str(row["source"]),
        str(row["message_id"]),
        cast("EventType", row["type"]),
        cast("str | None", row["event"]),
        cast("int", row["at"]),
        None,
        cast("int", row["received"]),
        (),
        str(row["properties"]),
        str(row["traits"]),
        str(row["context"]),
        cast("int", row["ordinal"]),
    )
