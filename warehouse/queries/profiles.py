"""Finds profiles: one by any of its identifiers or by its id, with its latest sessions, and the identifiers of one."""

from collections.abc import Mapping

import msgspec

from schemas.records import Identifier
from warehouse.client import JsonObject, Warehouse
from warehouse.queries.values import literals

SESSIONS_SHOWN = 10
MAX_FORWARDS = 100  # a merge of merges is one step each; GRAPH forwards the rest at once

_PROFILE = """
SELECT profile_id, kind, identifiers, traits_text AS traits, counters, segments, events, first_seen_at, last_seen_at,
       updated_at, version, session_id, session_started_at, session_last_event_at, session_events, session_entry_url
FROM onefold.profiles FINAL
WHERE workspace = {workspace:String} AND profile_id = if({profile_id:String} != '', {profile_id:String}, (
    SELECT profile_id FROM onefold.identifiers FINAL
    WHERE workspace = {workspace:String} AND namespace = {namespace:String} AND value = {value:String}
))
"""
_SESSIONS = """
SELECT session_id, status, started_at, ended_at, events, entry_url, source, medium, campaign, keyword, content,
       channel, referrer, entry_page, device, system, browser, country, region
FROM onefold.sessions FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile_id:String}
ORDER BY started_at DESC
LIMIT {limit:UInt32}
"""
_MEMBERS = """
SELECT identifiers FROM onefold.profiles FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile_id:String}
"""
# Of a profile that was merged away the row is kept, and marked as deleted.
_FORWARD = """
SELECT ifNull(argMax(merged_into, version), '') AS target FROM onefold.profiles
WHERE workspace = {workspace:String} AND profile_id = {profile_id:String}
SETTINGS final = 0
"""
_PROFILE_ID = """
SELECT profile_id FROM onefold.identifiers FINAL
WHERE workspace = {workspace:String} AND namespace = {namespace:String} AND value = {value:String}
"""
_MERGED_INTO = """
SELECT profile_id FROM onefold.profiles
WHERE workspace = {{workspace:String}} AND profile_id IN (
    SELECT profile_id FROM onefold.profiles WHERE workspace = {{workspace:String}} AND merged_into IN {targets})
GROUP BY profile_id HAVING argMax(ifNull(merged_into, ''), version) IN {targets}
SETTINGS final = 0
"""
_decode_traits = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_SESSION_FIELDS = ("session_id", "started_at", "last_event_at", "events", "entry_url")


def find_profile(warehouse: Warehouse, workspace: str, identifier: Identifier) -> JsonObject | None:
    """Find the profile that an identifier belongs to now, times in ISO 8601; None if no profile has it.

    Its `traits` are JSON by name (`msgspec.Raw`), to the digit.
    """
    named = {"namespace": identifier.namespace, "value": identifier.value, "profile_id": ""}
    return _found(warehouse, workspace, named)


def find_profile_by_id(warehouse: Warehouse, workspace: str, profile_id: str) -> JsonObject | None:
    """Find a profile by its id, or the one that it was merged into, which then has `forwarded_from` as well.

    None if there is no such profile.
    """
    followed = [profile_id]
    while len(followed) <= MAX_FORWARDS:
        (row,) = warehouse.rows(_FORWARD, {"workspace": workspace, "profile_id": followed[-1]})
        target = str(row["target"])
        if not target or target in followed:
            break
        followed.append(target)
    named = {"namespace": "", "value": "", "profile_id": followed[-1]}
    profile = _found(warehouse, workspace, named)
    if profile is not None and len(followed) > 1:
        profile["forwarded_from"] = profile_id
    return profile


def _found(warehouse: Warehouse, workspace: str, named: Mapping[str, str]) -> JsonObject | None:
    profiles = warehouse.rows(_PROFILE, {"workspace": workspace, **named})
    if not profiles:
        return None
    profile = profiles[0]
    profile["traits"] = _traits(str(profile["traits"]))
    session = {field: profile.pop(_column(field)) for field in _SESSION_FIELDS}
    profile["session"] = session if session["session_id"] is not None else None
    of_profile = {"workspace": workspace, "profile_id": str(profile["profile_id"]), "limit": str(SESSIONS_SHOWN)}
    profile["sessions"] = warehouse.rows(_SESSIONS, of_profile)
    return profile


def members_of(warehouse: Warehouse, workspace: str, profile_id: str) -> list[Identifier] | None:
    """Find the identifiers of a living profile; None if there is no such profile."""
    rows = warehouse.rows(_MEMBERS, {"workspace": workspace, "profile_id": profile_id})
    return msgspec.convert(rows[0]["identifiers"], list[Identifier]) if rows else None


def profile_id_of(warehouse: Warehouse, workspace: str, identifier: Identifier) -> str | None:
    """Find the id of the profile that an identifier belongs to now; None if no profile has it."""
    named = {"workspace": workspace, "namespace": identifier.namespace, "value": identifier.value}
    rows = warehouse.rows(_PROFILE_ID, named)
    return str(rows[0]["profile_id"]) if rows else None


def merged_into(warehouse: Warehouse, workspace: str, profile_id: str) -> list[str]:
    """Find the profiles that were merged into a profile, directly or by others, and were not unmerged since."""
    found: dict[str, None] = {}
    frontier = [profile_id]
    while frontier and len(found) < MAX_FORWARDS:
        rows = warehouse.rows(_MERGED_INTO.format(targets=literals(frontier)), {"workspace": workspace})
        frontier = [member for row in rows if (member := str(row["profile_id"])) not in found and member != profile_id]
        found |= dict.fromkeys(frontier)
    return list(found)


def _traits(text: str) -> dict[str, msgspec.Raw]:
    """Read a JSON object; an empty one where the text is none."""
    try:
        return _decode_traits(msgspec.json.format(text, indent=-1))
    except msgspec.DecodeError:
        return {}


def _column(field: str) -> str:
    return field if field.startswith("session_") else f"session_{field}"
