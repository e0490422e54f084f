"""`GET /v1/...`: profiles, why they are as they are, and, in `segments`, who is in which segment. By read keys.

The shapes: docs/guide/explaining.md. What operators may change is `operators`' matter.
"""

from collections.abc import Awaitable, Callable
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.across import ExplainedAcross, explained_across
from api.answering import answer
from api.deliveries import delivery_routes
from api.explaining import ExplainedDefinition, Subject, explained, why_not_across
from api.identifiers import identity_rules, queried_identifier
from api.profiles import queried_profile
from api.segments import segment_routes
from settings import Settings
from warehouse.client import JsonObject, look_ups
from warehouse.queries.devices import Devices, find_devices
from warehouse.queries.explanation import Explanation, explain
from warehouse.queries.quarantine import Quarantine, find_quarantine


def lookup_routes() -> list[Route]:
    """Return the routes. They read `app.state.settings`; definitions are read once, as by the worker."""
    return [
        Route("/v1/profiles/{identifier:path}", _profile, methods=["GET"]),
        Route("/v1/identity/explain/{identifier:path}", _explain, methods=["GET"]),
        *(
            Route(f"/v1/explain/{subject}/{{name}}/{{identifier:path}}", _explain_definition(subject), methods=["GET"])
            for subject in get_args(Subject)
        ),
        Route("/v1/explain/trigger/{name}", _explain_across, methods=["GET"]),
        Route("/v1/identity/devices", _devices, methods=["GET"]),
        Route("/v1/identity/devices/{identifier:path}", _devices, methods=["GET"]),
        Route("/v1/identity/quarantine", _quarantine, methods=["GET"]),
        *segment_routes(),
        *delivery_routes(),
    ]


async def _profile(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> JsonObject | None:
        return queried_profile(settings, workspace, request.path_params["identifier"])

    return await answer(request, look_up, missing="profile")


async def _explain(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Explanation | None:
        identifier = queried_identifier(request.path_params["identifier"], settings.definitions)
        return explain(look_ups(settings.clickhouse), workspace, identifier, identity_rules(settings.definitions))

    return await answer(request, look_up, missing="identity")


def _explain_definition(subject: Subject) -> Callable[[Request], Awaitable[Response]]:
    async def explain_one(request: Request) -> Response:
        name, text = request.path_params["name"], request.path_params["identifier"]

        def look_up(settings: Settings, workspace: str) -> ExplainedDefinition | ExplainedAcross | None:
            across = explained_across(settings, workspace, name, text) if subject == "trigger" else None
            return across or explained(settings, workspace, subject, name, text)

        return await answer(request, look_up, missing="profile")

    return explain_one


async def _explain_across(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> ExplainedAcross:
        name = request.path_params["name"]
        across = explained_across(settings, workspace, name)
        if across is None:
            raise why_not_across(settings, workspace, name)
        return across

    return await answer(request, look_up, missing="trigger")


async def _devices(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Devices | None:
        text = request.path_params.get("identifier")
        device = None if text is None else queried_identifier(text, settings.definitions)
        only_shared = request.query_params.get("shared", "false").lower() in {"", "1", "true"}
        rules = identity_rules(settings.definitions)
        return find_devices(look_ups(settings.clickhouse), workspace, rules, device=device, shared=only_shared)

    return await answer(request, look_up, missing="device")


async def _quarantine(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> Quarantine:
        return find_quarantine(look_ups(settings.clickhouse), workspace)

    return await answer(request, look_up, missing="quarantine")
