"""Who may ask a look-up over HTTP, and how its failures are answered; the same for every one of them."""

import asyncio
import logging
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from runtime.errors import OnefoldError
from runtime.http.callers import presents_key
from settings import Settings

RETRY_AFTER_S = 2

logger = logging.getLogger(__name__)


async def answer(request: Request, look_up: Callable[[Settings, str], object | None], missing: str) -> Response:
    """What `look_up` finds of the workspace that `?workspace=` names, as JSON.

    401 without a read key, 404 for an unknown workspace or None (`missing` says what there is not), 400 for a
    ValueError, 503 when ClickHouse does not answer.
    """
    settings: Settings = request.app.state.settings
    name = request.query_params.get("workspace", "main")
    if not may_read(settings, name, request):
        message = f"a read key of workspace {name!r} is needed: as user name of Basic authentication, or as Bearer"
        return refusal(401, "unknown_read_key", message, "Authorization")
    if name not in settings.workspaces:
        return refusal(404, "unknown_workspace", f"there is no workspace {name!r}", "workspace")
    try:
        found = await asyncio.to_thread(look_up, settings, name)
    except ValueError as error:
        return refusal(400, "invalid_identifier", str(error), "identifier")
    except OnefoldError as error:
        logger.warning("answered 503: %s", error)
        return refusal(503, "unavailable", "this cannot be read now, ask again later")
    if found is None:
        return refusal(
            404, f"unknown_{missing}", f"workspace {name!r} has no {missing} with this identifier", "identifier"
        )
    return Response(msgspec.json.encode(found), media_type=JSONResponse.media_type)


def may_read(settings: Settings, workspace: str, request: Request) -> bool:
    """Whether reads are open, or the request carries a read key of the workspace."""
    if settings.open_reads:
        return True
    known = settings.workspaces.get(workspace)
    return known is not None and presents_key(request.headers.get("authorization"), known.read_keys)


def refusal(status: int, code: str, message: str, field: str | None = None) -> Response:
    """An answer that says what was wrong, in the form of every other error of the API."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return JSONResponse({"error": {"code": code, "message": message, "field": field}}, status, headers)
