"""`POST /v1/identity/unmerge`, `GET /v1/identity/requests/{id}`: parting people over HTTP, by owners of an admin key.

An order is accepted once Kafka has it; what becomes of it the second route tells.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Iterable, Sequence

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.requests import OrderRefused, UnknownProfile, UnknownRequest, changes_of, outcome, unmerge
from runtime.errors import OnefoldError, TransientError
from runtime.http.bodies import Bodies, BodyRefused
from runtime.http.callers import presents_key
from runtime.kafka.async_producer import AsyncProducer
from runtime.kafka.deliveries import ProducerRecord
from schemas import topics
from schemas.contracts import Contracts
from settings import Settings, Workspace
from warehouse.client import look_ups

RETRY_AFTER_S = 2
MAX_SPLIT = 1_000

logger = logging.getLogger(__name__)


class Unmerge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of an order. `profile`: its id, or an identifier NAMESPACE:VALUE that stays; `split`: identifiers."""

    profile: str
    split: tuple[str, ...]
    workspace: str = "main"
    reason: str = ""
    forbid: bool = False


class IdentityOrders:
    """The handlers. They read `app.state.settings`."""

    def __init__(self, producer: AsyncProducer, contracts: Contracts, bodies: Bodies) -> None:
        self._producer = producer
        self._contracts = contracts
        self._bodies = bodies

    def routes(self) -> list[Route]:
        return [
            Route("/v1/identity/unmerge", self.unmerge, methods=["POST"]),
            Route("/v1/identity/requests/{request_id}", self.request, methods=["GET"]),
        ]

    async def unmerge(self, request: Request) -> Response:
        """202 with the request's id; 401 without an admin key, which is asked before the body is read.

        400, 404, 415 when the order cannot be meant; 503 when it cannot be taken now.
        """
        settings: Settings = request.app.state.settings
        try:
            _check_key(_admin_keys(settings.workspaces.values()), "any workspace", request)
            order = await self._read(request)
            _check_access(settings, order.workspace, request)
            request_id = await self._send(settings, order)
        except ClientDisconnect:
            return Response(status_code=400)
        except _ERRORS as error:
            return _answer_to(error)
        return JSONResponse({"request_id": request_id, "state": "unanswered"}, 202)

    async def request(self, request: Request) -> Response:
        """What has become of an order. One that nobody has heard of is `unanswered`, as one that was just sent.

        404 for an id that no order gets.
        """
        settings: Settings = request.app.state.settings
        name = request.query_params.get("workspace", "main")
        request_id = request.path_params["request_id"]
        try:
            _check_access(settings, name, request)
            changes = await asyncio.to_thread(changes_of, look_ups(settings.clickhouse), name, request_id)
        except _ERRORS as error:
            return _answer_to(error)
        return JSONResponse(msgspec.to_builtins(outcome(request_id, changes)))

    async def _read(self, request: Request) -> Unmerge:
        # A page in a browser can send this type to another site only if that site says so; ours does not.
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise BodyRefused(415, "unsupported_type", "Content-Type must be application/json")
        async with self._bodies.read(request) as body:
            order = msgspec.json.decode(body, type=Unmerge)
        if len(order.split) > MAX_SPLIT:
            raise OrderRefused("split", f"at most {MAX_SPLIT} identifiers can be split off at once")
        return order

    async def _send(self, settings: Settings, order: Unmerge) -> str:
        encoders = self._contracts.encoders
        if encoders is None:
            raise TransientError(self._contracts.reason)
        wanted = await asyncio.to_thread(
            unmerge,
            look_ups(settings.clickhouse),
            order.workspace,
            order.profile,
            order.split,
            folder=settings.definitions,
            request_id=uuid.uuid4().hex,
            at=time.time_ns() // 1_000_000,
            reason=order.reason,
            forbid=order.forbid,
        )
        value = encoders.request(wanted)
        await self._producer.send([ProducerRecord(topics.IDENTITY_REQUESTS, order.workspace.encode(), value)])
        return wanted.request_id


class _Forbidden(Exception):
    """No admin key of the workspace."""


_ERRORS = (
    BodyRefused,
    OnefoldError,
    OrderRefused,
    UnknownProfile,
    UnknownRequest,
    _Forbidden,
    msgspec.DecodeError,
    UnicodeDecodeError,
)


def _check_access(settings: Settings, name: str, request: Request) -> None:
    """Whoever holds no key of a workspace does not hear whether there is one of that name."""
    workspace = settings.workspaces.get(name)
    _check_key(_admin_keys([workspace] if workspace is not None else []), f"workspace {name!r}", request)


def _admin_keys(workspaces: Iterable[Workspace]) -> list[str]:
    return [key for workspace in workspaces for key in workspace.admin_keys]


def _check_key(keys: Sequence[str], of: str, request: Request) -> None:
    """Open reads open nothing here."""
    if not presents_key(request.headers.get("authorization"), keys):
        raise _Forbidden(f"an admin key of {of} is needed: as user name of Basic authentication, or as Bearer")


def _answer_to(error: Exception) -> Response:
    status, code, message, field = 400, "invalid_body", f"the body is not an order: {error}", None
    match error:
        case BodyRefused():
            status, code, message = error.status, error.code, error.message
        case OrderRefused():
            code, message, field = "invalid_order", str(error), error.field
        case UnknownProfile():
            status, code, message, field = 404, "unknown_profile", str(error), "profile"
        case UnknownRequest():
            status, code, message, field = 404, "unknown_request", str(error), "request_id"
        case _Forbidden():
            status, code, message, field = 401, "unknown_admin_key", str(error), "Authorization"
        case OnefoldError():
            logger.warning("answered 503: %s", error)
            status, code, message = 503, "unavailable", "this cannot be done now, come again later"
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return JSONResponse({"error": {"code": code, "message": message, "field": field}}, status, headers)
