"""What became of deliveries, for the API (`GET /v1/deliveries`, by read keys) and the command line alike.

Reads what a person queries and hands it to `warehouse.queries.deliveries`; the shapes: docs/guide/deliveries.md.
"""

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.answering import answer
from api.explaining_deliveries import explained_delivery
from api.pausing import destination_named, destinations_in_force
from api.profiles import queried_profile_ids
from api.requests import RequestRefused, requested_time
from runtime.hints import did_you_mean
from schemas.records import DeliveryOutcome
from schemas.records.deliveries import REASONS
from settings import Settings
from warehouse.client import JsonObject, look_ups
from warehouse.queries.deliveries import ChosenAttempts, DeliveryLog, ShownAttempt
from warehouse.queries.segments import MOST_AT_ONCE, Page

DEFAULT_LIMIT = 100
OUTCOMES: tuple[DeliveryOutcome, ...] = get_args(DeliveryOutcome)


def deliveries_of(settings: Settings, workspace: str) -> DeliveryLog:
    """Return the deliveries of a workspace, for whoever does not wait long."""
    return DeliveryLog(look_ups(settings.clickhouse), workspace)


def chosen_attempts(  # noqa: PLR0913, PLR0917 - by what attempts are chosen
    settings: Settings,
    workspace: str,
    destination: str | None = None,
    outcome: str | None = None,
    reason: str | None = None,
    since: str | None = None,
    until: str | None = None,
    profile: str | None = None,
) -> ChosenAttempts:
    """Read which attempts a person means: times in ISO 8601, `profile` a profile's id or NAMESPACE:VALUE.

    A destination that was renamed is meant by any of its names, with what was attempted under all of them. Raises
    RequestRefused, UnknownProfile, InvalidIdentifier and OnefoldError.
    """
    named = destination_named(destinations_in_force(settings), destination) if destination else None
    return ChosenAttempts(
        (destination or "") if named is None else named.name,
        () if named is None else tuple(name for name in named.names if name != named.name),
        None if outcome is None else _outcome(outcome),
        _reason(reason or ""),
        None if since is None else requested_time("since", since),
        None if until is None else requested_time("until", until),
        () if profile is None else queried_profile_ids(settings, workspace, profile),
    )


def queried_attempts(
    settings: Settings, workspace: str, chosen: ChosenAttempts, limit: int, cursor: str = ""
) -> Page[ShownAttempt]:
    """Find attempts, the latest first. Raises RequestRefused and OnefoldError."""
    deliveries = deliveries_of(settings, workspace)
    try:
        page = deliveries.attempts(chosen, limit, cursor)
    except ValueError:
        raise RequestRefused("cursor", f"{cursor!r} is no cursor: take `next` of the page before") from None
    if not page.rows and chosen.destination:
        _check_destination(settings, deliveries, chosen.destination)
    return page


def _check_destination(settings: Settings, deliveries: DeliveryLog, name: str) -> None:
    """Raise RequestRefused for a destination that is not in force, and never had a delivery."""
    if (reason := why_unknown(settings, deliveries, name)) is not None:
        raise RequestRefused("destination", reason)


def why_unknown(settings: Settings, deliveries: DeliveryLog, name: str) -> str | None:
    """Return that a destination is not in force, and never had a delivery; None if it is, or had."""
    known = {*deliveries.destinations(), *(each.name for each in destinations_in_force(settings))}
    if name in known:
        return None
    hint = did_you_mean(name, sorted(known)) or "none is in force: see `onefold definitions status`"
    return f"there is no destination {name!r} ({hint})"


def _outcome(text: str) -> DeliveryOutcome:
    for outcome in OUTCOMES:
        if outcome == text:
            return outcome
    raise RequestRefused("outcome", f"an outcome is one of {', '.join(OUTCOMES)}, not {text[:40]!r}")


def _reason(text: str) -> str:
    if text and text not in REASONS:
        raise RequestRefused("reason", f"there is no reason {text[:40]!r} ({did_you_mean(text, REASONS)})")
    return text


def delivery_routes() -> list[Route]:
    """Return the routes of the API that look deliveries up."""
    return [
        Route("/v1/deliveries", _attempts, methods=["GET"]),
        Route("/v1/deliveries/{delivery}", _delivery, methods=["GET"]),
    ]


async def _attempts(request: Request) -> Response:
    query = request.query_params

    def look_up(settings: Settings, workspace: str) -> JsonObject:
        names = ("destination", "outcome", "reason", "since", "until", "profile")
        chosen = chosen_attempts(settings, workspace, *(query.get(name) for name in names))
        page = queried_attempts(settings, workspace, chosen, _limit(request), query.get("cursor", ""))
        return {"deliveries": page.rows, "next": page.next}

    return await answer(request, look_up, missing="delivery")


async def _delivery(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> object:
        return explained_delivery(settings, workspace, request.path_params["delivery"])

    return await answer(request, look_up, missing="delivery")


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= MOST_AT_ONCE):
        raise RequestRefused("limit", f"limit is a number from 1 to {MOST_AT_ONCE:,}, not {text[:40]!r}")
    return int(text)
