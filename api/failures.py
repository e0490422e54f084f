"""What can go wrong with a look-up or an operator's request, and the answer over HTTP to each; one place for all."""

import logging

import msgspec
from starlette.responses import Response

from api.access import KeyRefused
from api.identifiers import InvalidIdentifier
from api.outcomes import UnknownRequest
from api.requests import RequestRefused, UnknownDefinition, UnknownProfile
from runtime.errors import OnefoldError
from runtime.http.answers import error_response
from runtime.http.bodies import BodyRefused
from warehouse.queries.segments import TooLongAgo, UnknownSegment

_ANSWERS: dict[type[Exception], tuple[int, str, str | None]] = {
    InvalidIdentifier: (400, "invalid_identifier", "identifier"),
    UnknownProfile: (404, "unknown_profile", "profile"),
    UnknownRequest: (404, "unknown_request", "request_id"),
    UnknownSegment: (404, "unknown_segment", "segment"),
    TooLongAgo: (400, "too_long_ago", "at"),
}
"""Failure -> status, code and field; its message is shown as it is."""

FAILURES: tuple[type[Exception], ...] = (
    *_ANSWERS,
    BodyRefused,
    KeyRefused,
    RequestRefused,
    UnknownDefinition,
    OnefoldError,
    msgspec.DecodeError,
    UnicodeDecodeError,
)

logger = logging.getLogger(__name__)


def failure_response(failure: Exception) -> Response:  # noqa: PLR0911 - one for each kind of failure
    """Return the answer to one of FAILURES."""
    match failure:
        case BodyRefused():
            return error_response(failure.status, failure.code, failure.message)
        case KeyRefused():
            return error_response(401, failure.code, str(failure), "Authorization")
        case RequestRefused():
            return error_response(400, "invalid_request", str(failure), failure.field)
        case UnknownDefinition():
            return error_response(404, f"unknown_{failure.subject}", str(failure), failure.subject)
        case OnefoldError():
            logger.warning("answered 503: %s", failure)
            return error_response(503, "unavailable", "this cannot be done now, come again later")
        case _ if type(failure) in _ANSWERS:
            status, code, field = _ANSWERS[type(failure)]
            return error_response(status, code, str(failure), field)
    return error_response(400, "invalid_body", f"the body is not the request's: {failure}")
