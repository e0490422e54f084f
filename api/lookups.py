"""`GET /v1/profiles/...` and `GET /v1/identity/...`: profiles, and why they are as they are, by read keys, as JSON.

The shapes: docs/guide/explaining.md. What operators may change is `operators`' matter.
"""

import asyncio
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.access import check_read_key
from api.failures import FAILURES, failure_response
from api.identifiers import InvalidIdentifier, identity_rules, queried_identifier, why_nobody
from api.profiles import queried_profile
from runtime.http.answers import error_response
from runtime.literal import literal_json
from settings import Settings
from warehouse.client import JsonObject, look_ups
from warehouse.queries.devices import Devices, find_devices
from warehouse.queries.explanation import Explanation, explain
from warehouse.queries.quarantine import Quarantine, find_quarantine


def lookup_routes() -> list[Route]:
    """Return the routes. They read `app.state.settings`; definitions are read once, as by the worker."""
    return [
        Route("/v1/profiles/{identifier:path}", _profile, methods=["GET"]),
        Route("/v1/identity/explain/{identifier:path}", _explain, methods=["GET"]),
        Route("/v1/identity/devices", _devices, methods=["GET"]),
        Route("/v1/identity/devices/{identifier:path}", _devices, methods=["GET"]),
        Route("/v1/identity/quarantine", _quarantine, methods=["GET"]),
    ]


async def _profile(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> JsonObject | None:
        return queried_profile(settings, workspace, request.path_params["identifier"])

    return await _answer(request, look_up, missing="profile")


async def _explain(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Explanation | None:
        identifier = queried_identifier(request.path_params["identifier"], settings.definitions)
        return explain(look_ups(settings.clickhouse), workspace, identifier, identity_rules(settings.definitions))

    return await _answer(request, look_up, missing="identity")


async def _devices(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Devices | None:
        text = request.path_params.get("identifier")
        device = None if text is None else queried_identifier(text, settings.definitions)
        only_shared = request.query_params.get("shared", "false").lower() in {"", "1", "true"}
        rules = identity_rules(settings.definitions)
        return find_devices(look_ups(settings.clickhouse), workspace, rules, device=device, shared=only_shared)

    return await _answer(request, look_up, missing="device")


async def _quarantine(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Quarantine:
        return find_quarantine(look_ups(settings.clickhouse), workspace)

    return await _answer(request, look_up, missing="quarantine")


async def _answer(request: Request, look_up: Callable[[Settings, str], object | None], missing: str) -> Response:
    """Answer with what `look_up` returns of the workspace that `?workspace=` names, as JSON.

    401 without a read key, 404 for an unknown workspace or None (`missing` says what there is not), 400 for an invalid
    identifier, 503 when ClickHouse does not answer.
    """
    settings: Settings = request.app.state.settings
    workspace = request.query_params.get("workspace", "main")
    try:
        check_read_key(settings, workspace, request)
        if workspace not in settings.workspaces:
            return error_response(404, "unknown_workspace", f"there is no workspace {workspace!r}", "workspace")
        result = await asyncio.to_thread(look_up, settings, workspace)
    except FAILURES as failure:
        return failure_response(failure)
    except ValueError as error:  # an identifier that this look-up cannot be about
        return failure_response(InvalidIdentifier(str(error)))
    if result is None:
        text = request.path_params.get("identifier", "")
        why = why_nobody(text, settings.definitions)
        message = f"workspace {workspace!r} has no {missing} with {text}{f': {why}' if why else ''}"
        return error_response(404, f"unknown_{missing}", message, "identifier")
    return Response(literal_json(msgspec.json.encode(result).decode()), media_type=JSONResponse.media_type)
