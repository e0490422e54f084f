"""Looks one person up by any identifier: `GET /v1/profiles/{namespace:value}`.

Reads what the sink has written to ClickHouse; what a profile is made of is decided in the streams.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.answers import answer
from api.identifiers import asked_identifier
from settings import Settings
from warehouse.client import JsonObject, look_ups
from warehouse.queries.profiles import find_profile


def profile_routes() -> list[Route]:
    """The look-up's route. It reads `app.state.settings`."""
    return [Route("/v1/profiles/{identifier:path}", profile, methods=["GET"])]


async def profile(request: Request) -> Response:
    """The unified profile as JSON: 400 for a malformed identifier, 401 without a read key, 404 if nobody has it."""

    def look_up(settings: Settings, workspace: str) -> JsonObject | None:
        return find_profile(
            look_ups(settings.clickhouse),
            workspace,
            asked_identifier(request.path_params["identifier"], settings.definitions),
        )

    return await answer(request, look_up, missing="profile")
