"""The HTTP surface for senders: which path means which call, and how every outcome is answered."""

import logging
import time
import traceback
from collections.abc import Iterator
from functools import partial

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from admission.facts.events import FactReaders, Requester
from admission.rejection import Rejection
from collectors import metrics
from collectors.access import WriteKeys
from collectors.arrivals import Arrivals
from collectors.intake import Intake, count_rejection
from collectors.validation import ReceivedBody, RejectedCall, UnusedInCall, ValidatedBody, ValidatedCalls, validate_body
from collectors.validators import Validators
from identity.rules import IdentityRules
from runtime.clock import now_ms
from runtime.errors import OnefoldError
from runtime.http.answers import error_response
from runtime.http.bodies import Bodies, BodyRefused
from runtime.http.callers import caller_of, key_from_header
from schemas.records import EventType

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

# What the browser SDKs of Segment and RudderStack request in their preflights, on first tries and on retries.
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

    def __init__(  # noqa: PLR0913, PLR0917 - what each request passes
        self,
        keys: WriteKeys,
        rules: IdentityRules,
        facts: FactReaders,
        bodies: Bodies,
        validators: Validators,
        intake: Intake,
    ) -> None:
        self._keys = keys
        self._rules = rules
        self._facts = facts
        self._bodies = bodies
        self._validators = validators
        self._intake = intake
        self._arrivals = Arrivals()

    def routes(self) -> Iterator[Route]:
        """Yield every path, with and without a slash at its end: a redirect would lose the body in some SDKs."""
        for kind, paths in PATHS.items():
            endpoint = partial(self.receive, kind=kind, route=paths[0])
            for path in paths:
                for spelling in (path, f"{path}/"):
                    yield Route(spelling, endpoint, methods=["POST"], middleware=[_CORS])
                    yield Route(spelling, _no_content, methods=["OPTIONS"], middleware=[_CORS])

    async def receive(self, request: Request, kind: EventType | None, route: str) -> Response:
        """Answer one call or batch; whatever happens, the answer is JSON and says whether to come again."""
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
            return error_response(refused.status, refused.code, refused.message)
        except OnefoldError as unavailable:
            logger.warning("answered 503: %s", unavailable)
            return error_response(503, "unavailable", "events cannot be stored now, send them again later")
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:  # noqa: BLE001 - the boundary: the sender gets an answer, the log the line
            frame = traceback.extract_tb(error.__traceback__)[-1]
            logger.error("answered 500: %s at %s:%s", type(error).__name__, frame.filename, frame.lineno)
            return error_response(500, "internal_error", "the collector failed, send the events again later")

    async def _take(self, request: Request, kind: EventType | None) -> Response:
        received_at = now_ms()
        caller = caller_of(request)
        keys = self._keys.used_by(caller)
        header_key = key_from_header(request.headers.get("authorization"))
        sender = keys.sender(header_key)
        if header_key is not None and sender is None:
            return _refuse_key(keys.why_refused(header_key))
        async with self._bodies.read(request, is_known=sender is not None) as body:
            if sender is None:
                presented = keys.presented_in(body)
                if keys.sender(presented) is None:
                    return _refuse_key(keys.why_refused(presented))
            connection = Requester(caller.address, request.headers.get("user-agent", ""))
            add_facts = partial(self._facts.with_facts, connection=connection)
            received = ReceivedBody(kind, sender, keys, received_at, self._arrivals, add_facts)
            validate = partial(validate_body, body, received, self._rules)
            validated = await self._validators.run(caller.network, len(body), validate)
            return await self._keep(validated, kind, body, received_at)

    async def _keep(self, validated: ValidatedBody, kind: EventType | None, body: bytes, received_at: int) -> Response:
        sender, outcome = validated
        if isinstance(outcome, Rejection):
            if outcome.code == "unknown_write_key":
                return _refuse_key(outcome.message)
            await self._intake.keep_rejected_body(sender, outcome, body, received_at)
            return _refusal(outcome)
        if not outcome.accepted and outcome.rejected and all(call.sender is None for call in outcome.rejected):
            return _refuse_key(outcome.rejected[0].rejection.message)
        await self._intake.keep(outcome, received_at)
        if kind is not None and outcome.rejected:
            return _refusal(outcome.rejected[0].rejection)
        return _success(outcome)


def moved_routes(api_port: int) -> list[Route]:
    """Return routes that answer 404 to look-ups and operators' requests, and say where the API answers them."""

    async def moved(_request: Request) -> Response:
        message = f"look-ups and operators' requests are answered by the API, on port {api_port} where it runs"
        return error_response(404, "not_here", message)

    methods = ["GET", "POST"]
    return [Route(path, moved, methods=methods) for path in ("/v1/profiles/{rest:path}", "/v1/identity/{rest:path}")]


def _success(validated: ValidatedCalls) -> Response:
    rejected = [_shown(call) for call in validated.rejected]
    answer: dict[str, object] = {"success": True, "accepted": len(validated.accepted), "rejected": rejected}
    if validated.answered:
        answer["unused"] = [shown_unused(unused) for unused in validated.answered]
    return JSONResponse(answer)


def _shown(call: RejectedCall) -> dict[str, object]:
    rejection = call.rejection
    return {
        "index": call.index,
        "messageId": call.message_id,
        "code": rejection.code,
        "message": rejection.message,
        "field": rejection.field,
    }


def shown_unused(unused: UnusedInCall) -> dict[str, object]:
    """Return what an answer says of an identifier that does not count."""
    identifier = unused.identifier
    return {
        "index": unused.index,
        "field": identifier.named.field,
        "reason": identifier.reason,
        "message": str(identifier),
    }


def _refusal(rejection: Rejection) -> Response:
    status = 413 if rejection.code in {"too_many_events", "too_many_identifiers"} else 400
    return error_response(status, rejection.code, rejection.message, rejection.field)


def _refuse_key(message: str) -> Response:
    count_rejection(None, "unknown_write_key")
    return error_response(401, "unknown_write_key", message, "writeKey")


async def _no_content(_request: Request) -> Response:
    return Response(status_code=204)
