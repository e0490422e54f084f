"""`POST /v1/identity/unmerge`, `GET /v1/identity/requests/{id}`: operators' requests about who is who, by admin keys.

A request is accepted once Kafka has it; the second route says what has become of it.
"""

import asyncio
import time
import uuid

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.access import check_admin_key, check_any_admin_key
from api.failures import FAILURES, failure_response
from api.requests import RequestRefused, Submission, changes_of, outcome_of, unmerge_request
from runtime.errors import TransientError
from runtime.http.bodies import Bodies, BodyRefused
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.deliveries import ProducerRecord
from schemas import topics
from schemas.contracts import Contracts
from settings import Settings
from warehouse.client import look_ups

MAX_SPLIT = 1_000


class UnmergeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of an unmerge. `profile`: its id, or an identifier NAMESPACE:VALUE that stays; `split`: what leaves it."""

    profile: str
    split: tuple[str, ...]
    workspace: str = "main"
    reason: str = ""
    forbid: bool = False


class Operators:
    """The handlers. They read `app.state.settings`."""

    def __init__(self, producer: AsyncProducer, contracts: Contracts, bodies: Bodies) -> None:
        self._producer = producer
        self._contracts = contracts
        self._bodies = bodies

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v1/identity/unmerge", self.unmerge, methods=["POST"]),
            Route("/v1/identity/requests/{request_id}", self.status, methods=["GET"]),
        ]

    async def unmerge(self, request: Request) -> Response:
        """Answer 202 with the request's id; 401 without an admin key, which is checked before the body is read.

        400, 404, 415 when the request cannot be meant; 503 when it cannot be taken now.
        """
        settings: Settings = request.app.state.settings
        try:
            check_any_admin_key(settings, request)
            body = await self._read(request)
            check_admin_key(settings, body.workspace, request)
            request_id = await self._send(settings, body)
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

    async def _read(self, request: Request) -> UnmergeBody:
        # A page in a browser can send this type to another site only if that site says so; ours does not.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise BodyRefused(415, "unsupported_type", "Content-Type must be application/json")
        async with self._bodies.read(request) as body:
            unmerge = msgspec.json.decode(body, type=UnmergeBody)
        if len(unmerge.split) > MAX_SPLIT:
            raise RequestRefused("split", f"at most {MAX_SPLIT} identifiers can be split off at once")
        return unmerge

    async def _send(self, settings: Settings, body: UnmergeBody) -> str:
        encoders = self._contracts.encoders
        if encoders is None:
            raise TransientError(self._contracts.reason)
        submission = Submission(
            body.workspace, uuid.uuid4().hex, time.time_ns() // 1_000_000, reason=body.reason, forbid=body.forbid
        )
        request = await asyncio.to_thread(unmerge_request, settings, submission, body.profile, body.split)
        record = ProducerRecord(topics.IDENTITY_REQUESTS, body.workspace.encode(), encoders.request(request))
        await self._producer.send([record])
        return request.request_id


# IMPORT look_ups
