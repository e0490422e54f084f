"""`POST /v1/identity/...`: operators' requests about who is who, by admin keys; `GET /v1/identity/requests/{id}`.

A request is accepted once Kafka has it; the last route says what has become of it.
"""

import asyncio
import uuid
from functools import partial

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.access import check_admin_key, check_any_admin_key
from api.dry_run import dry_run
from api.failures import FAILURES, failure_response
from api.operator_bodies import BODIES, Body, RetractingBody, read_json
from api.outcomes import changes_of, outcome_of
from api.requests import Submission
from runtime.clock import now_ms
from runtime.errors import TransientError
from runtime.http.bodies import Bodies
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.deliveries import ProducerRecord
from schemas import topics
from schemas.contracts import Contracts
from settings import Settings
from warehouse.client import look_ups


class Operators:
    """The handlers. They read `app.state.settings`."""

    def __init__(self, producer: AsyncProducer, contracts: Contracts, bodies: Bodies) -> None:
        self._producer = producer
        self._contracts = contracts
        self._bodies = bodies

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            *(Route(path, partial(self.take, body=body), methods=["POST"]) for path, body in BODIES.items()),
            Route("/v1/identity/requests/{request_id}", self.status, methods=["GET"]),
        ]

    async def take(self, request: Request, body: type[Body]) -> Response:
        """Answer 202 with the request's id; 401 without an admin key, which is checked before the body is read.

        400, 404, 415 when the request cannot be meant; 503 when it cannot be taken now. A dry run is answered at once.
        """
        settings: Settings = request.app.state.settings
        try:
            check_any_admin_key(settings, request)
            requested = await read_json(self._bodies, request, body)
            check_admin_key(settings, requested.workspace, request)
            if isinstance(requested, RetractingBody) and requested.dry_run:
                return await asyncio.to_thread(_tried, settings, requested)
            request_id = await self._send(settings, requested)
        except ClientDisconnect:
            return Response(status_code=400)
        except FAILURES as failure:
            return failure_response(failure)
        return JSONResponse({"request_id": request_id, "state": "unanswered"}, 202)

    async def status(self, request: Request) -> Response:
        """Answer with what has become of a request. One that nobody has heard of is `unanswered`, as one just sent.

        404 for an id that no request gets.
        """
        settings: Settings = request.app.state.settings
        workspace = request.query_params.get("workspace", "main")
        request_id = request.path_params["request_id"]
        try:
            check_admin_key(settings, workspace, request)
            changes = await asyncio.to_thread(changes_of, look_ups(settings.clickhouse), workspace, request_id)
        except FAILURES as failure:
            return failure_response(failure)
        return JSONResponse(msgspec.to_builtins(outcome_of(request_id, changes)))

    async def _send(self, settings: Settings, body: Body) -> str:
        encoders = self._contracts.encoders
        if encoders is None:
            raise TransientError(self._contracts.reason)
        submission = _submission(body)
        requests = await asyncio.to_thread(body.requests, settings, submission)
        key = body.workspace.encode()
        await self._producer.send(
            [ProducerRecord(topics.IDENTITY_REQUESTS, key, encoders.request(request)) for request in requests]
        )
        return submission.request_id


def _submission(body: Body) -> Submission:
    return Submission(body.workspace, uuid.uuid4().hex, now_ms(), reason=body.reason)


def _tried(settings: Settings, body: RetractingBody) -> Response:
    outcome = dry_run(settings, body.requests(settings, _submission(body)))
    return Response(msgspec.json.encode(outcome), media_type=JSONResponse.media_type)
