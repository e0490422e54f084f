"""`POST /v1/deliveries/...`: what operators request of deliveries, by admin keys: pause, resume, replay."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.access import check_admin_key, check_any_admin_key
from api.deliveries import chosen_attempts
from api.failures import FAILURES, failure_response
from api.operator_bodies import read_json
from api.pausing import pause, resume
from api.replaying import DeliveryReplay
from api.requests import RequestRefused
from runtime.http.bodies import Bodies
from settings import Settings
from warehouse.client import JsonObject

MOST_REPLAYED = 1_000
"""Of one request, which waits for them; `left` says whether there are more."""


class DestinationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The destination that is paused or resumed, in every workspace; the key is one of `workspace`."""

    destination: str
    workspace: str = "main"
    reason: str = ""


class ReplayBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is replayed; times in ISO 8601. `dry_run`: only say how many it would be."""

    destination: str
    workspace: str = "main"
    outcome: Literal["refused", "suppressed"] = "refused"
    reason: str | None = None
    since: str | None = None
    until: str | None = None
    profile: str | None = None
    limit: int = MOST_REPLAYED
    dry_run: bool = False


Body = DestinationBody | ReplayBody


class DeliveryOperators:
    """The handlers. They read `app.state.settings`."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies

    def routes(self) -> list[Route]:
        """Return the routes."""
        handlers: dict[str, tuple[type[Body], Callable[[Settings, Body], JsonObject]]] = {
            "pause": (DestinationBody, _pause),
            "resume": (DestinationBody, _resume),
            "replay": (ReplayBody, _replay),
        }
        return [
            Route(f"/v1/deliveries/{name}", partial(self.take, kind=kind, do=do), methods=["POST"])
            for name, (kind, do) in handlers.items()
        ]

    async def take(self, request: Request, kind: type[Body], do: Callable[[Settings, Body], JsonObject]) -> Response:
        """Answer with what was done; 401 without an admin key, 400, 404 and 415 for what cannot be meant, or 503."""
        settings: Settings = request.app.state.settings
        try:
            check_any_admin_key(settings, request)
            body = await read_json(self._bodies, request, kind)
            check_admin_key(settings, body.workspace, request)
            if not body.destination:
                raise RequestRefused("destination", "name a destination")
            return JSONResponse(await asyncio.to_thread(do, settings, body))
        except ClientDisconnect:
            return Response(status_code=400)
        except FAILURES as failure:
            return failure_response(failure)
        except ValueError as error:  # an identifier that is none
            return failure_response(RequestRefused("profile", str(error)))


def _pause(settings: Settings, body: Body) -> JsonObject:
    assert isinstance(body, DestinationBody)
    return {"destination": body.destination, "paused_at": pause(settings, body.destination, body.reason).paused_at}


def _resume(settings: Settings, body: Body) -> JsonObject:
    return {"destination": body.destination, "was_paused": resume(settings, body.destination)}


def _replay(settings: Settings, body: Body) -> JsonObject:
    assert isinstance(body, ReplayBody)
    if not 1 <= body.limit <= MOST_REPLAYED:
        raise RequestRefused("limit", f"limit is a number from 1 to {MOST_REPLAYED:,}")
    chosen = chosen_attempts(
        settings, body.workspace, body.destination, body.outcome, body.reason, body.since, body.until, body.profile
    )
    replay = DeliveryReplay(settings, body.workspace, chosen)
    try:
        total = replay.count()
        replayed = 0 if body.dry_run or not total else sum(replay.run(body.limit))
    finally:
        replay.close()
    return {"destination": body.destination, "replayed": replayed, "left": max(total - replayed, 0)}
