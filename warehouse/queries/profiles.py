"""Finds profiles: one by any of its identifiers, with its latest sessions, and the identifiers of one."""

import msgspec

from schemas.records import Identifier
from warehouse.client import JsonObject, Warehouse

SESSIONS_SHOWN = 10

_PROFILE = """
SELECT profile_id, kind, identifiers, traits, counters, segments, events, first_seen_at, last_seen_at, updated_at,
       version, session_id, session_started_at, session_last_event_at, session_events, session_entry_url
FROM onefold.profiles FINAL
WHERE workspace = {workspace:String} AND profile_id = (
    SELECT profile_id FROM onefold.identifiers FINAL
    WHERE workspace = {workspace:String} AND namespace = {namespace:String} AND value = {value:String}
)
"""
_SESSIONS = """
SELECT session_id, status, started_at, ended_at, events, entry_url
FROM onefold.sessions FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile_id:String}
ORDER BY started_at DESC
LIMIT {limit:UInt32}
"""
_MEMBERS = """
SELECT identifiers FROM onefold.profiles FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile_id:String}
"""
_SESSION_FIELDS = ("session_id", "started_at", "last_event_at", "events", "entry_url")


def find_profile(warehouse: Warehouse, workspace: str, identifier: Identifier) -> JsonObject | None:
    """Find the profile that an identifier belongs to now, times in ISO 8601; None if no profile has it."""
    named = {"workspace": workspace, "namespace": identifier.namespace, "value": identifier.value}
    profiles = warehouse.rows(_PROFILE, named)
    if not profiles:
        return None
    profile = profiles[0]
    session = {field: profile.pop(_column(field)) for field in _SESSION_FIELDS}
    profile["session"] = session if session["session_id"] is not None else None
    of_profile = {"workspace": workspace, "profile_id": str(profile["profile_id"]), "limit": str(SESSIONS_SHOWN)}
    profile["sessions"] = warehouse.rows(_SESSIONS, of_profile)
    return profile


def members_of(warehouse: Warehouse, workspace: str, profile_id: str) -> list[Identifier] | None:
    """Find the identifiers of a living profile; None if there is no such profile."""
    rows = warehouse.rows(_MEMBERS, {"workspace": workspace, "profile_id": profile_id})
    return msgspec.convert(rows[0]["identifiers"], list[Identifier]) if rows else None


def _column(field: str) -> str:
    return field if field.startswith("session_") else f"session_{field}"
