"""What an operator may request about who is who, as records for GRAPH, and what has become of a request.

Used by the API and by the command line, which send the records. GRAPH decides: what cannot be done it answers with
`nothing`. Here only what cannot be meant is refused, such as an identifier that neither rules nor evidence know.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from api.identifiers import InvalidIdentifier, identity_rules, queried_identifier, queried_profile_id
from identity.rules import MAX_VALUE_LENGTH
from schemas.changes import OPERATOR, PLANS, RequestState, numbered, state
from schemas.records import Claimant, Identifier, IdentityChange, IdentityRequest, Pair, RequestKind
from settings import Settings
from warehouse.client import Warehouse, look_ups
from warehouse.queries import requests as queries
from warehouse.queries.links import Links
from warehouse.queries.profiles import members_of

PAIRS_PER_REQUEST = 1_000
_REQUEST_ID = re.compile(rf"({PLANS})?[0-9a-f]{{32}}(-\d+of\d+)?")


class RequestRefused(ValueError):
    """A request that cannot be meant. `field` is the element of it that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class UnknownProfile(LookupError):
    """The warehouse has no living profile of this id."""


class UnknownRequest(LookupError):
    """Nothing was published about a request of this id, and no request gets an id of this form."""


class Submission(msgspec.Struct, frozen=True):
    """What every request of an operator carries, whatever it changes. `requested_at` is in ms."""

    workspace: str
    request_id: str
    requested_at: int
    reason: str = ""
    forbid: bool = False


class ResultingProfile(msgspec.Struct, frozen=True):
    """A profile that came of a request, and how many identifiers' events are its own."""

    profile_id: str
    identifiers: int


class RequestOutcome(msgspec.Struct, frozen=True):
    """What has become of a request; `reasons` are GRAPH's words where it changed nothing, but for a plan.

    `merged`: the profiles that took others in.
    """

    request_id: str
    state: RequestState
    decisions: tuple[int, ...] = ()
    profiles: tuple[ResultingProfile, ...] = ()
    events: int = 0
    milliseconds: int = 0
    reasons: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


def unmerge_request(
    settings: Settings, submission: Submission, profile: str, split: Sequence[str], source: str = ""
) -> IdentityRequest:
    """Return the request to take `split` (each NAMESPACE:VALUE) out of a profile: its id, or an identifier that stays.

    `source`: only the evidence of this one is taken back, of what stays and each that is split.
    Raises RequestRefused and OnefoldError; for a profile's id UnknownProfile too.
    """
    workspace = submission.workspace
    taken_out = tuple(dict.fromkeys(requested_identifier(settings, workspace, "split", text) for text in split))
    if not taken_out:
        raise RequestRefused("split", "name at least one identifier to split off")
    profile_id = queried_profile_id(profile)
    if profile_id is not None:
        stays = _identifier_that_stays(look_ups(settings.clickhouse), workspace, profile_id, taken_out)
    else:
        stays = requested_identifier(settings, workspace, "profile", profile, alternative="a profile id, or ")
        if stays in taken_out:
            raise RequestRefused("split", f"{stays} cannot be split off from itself: name an identifier that stays")
    if source:
        pairs = tuple(Pair(stays, other, source) for other in taken_out)
        return _request(submission, submission.request_id, "retract", pairs=pairs)
    return _request(submission, submission.request_id, "unmerge", identifiers=(stays, *taken_out))


def merge_request(settings: Settings, submission: Submission, left: str, right: str) -> IdentityRequest:
    """Return the request that makes two persons one: each an identifier NAMESPACE:VALUE, or a profile's id.

    Raises RequestRefused, UnknownProfile and OnefoldError.
    """
    ends = (
        _requested_person(settings, submission, "left", left),
        _requested_person(settings, submission, "right", right),
    )
    if ends[0] == ends[1]:
        raise RequestRefused("right", f"{ends[0]} is one person with itself: name somebody else")
    return _request(submission, submission.request_id, "merge", pairs=(_ranked(settings, *ends),))


def unshare_request(settings: Settings, submission: Submission, device: str) -> IdentityRequest:
    """Return the request that makes a device, NAMESPACE:VALUE, one that is not shared. Raises as `merge_request`."""
    identifier = requested_identifier(settings, submission.workspace, "device", device)
    return _request(submission, submission.request_id, "unshare", identifiers=(identifier,))


def requested_pairs(settings: Settings, workspace: str, pairs: Iterable[tuple[str, str]]) -> tuple[Pair, ...]:
    """Read pairs of identifiers, NAMESPACE:VALUE each. Raises RequestRefused and OnefoldError."""
    return tuple(
        _ranked(settings, *(requested_identifier(settings, workspace, "pairs", end) for end in pair)) for pair in pairs
    )


def _ranked(settings: Settings, left: Identifier, right: Identifier) -> Pair:
    rank = identity_rules(settings.definitions).rank
    return Pair(min(left, right, key=rank), max(left, right, key=rank))


def _requested_person(settings: Settings, submission: Submission, field: str, text: str) -> Identifier:
    """Return the identifier that a text is, or the strongest one of the profile whose id it is."""
    profile_id = queried_profile_id(text)
    if profile_id is None:
        return requested_identifier(settings, submission.workspace, field, text, alternative="a profile id, or ")
    members = members_of(look_ups(settings.clickhouse), submission.workspace, profile_id)
    if not members:
        raise UnknownProfile(f"workspace {submission.workspace!r} has no profile {profile_id}")
    return min(members, key=identity_rules(settings.definitions).rank)


def requested_identifier(
    settings: Settings, workspace: str, field: str, text: str, *, alternative: str = ""
) -> Identifier:
    """Read an identifier of a request, in its one spelling; `alternative`: what else may stand in the field.

    An identifier that the rules refuse may be meant if there is evidence of it: it was used before the rules changed.
    Raises RequestRefused and OnefoldError.
    """
    try:
        identifier = queried_identifier(text, settings.definitions)
    except InvalidIdentifier as error:
        message = str(error).replace("expected ", f"expected {alternative}", 1)
        raise RequestRefused(field, message) from None
    why = identity_rules(settings.definitions).why_unusable(identifier)
    is_bounded = len(identifier.value) <= MAX_VALUE_LENGTH
    if why and not (is_bounded and Links(look_ups(settings.clickhouse), workspace).of([identifier], limit=1)):
        raise RequestRefused(field, why)
    return identifier


def pair_requests(
    submission: Submission, kind: Literal["retract", "accept", "refuse", "allow"], pairs: Sequence[Pair]
) -> tuple[IdentityRequest, ...]:
    """Return the requests of a kind about pairs, at least one pair in all, at most 1,000 in each."""
    chunks = [pairs[start : start + PAIRS_PER_REQUEST] for start in range(0, len(pairs), PAIRS_PER_REQUEST)]
    ids = numbered(submission.request_id, len(chunks))
    return tuple(
        _request(submission, own_id, kind, pairs=tuple(chunk)) for own_id, chunk in zip(ids, chunks, strict=True)
    )


def _request(
    submission: Submission,
    request_id: str,
    kind: RequestKind,
    *,
    identifiers: tuple[Identifier, ...] = (),
    pairs: tuple[Pair, ...] = (),
) -> IdentityRequest:
    return IdentityRequest(
        workspace=submission.workspace,
        message_id="",
        source=OPERATOR,
        occurred_at=submission.requested_at,
        identifiers=identifiers,
        kind=kind,
        request_id=request_id,
        reason=submission.reason,
        forbid=submission.forbid,
        pairs=pairs,
    )


def waiting_pairs(warehouse: Warehouse, workspace: str) -> tuple[Pair, ...]:
    """Return the pairs that wait for a review, each once. Raises OnefoldError."""
    return tuple(dict.fromkeys(Links(warehouse, workspace).pairs("waiting")))


def changes_of(warehouse: Warehouse, workspace: str, request_id: str) -> tuple[IdentityChange, ...]:
    """Return what was published about a request, as far as the warehouse has it.

    Raises OnefoldError and UnknownRequest.
    """
    changes = queries.changes_of(warehouse, workspace, request_id)
    if not changes and not _REQUEST_ID.fullmatch(request_id):
        raise UnknownRequest(f"there is no request {request_id!r}: the id of a request has 32 hexadecimal digits")
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
    )


def _reasons(changes: Iterable[IdentityChange]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(change.reason for change in changes if change.kind == "nothing"))


def _size(claimant: Claimant) -> int:
    return len({(claim.namespace, claim.value) for claim in claimant.claims})


def _identifier_that_stays(
    warehouse: Warehouse, workspace: str, profile_id: str, taken_out: Sequence[Identifier]
) -> Identifier:
    """Return any identifier of the profile that is not taken out: it only names the person."""
    members = members_of(warehouse, workspace, profile_id)
    if members is None:
        raise UnknownProfile(f"workspace {workspace!r} has no profile {profile_id}")
    for member in members:
        if member not in taken_out:
            return member
    raise RequestRefused("split", f"all identifiers of profile {profile_id} would be split off: leave one where it is")
