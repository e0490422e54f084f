"""The HTTP surface: which path means which call, and how every outcome is answered."""

import logging
import time
import traceback
from collections.abc import Iterator
from functools import partial

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from collectors import metrics, payload
from collectors.access import WriteKeys, key_from_body, key_from_header
from collectors.bodies import Bodies, BodyRefused
from collectors.intake import Intake, count_rejection
from collectors.payload import JsonObject
from collectors.producer import Unavailable
from collectors.readiness import OK, Readiness
from collectors.rejection import Rejection
from collectors.validation import Judgement, Refused, judge_batch, judge_call
from definitions.identity.rules import IdentityRules
from schemas.records import EventType
from telemetry.endpoint import Exposition

RETRY_AFTER_S = 2

# Kind of call (None: a batch) -> its paths. The first is the route's name in metrics, the short are of analytics.js,
# `import` is of the Java SDK.
PATHS: dict[EventType | None, tuple[str, ...]] = {
    "identify": ("/v1/identify", "/v1/i"),
    "track": ("/v1/track", "/v1/t"),
    "page": ("/v1/page", "/v1/p"),
    "screen": ("/v1/screen", "/v1/s"),
    "alias": ("/v1/alias", "/v1/a"),
    "group": ("/v1/group", "/v1/g"),
    None: ("/v1/batch", "/v1/b", "/v1/import"),
}

# What the browser SDKs of Segment and RudderStack ask for in their preflights, on first tries and on retries.
_RUDDER_RETRY = ("rsa-retry-attempt", "rsa-retry-reason", "rsa-since-first-attempt", "rsa-since-last-attempt")
_CORS = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["POST"],
    allow_headers=["Authorization", "Content-Type", "X-Retry-Count", "AnonymousId", "SentAt", *_RUDDER_RETRY],
    expose_headers=["Retry-After"],
    max_age=600,
)

logger = logging.getLogger(__name__)


class Ingestion:
    """The handlers of the calls."""

    def __init__(self, keys: WriteKeys, rules: IdentityRules, bodies: Bodies, intake: Intake) -> None:
        self._keys = keys
        self._rules = rules
        self._bodies = bodies
        self._intake = intake

    def routes(self) -> Iterator[Route]:
        """Every path, with and without a slash at its end: a redirect would lose the body in some SDKs."""
        for kind, paths in PATHS.items():
            endpoint = partial(self.receive, kind=kind, route=paths[0])
            for path in paths:
                for spelling in (path, f"{path}/"):
                    yield Route(spelling, endpoint, methods=["POST"], middleware=[_CORS])
                    yield Route(spelling, _no_content, methods=["OPTIONS"], middleware=[_CORS])

    async def receive(self, request: Request, kind: EventType | None, route: str) -> Response:
        """Answer one call or batch; whatever happens, the answer is JSON and tells whether to come again."""
        started = time.perf_counter()
        with metrics.REQUESTS_IN_FLIGHT.track_inprogress():
            response = await self._answer(request, kind)
        elapsed_s = time.perf_counter() - started
        metrics.REQUEST_SECONDS.labels(route, str(response.status_code)).observe(elapsed_s)
        return response

    async def _answer(self, request: Request, kind: EventType | None) -> Response:
        try:
            return await self._take(request, kind)
        except BodyRefused as refused:
            count_rejection(None, refused.code)
            return _error(refused.status, refused.code, refused.message)
        except Unavailable as unavailable:
            logger.warning("answered 503: %s", unavailable)
            return _error(503, "unavailable", "events cannot be stored now, send them again later")
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - the boundary: the sender gets an answer, the log the place
            frame = traceback.extract_tb(error.__traceback__)[-1]
            logger.error("answered 500: %s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
            return _error(500, "internal_error", "the collector failed, send the events again later")

    async def _take(self, request: Request, kind: EventType | None) -> Response:
        received_at = time.time_ns() // 1_000_000
        header_key = key_from_header(request.headers.get("authorization"))
        sender = self._keys.sender(header_key)
        if header_key is not None and sender is None:
            return _refuse_key()
        async with self._bodies.read(request) as body:
            try:
                call = _object(body)
                sender = sender or self._keys.sender(key_from_body(call))
                if kind is None:
                    judgement = judge_batch(call, sender, self._keys, received_at, self._rules)
                elif sender is None:
                    return _refuse_key()
                else:
                    judgement = judge_call(call, kind, sender, received_at, self._rules)
            except Rejection as rejection:
                await self._intake.keep_refused_body(sender, rejection, body, received_at)
                return _refusal(rejection)
            if sender is None and not judgement.accepted and all(one.sender is None for one in judgement.refused):
                return _refuse_key()
            await self._intake.keep(judgement, received_at)
        if kind is not None and judgement.refused:
            return _refusal(judgement.refused[0].rejection)
        return _success(judgement)


def service_routes(readiness: Readiness) -> list[Route]:
    """The routes for operators: liveness, readiness, metrics."""

    async def ready(_request: Request) -> Response:
        states = await readiness.states()
        is_ready = all(state == OK for state in states.values())
        body = {"status": "ready" if is_ready else "not ready", "parts": states}
        return JSONResponse(body, status_code=200 if is_ready else 503)

    async def metrics_text(_request: Request) -> Response:
        return Response(await exposition.text(), media_type=CONTENT_TYPE_LATEST)

    exposition = Exposition()
    return [
        Route("/health/live", _live),
        Route("/health/ready", ready),
        Route("/metrics", metrics_text),
    ]


def _object(body: bytes) -> JsonObject:
    parsed = payload.parse(body)
    if isinstance(parsed, dict):
        return parsed
    payload.check(parsed)
    raise Rejection("invalid_body", "the body must be a JSON object")


def _success(judgement: Judgement) -> Response:
    rejected = [_shown(refused) for refused in judgement.refused]
    return JSONResponse({"success": True, "accepted": len(judgement.accepted), "rejected": rejected})


def _shown(refused: Refused) -> dict[str, object]:
    rejection = refused.rejection
    return {
        "index": refused.index,
        "messageId": refused.message_id,
        "code": rejection.code,
        "message": rejection.message,
        "field": rejection.field,
    }


def _refusal(rejection: Rejection) -> Response:
    status = 413 if rejection.code == "too_many_events" else 400
    return _error(status, rejection.code, rejection.message, rejection.field)


def _refuse_key() -> Response:
    count_rejection(None, "unknown_write_key")
    message = "no source has this write key: give it as user name of Basic authentication, or as writeKey in the body"
    return _error(401, "unknown_write_key", message, "writeKey")


def _error(status: int, code: str, message: str, field: str | None = None) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return JSONResponse({"error": {"code": code, "message": message, "field": field}}, status, headers)


async def _no_content(_request: Request) -> Response:
    return Response(status_code=204)


async def _live(_request: Request) -> Response:
    return PlainTextResponse("live")
