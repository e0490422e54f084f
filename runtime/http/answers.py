"""The form of every error that our HTTP servers answer with: code for programs, sentence for people, wrong field."""

from starlette.responses import JSONResponse, Response

RETRY_AFTER_S = 2


def error_response(status: int, code: str, message: str, field: str | None = None) -> Response:
    """Answer with an error; 503 says when to come again, and 408 closes the connection.

    Who sends too slowly will not send the rest in time either; all others may use their connection again.
    """
    headers = {503: {"Retry-After": str(RETRY_AFTER_S)}, 408: {"Connection": "close"}}.get(status)
    return JSONResponse(error_body(code, message, field), status, headers)


def error_body(code: str, message: str, field: str | None = None) -> dict[str, object]:
    """Return the body of an error, as values of JSON."""
    return {"error": {"code": code, "message": message, "field": field}}
