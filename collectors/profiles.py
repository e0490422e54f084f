"""Looking one person up by any identifier: the query, and `GET /v1/profiles/{namespace:value}`.

Reads what the sink has written to ClickHouse; what a profile is made of is decided in the streams.
"""

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from collectors.access import presents_key
from collectors.lookup import JsonObject, LookupFailed, rows
from schemas.records import Identifier
from settings import Settings

SESSIONS_SHOWN = 10
RETRY_AFTER_S = 2

logger = logging.getLogger(__name__)

_PROFILE = """
SELECT profile_id, identifiers, traits, counters, segments, events, first_seen_at, last_seen_at, updated_at, version,
       session_id, session_started_at, session_last_event_at, session_events, session_entry_url
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
_SESSION_FIELDS = ("session_id", "started_at", "last_event_at", "events", "entry_url")


def read_identifier(text: str) -> Identifier:
    """`namespace:value`, where the value may hold colons itself. Raises ValueError that says what is expected."""
    namespace, separator, value = text.partition(":")
    if not (namespace and separator and value):
        raise ValueError(f"expected NAMESPACE:VALUE such as user_id:42, not {text!r}")
    return Identifier(namespace, value)


def find_profile(clickhouse_url: str, workspace: str, identifier: Identifier) -> JsonObject | None:
    """The profile that an identifier belongs to now, times in ISO 8601; None if nobody has it. Raises LookupFailed."""
    named = {"workspace": workspace, "namespace": identifier.namespace, "value": identifier.value}
    profiles = rows(clickhouse_url, _PROFILE, named)
    if not profiles:
        return None
    profile = profiles[0]
    session = {field: profile.pop(_column(field)) for field in _SESSION_FIELDS}
    profile["session"] = session if session["session_id"] is not None else None
    of_profile = {"workspace": workspace, "profile_id": str(profile["profile_id"]), "limit": str(SESSIONS_SHOWN)}
    profile["sessions"] = rows(clickhouse_url, _SESSIONS, of_profile)
    return profile


def profile_routes() -> list[Route]:
    """The look-up's route. It reads `app.state.settings`."""
    return [Route("/v1/profiles/{identifier:path}", profile, methods=["GET"])]


async def profile(request: Request) -> Response:
    """The unified profile as JSON: 400 for a malformed identifier, 401 without a read key, 404 if nobody has it."""
    settings: Settings = request.app.state.settings
    name = request.query_params.get("workspace", "main")
    if not _may_read(settings, name, request):
        message = f"a read key of workspace {name!r} is needed: as user name of Basic authentication, or as Bearer"
        return _error(401, "unknown_read_key", message, "Authorization")
    if name not in settings.workspaces:
        return _error(404, "unknown_workspace", f"there is no workspace {name!r}", "workspace")
    try:
        identifier = read_identifier(request.path_params["identifier"])
    except ValueError as error:
        return _error(400, "invalid_identifier", str(error), "identifier")
    try:
        found = await asyncio.to_thread(find_profile, settings.clickhouse, name, identifier)
    except LookupFailed as error:
        logger.warning("answered 503: %s", error)
        return _error(503, "unavailable", "profiles cannot be read now, ask again later")
    if found is None:
        return _error(404, "unknown_profile", f"workspace {name!r} has no profile with this identifier", "identifier")
    return JSONResponse(found)


def _may_read(settings: Settings, workspace: str, request: Request) -> bool:
    if settings.open_reads:
        return True
    known = settings.workspaces.get(workspace)
    return known is not None and presents_key(request.headers.get("authorization"), known.read_keys)


def _column(field: str) -> str:
    return field if field.startswith("session_") else f"session_{field}"


def _error(status: int, code: str, message: str, field: str | None = None) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return JSONResponse({"error": {"code": code, "message": message, "field": field}}, status, headers)
