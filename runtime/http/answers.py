"""The form of every error that our HTTP servers answer with: code for programs, sentence for people, wrong field."""

import json
import logging
import traceback
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

RETRY_AFTER_S = 2
_CODES = {404: "not_found", 405: "method_not_allowed"}

logger = logging.getLogger(__name__)


def error_response(status: int, code: str, message: str, field: str | None = None) -> Response:
    """Answer with an error; 503 says when to come again, and 408 closes the connection.

    Who sends too slowly will not send the rest in time either; all others may use their connection again.
    """
    headers = {503: {"Retry-After": str(RETRY_AFTER_S)}, 408: {"Connection": "close"}}.get(status)
    return JSONResponse(error_body(code, message, field), status, headers)


def error_body(code: str, message: str, field: str | None = None) -> dict[str, object]:
    """Return the body of an error, as values of JSON."""
    return {"error": {"code": code, "message": message, "field": field}}


def whole_answer(status: int, code: str, message: str) -> bytes:
    """Return the bytes of an error where no application answers; the connection ends with it."""
    body = json.dumps(error_body(code, message)).encode()
    retry = f"Retry-After: {RETRY_AFTER_S}\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{retry}Connection: close\r\n\r\n"
    )
    return head.encode() + body


def routing_error(hint: str = "") -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return what answers to a path or a method that there is not: Starlette's handler of HTTPException.

    `hint` says which there are.
    """

    async def answered(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        message = f"{request.method} {request.url.path[:200]}: {error.detail}{hint and f'; {hint}'}"
        response = error_response(error.status_code, _CODES.get(error.status_code, "invalid_request"), message)
        response.headers.update(error.headers or {})
        return response

    return answered


class Boundary:
    """ASGI middleware that answers 500 to what a handler raises, and logs its type and line, but none of its values."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer 500 if the handler raises before it has answered."""
        has_answered = False

        async def observed(message: Message) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, observed)
        except Exception as error:  # noqa: BLE001 - the boundary: the client gets an answer, the log the line
            frame = traceback.extract_tb(error.__traceback__)[-1]
            logger.error("answered 500: %s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
            if not has_answered:
                await error_response(500, "internal_error", "the server failed, come again later")(scope, receive, send)
