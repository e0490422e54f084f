"""Answers a look-up over HTTP: checks the read key and the workspace, asks in a thread, and says what went wrong."""

import asyncio
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.access import check_read_key
from api.failures import FAILURES, failure_response
from api.identifiers import InvalidIdentifier, unusable_reason
from runtime.http.answers import error_response
from runtime.literal import literal_json
from settings import Settings


async def answer(request: Request, look_up: Callable[[Settings, str], object | None], missing: str) -> Response:
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
        why = unusable_reason(text, settings.definitions)
        message = f"workspace {workspace!r} has no {missing} with {text}{f': {why}' if why else ''}"
        return error_response(404, f"unknown_{missing}", message, "identifier")
    return Response(literal_json(msgspec.json.encode(result).decode()), media_type=JSONResponse.media_type)
