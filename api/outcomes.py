"""What has become of an operator's request, as far as it was published.

Used by the API and by the command line. What may be requested is in `requests`.
"""

import re
from collections.abc import Iterable

import msgspec

from schemas.changes import PLANS, RequestState, dropped_before, state
from schemas.records import Claimant, IdentityChange
from warehouse.client import Warehouse
from warehouse.queries import requests as queries

_REQUEST_ID = re.compile(rf"({PLANS})?[0-9a-f]{{32}}(-\d+of\d+)?")

_LONGEST_ID = 100


class UnknownRequest(LookupError):
    """Nothing was published about a request of this id, and no request gets an id of this form."""


class ResultingProfile(msgspec.Struct, frozen=True):
    """A profile that came of a request, and how many identifiers' events are its own."""

    profile_id: str
    identifiers: int


class RequestOutcome(msgspec.Struct, frozen=True):
    """What has become of a request; `reasons` are GRAPH's words where it changed nothing, but for a plan.

    `merged`: the profiles that took others in. `refused`: why each link was that is refused since, by rules or by hand.
    `dropped_before`: the day before which events were dropped, which the profiles that were rebuilt may have had.
    """

    request_id: str
    state: RequestState
    decisions: tuple[int, ...] = ()
    profiles: tuple[ResultingProfile, ...] = ()
    events: int = 0
    milliseconds: int = 0
    reasons: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    dropped_before: str = ""


def changes_of(warehouse: Warehouse, workspace: str, request_id: str) -> tuple[IdentityChange, ...]:
    """Return what was published about a request, as far as the warehouse has it.

    Raises OnefoldError and UnknownRequest.
    """
    changes = queries.changes_of(warehouse, workspace, request_id) if len(request_id) <= _LONGEST_ID else ()
    if not changes and not _REQUEST_ID.fullmatch(request_id):
        sent = request_id[:_LONGEST_ID]
        raise UnknownRequest(f"there is no request {sent!r}: the id of a request has 32 hexadecimal digits")
    return changes


def outcome_of(request_id: str, published: Iterable[IdentityChange]) -> RequestOutcome:
    """Sum up the changes that were published about a request in one record."""
    changes = list(published)
    claimants = {
        claimant.profile_id: claimant for change in changes if change.kind != "rebuilt" for claimant in change.claimants
    }
    rebuilt = {change.decision: change for change in changes if change.kind == "rebuilt"}.values()
    return RequestOutcome(
        request_id=request_id,
        state=state(changes),
        decisions=tuple(sorted({change.decision for change in changes if change.kind not in {"nothing", "rebuilt"}})),
        profiles=tuple(ResultingProfile(profile_id, _size(claimant)) for profile_id, claimant in claimants.items()),
        events=sum(change.events for change in rebuilt),
        milliseconds=max((change.milliseconds for change in rebuilt), default=0),
        reasons=() if request_id.startswith(PLANS) else _reasons(changes),
        merged=tuple(dict.fromkeys(change.profile_id for change in changes if change.kind == "merged")),
        refused=tuple(change.reason for change in changes if change.kind == "refused"),
        dropped_before=dropped_before(changes),
    )


def _reasons(changes: Iterable[IdentityChange]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(change.reason for change in changes if change.kind == "nothing"))


def _size(claimant: Claimant) -> int:
    return len({(claim.namespace, claim.value) for claim in claimant.claims})
