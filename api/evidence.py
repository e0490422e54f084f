"""`GET /v1/identity/...`: why identifiers are one person, devices, and what waits for a review, as JSON.

The shapes: docs/guide/explaining.md. What operators may change is elsewhere.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.answers import answer
from api.identifiers import asked_identifier, identity_rules
from settings import Settings
from warehouse.client import look_ups
from warehouse.queries.devices import Devices, find_devices
from warehouse.queries.explanation import Explanation, explain
from warehouse.queries.quarantine import Quarantine, find_quarantine


def evidence_routes() -> list[Route]:
    """The routes. They read `app.state.settings`; definitions are read once, as the worker does."""
    return [
        Route("/v1/identity/explain/{identifier:path}", _explain, methods=["GET"]),
        Route("/v1/identity/devices", _devices, methods=["GET"]),
        Route("/v1/identity/devices/{identifier:path}", _devices, methods=["GET"]),
        Route("/v1/identity/quarantine", _quarantine, methods=["GET"]),
    ]


async def _explain(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Explanation | None:
        identifier = asked_identifier(request.path_params["identifier"], settings.definitions)
        return explain(look_ups(settings.clickhouse), workspace, identifier, identity_rules(settings.definitions))

    return await answer(request, look_up, missing="identity")


async def _devices(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Devices | None:
        named = request.path_params.get("identifier")
        device = None if named is None else asked_identifier(named, settings.definitions)
        only_shared = request.query_params.get("shared", "false").lower() in {"", "1", "true"}
        return find_devices(
            look_ups(settings.clickhouse),
            workspace,
            identity_rules(settings.definitions),
            device=device,
            shared=only_shared,
        )

    return await answer(request, look_up, missing="device")


async def _quarantine(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Quarantine:
        return find_quarantine(look_ups(settings.clickhouse), workspace)

    return await answer(request, look_up, missing="quarantine")
