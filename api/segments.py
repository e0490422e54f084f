"""Who is in which segment, for the API (`GET /v1/segments/...`, by read keys) and the command line alike.

Reads what a person queries and hands it to `warehouse.queries.segments`; the shapes: docs/guide/segments.md.
"""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.answering import answer
from api.clocks import has_event_clock, queried_time
from api.profiles import queried_profile_ids
from api.requests import RequestRefused
from definitions.sets import DefinitionSet
from definitions.sets.differences import segments_ever, segments_since
from definitions.sets.topic import read_publication
from definitions.streaming.times import text_of
from settings import Settings
from warehouse.client import JsonObject, Warehouse, look_ups
from warehouse.queries.segments import MOST_AT_ONCE, Member, Overlap, Page, Segments, SegmentSummary, ShownSegmentChange

DEFAULT_LIMIT = 100


def segments_of(settings: Settings, workspace: str, warehouse: Warehouse | None = None) -> Segments:
    """Return the memberships of a workspace; without a warehouse for whoever does not wait long."""

    def defined() -> frozenset[str]:
        return segments_ever(read_publication(settings.kafka), workspace)

    return Segments(
        warehouse or look_ups(settings.clickhouse), workspace, has_event_clock(settings, workspace), defined
    )


def queried_summaries(settings: Settings, workspace: str, limit: int, cursor: str = "") -> Page[SegmentSummary]:
    """Find the segments of a workspace: those that are defined, and those in which anybody is or was.

    Raises OnefoldError.
    """
    since = segments_since(read_publication(settings.kafka), workspace)
    page = segments_of(settings, workspace).summaries(limit, cursor, since)
    return msgspec.structs.replace(page, rows=[_dated(summary, since.get(summary.name)) for summary in page.rows])


def _dated(summary: SegmentSummary, of: DefinitionSet | None) -> SegmentSummary:
    if of is None:
        return summary
    return msgspec.structs.replace(summary, version=of.version, since=text_of(of.applied_at))


def queried_members(  # noqa: PLR0913, PLR0917 - what of whom, when, and which page
    settings: Settings, workspace: str, segment: str, at: str | None, limit: int, cursor: str = ""
) -> Page[Member]:
    """Find members, now or `at` a time in ISO 8601. Raises RequestRefused, UnknownSegment, TooLongAgo, OnefoldError."""
    return segments_of(settings, workspace).members(segment, limit, queried_time(settings, workspace, at), cursor)


def queried_changes(  # noqa: PLR0913, PLR0917 - as above
    settings: Settings, workspace: str, segment: str, profile: str | None, limit: int, cursor: str = ""
) -> Page[ShownSegmentChange]:
    """Find entries and exits, of all or of one person: a profile's id, or NAMESPACE:VALUE.

    Raises RequestRefused, UnknownSegment, UnknownProfile, InvalidIdentifier and OnefoldError.
    """
    profile_ids = () if profile is None else queried_profile_ids(settings, workspace, profile)
    try:
        return segments_of(settings, workspace).changes(segment, limit, profile_ids, cursor)
    except ValueError:
        raise RequestRefused("cursor", f"{cursor!r} is no cursor: take `next` of the page before") from None


def queried_overlap(settings: Settings, workspace: str, left: str, right: str, at: str | None) -> Overlap:
    """Count who is in both of two segments and in one alone. Raises as `queried_members`."""
    return segments_of(settings, workspace).overlap(left, right, queried_time(settings, workspace, at))


def segment_routes() -> list[Route]:
    """Return the routes of the API."""
    return [
        Route("/v1/segments", _segments, methods=["GET"]),
        Route("/v1/segments/{segment:path}/members", _members, methods=["GET"]),
        Route("/v1/segments/{segment:path}/history", _history, methods=["GET"]),
        Route("/v1/segments/{segment:path}/overlap", _overlap, methods=["GET"]),
    ]


async def _segments(request: Request) -> Response:
    def look_up(settings: Settings, workspace: str) -> JsonObject:
        page = queried_summaries(settings, workspace, *_paging(request))
        return {"segments": page.rows, "next": page.next}

    return await answer(request, look_up, missing="segment")


async def _members(request: Request) -> Response:
    segment, at = request.path_params["segment"], request.query_params.get("at")

    def look_up(settings: Settings, workspace: str) -> JsonObject:
        page = queried_members(settings, workspace, segment, at, *_paging(request))
        return {"segment": segment, "at": at, "members": page.rows, "next": page.next}

    return await answer(request, look_up, missing="segment")


async def _history(request: Request) -> Response:
    segment, profile = request.path_params["segment"], request.query_params.get("profile")

    def look_up(settings: Settings, workspace: str) -> JsonObject:
        page = queried_changes(settings, workspace, segment, profile, *_paging(request))
        return {"segment": segment, "changes": page.rows, "next": page.next}

    return await answer(request, look_up, missing="segment")


async def _overlap(request: Request) -> Response:
    left, at = request.path_params["segment"], request.query_params.get("at")

    def look_up(settings: Settings, workspace: str) -> JsonObject:
        right = request.query_params.get("with", "")
        if not right:
            raise RequestRefused("with", "name the other segment: ?with=NAME")
        found = queried_overlap(settings, workspace, left, right, at)
        return {
            "left": left,
            "right": right,
            "at": at,
            "both": found.both,
            "only_left": found.only_left,
            "only_right": found.only_right,
        }

    return await answer(request, look_up, missing="segment")


def _paging(request: Request) -> tuple[int, str]:
    """Return how many rows are wanted, and the cursor to begin behind. Raises RequestRefused."""
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= MOST_AT_ONCE):
        raise RequestRefused("limit", f"limit is a number from 1 to {MOST_AT_ONCE:,}, not {text[:40]!r}")
    return int(text), request.query_params.get("cursor", "")
