"""What an operator may order about who is who, as requests to GRAPH, and what has become of them.

Used by the API and by the command line, which send the requests. GRAPH decides: what cannot be done it answers with
`nothing`. Here only what cannot be meant is refused, such as an identifier that neither rules nor evidence know.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from api.identifiers import asked_identifier, identity_rules
from identity.rules import MAX_VALUE_LENGTH
from schemas.changes import PLANS, RequestState, numbered, state
from schemas.records import Claimant, Identifier, IdentityChange, IdentityRequest, Pair
from warehouse.client import Warehouse
from warehouse.queries import requests as queries
from warehouse.queries.links import Links
from warehouse.queries.profiles import members_of

PAIRS_PER_REQUEST = 1_000
SOURCE = "operator"
_REQUEST_ID = re.compile(rf"({PLANS})?[0-9a-f]{{32}}(-\d+of\d+)?")
_PROFILE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class OrderRefused(ValueError):
    """An order that cannot be meant. `field` is the part of it that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownProfile(LookupError):
    """The warehouse has no living profile of this id."""


class UnknownRequest(LookupError):
    """Nothing was told of a request of this id, and no order gets an id of this form."""


class ProfileAfter(msgspec.Struct, frozen=True):
    """A profile that came of an order, and how many identifiers' events are its own."""

    profile_id: str
    identifiers: int


class Outcome(msgspec.Struct, frozen=True):
    """What has become of an order; `reasons` are GRAPH's words where it changed nothing, but for a plan."""

    request_id: str
    state: RequestState
    decisions: tuple[int, ...] = ()
    profiles: tuple[ProfileAfter, ...] = ()
    events: int = 0
    milliseconds: int = 0
    reasons: tuple[str, ...] = ()


def unmerge(  # noqa: PLR0913 - the parts of the order
    warehouse: Warehouse,
    workspace: str,
    profile: str,
    split: Sequence[str],
    *,
    folder: Path | None,
    request_id: str,
    at: int,
    reason: str = "",
    forbid: bool = False,
) -> IdentityRequest:
    """The request to part `split` (each NAMESPACE:VALUE) from a profile: its id, or an identifier that stays.

    `folder`: the definitions, whose rules say how identifiers are spelt.

    Raises OrderRefused and OnefoldError; for a profile's id UnknownProfile too.
    """
    parted = tuple(
        dict.fromkeys(ordered_identifier(warehouse, workspace, "split", text, folder=folder) for text in split)
    )
    if not parted:
        raise OrderRefused("split", "name at least one identifier to split off")
    if _PROFILE_ID.fullmatch(profile):
        stays = _one_that_stays(warehouse, workspace, profile.lower(), parted)
    else:
        stays = ordered_identifier(
            warehouse, workspace, "profile", profile, folder=folder, alternative="a profile id, or "
        )
        if stays in parted:
            raise OrderRefused("split", f"{stays} cannot be split off from itself: name an identifier that stays")
    return IdentityRequest(workspace, "", SOURCE, at, (stays, *parted), "unmerge", request_id, reason, forbid)


def ordered_identifier(  # noqa: PLR0913 - a text, and where it may be known
    warehouse: Warehouse, workspace: str, field: str, text: str, *, folder: Path | None, alternative: str = ""
) -> Identifier:
    """An identifier of an order, in its one spelling; `alternative`: what else may stand in the field.

    What the rules do not let name anybody may be meant if evidence of it is there: it was taken for somebody before the
    rules changed. Raises OrderRefused and OnefoldError.
    """
    try:
        identifier = asked_identifier(text, folder)
    except ValueError as error:
        message = str(error).replace("expected ", f"expected {alternative}", 1)
        raise OrderRefused(field, message) from None
    why = identity_rules(folder).why_nobody(identifier)
    is_bounded = len(identifier.value) <= MAX_VALUE_LENGTH
    if why and not (is_bounded and Links(warehouse, workspace).of([identifier], limit=1)):
        raise OrderRefused(field, why)
    return identifier


def answers(  # noqa: PLR0913 - the parts of the order
    kind: Literal["retract", "accept", "reject"],
    workspace: str,
    pairs: Sequence[Pair],
    *,
    request_id: str,
    at: int,
    reason: str = "",
    forbid: bool = False,
) -> tuple[IdentityRequest, ...]:
    """The requests that retract, accept or reject pairs, at least one pair in all, at most 1,000 in each."""
    chunks = [pairs[start : start + PAIRS_PER_REQUEST] for start in range(0, len(pairs), PAIRS_PER_REQUEST)]
    ids = numbered(request_id, len(chunks))
    return tuple(
        IdentityRequest(workspace, "", SOURCE, at, (), kind, own_id, reason, forbid, tuple(chunk))
        for own_id, chunk in zip(ids, chunks, strict=True)
    )


def active_pairs(warehouse: Warehouse, workspace: str, source: str, since: int = 0) -> tuple[Pair, ...]:
    """Pairs that a source showed, at events since a time in ms, and that tie people now. Raises OnefoldError."""
    return Links(warehouse, workspace).pairs("active", source, since)


def waiting_pairs(warehouse: Warehouse, workspace: str) -> tuple[Pair, ...]:
    """Pairs that wait for a review, each once. Raises OnefoldError."""
    return tuple(dict.fromkeys(Links(warehouse, workspace).pairs("waiting")))


def changes_of(warehouse: Warehouse, workspace: str, request_id: str) -> tuple[IdentityChange, ...]:
    """What was told about an order, as far as the warehouse has it. Raises OnefoldError and UnknownRequest."""
    changes = queries.changes_of(warehouse, workspace, request_id)
    if not changes and not _REQUEST_ID.fullmatch(request_id):
        raise UnknownRequest(f"there is no request {request_id!r}: the id of an order has 32 hexadecimal digits")
    return changes


def outcome(request_id: str, changes: Iterable[IdentityChange]) -> Outcome:
    """The story of an order in one record."""
    told = list(changes)
    parted = {
        claimant.profile_id: claimant for change in told if change.kind != "rebuilt" for claimant in change.claimants
    }
    rebuilt = {change.decision: change for change in told if change.kind == "rebuilt"}.values()
    return Outcome(
        request_id=request_id,
        state=state(told),
        decisions=tuple(sorted({change.decision for change in told if change.kind not in {"nothing", "rebuilt"}})),
        profiles=tuple(ProfileAfter(claimant.profile_id, _identifiers_of(claimant)) for claimant in parted.values()),
        events=sum(change.events for change in rebuilt),
        milliseconds=max((change.milliseconds for change in rebuilt), default=0),
        reasons=() if request_id.startswith(PLANS) else _reasons(told),
    )


def _reasons(told: Iterable[IdentityChange]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(change.reason for change in told if change.kind == "nothing"))


def _identifiers_of(claimant: Claimant) -> int:
    return len({(claim.namespace, claim.value) for claim in claimant.claims})


def _one_that_stays(warehouse: Warehouse, workspace: str, profile_id: str, parted: Sequence[Identifier]) -> Identifier:
    """Any identifier that is not split off will do: it only names the person."""
    members = members_of(warehouse, workspace, profile_id)
    if members is None:
        raise UnknownProfile(f"workspace {workspace!r} has no profile {profile_id}")
    for member in members:
        if member not in parted:
            return member
    raise OrderRefused("split", f"all identifiers of profile {profile_id} would be split off: leave one where it is")
