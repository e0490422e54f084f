"""What an operator may request about who is who, as records for GRAPH. What becomes of a request is in `outcomes`.

Used by the API and by the command line, which send the records. GRAPH decides: what cannot be done it answers with
`nothing`. Here only what cannot be meant is refused, such as an identifier that neither rules nor evidence know.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec

from api.identifiers import InvalidIdentifier, identity_rules, queried_identifier, queried_profile_id
from identity.normalise import why_unusable
from schemas.changes import OPERATOR, numbered
from schemas.records import Identifier, IdentityRequest, Pair, RequestKind
from settings import Settings
from warehouse.client import Warehouse, look_ups
from warehouse.queries.links import Links
from warehouse.queries.profiles import members_of

PAIRS_PER_REQUEST = 1_000
MAX_SOURCE_LENGTH = 1_000


class RequestRefused(ValueError):
    """A request that cannot be meant. `field` is the element of it that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NothingToRequest(RequestRefused):
    """There is nothing that such a request could be about, such as a link that waits."""


class UnknownProfile(LookupError):
    """The warehouse has no living profile of this id."""


class UnknownDefinition(LookupError):
    """Nothing in force is called so. `subject`: what is meant, such as a segment."""

    def __init__(self, subject: str, message: str) -> None:
        super().__init__(message)
        self.subject = subject


class Submission(msgspec.Struct, frozen=True):
    """What every request of an operator carries, whatever it changes. `requested_at` is in ms."""

    workspace: str
    request_id: str
    requested_at: int
    reason: str = ""
    forbid: bool = False


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


class EvidenceOfSource(msgspec.Struct, frozen=True):
    """The pairs that evidence of one source ties, and those that wait for a review by such evidence."""

    active: tuple[Pair, ...]
    waiting: tuple[Pair, ...]


def evidence_of_source(settings: Settings, workspace: str, source: str, since: str | None = None) -> EvidenceOfSource:
    """Find what a source has said that can be taken back; `since`, in ISO 8601: of events since then.

    Raises RequestRefused, or NothingToRequest if there is no such evidence, and OnefoldError.
    """
    if not source:
        raise RequestRefused("source", "name the source whose evidence is to be taken back")
    if len(source) > MAX_SOURCE_LENGTH:
        raise RequestRefused("source", f"the name of a source has at most {MAX_SOURCE_LENGTH} characters here")
    since_ms = 0 if since is None else requested_time("since", since)
    links = Links(look_ups(settings.clickhouse), workspace)
    active, waiting = (tuple(links.pairs(status, source, since_ms)) for status in ("active", "waiting"))
    if not (active or waiting):
        period = f" since {since}" if since else ""
        raise NothingToRequest("source", f"no pair of identifiers is tied by source {source!r}{period}")
    return EvidenceOfSource(active, waiting)


def retract_requests(submission: Submission, evidence: EvidenceOfSource) -> tuple[IdentityRequest, ...]:
    """Return the requests that take evidence of a source back."""
    return pair_requests(submission, "retract", (*evidence.active, *evidence.waiting))


def requested_time(field: str, text: str) -> int:
    """Read a time in ISO 8601 as ms; without a zone it is of UTC. Raises RequestRefused."""
    try:
        time = datetime.fromisoformat(text)
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        message = f"{text!r} is no time in ISO 8601, such as 2026-03-01T00:00:00Z"
        raise RequestRefused(field, message) from None


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
        identifier = queried_identifier(text, settings.definitions, alternative=alternative)
    except InvalidIdentifier as error:
        raise RequestRefused(field, str(error)) from None
    why = why_unusable(identity_rules(settings.definitions), identifier)
    if why and not Links(look_ups(settings.clickhouse), workspace).of([identifier], limit=1):
        raise RequestRefused(field, why)
    return identifier


def pair_requests(
    submission: Submission, kind: Literal["retract", "accept", "refuse", "allow"], pairs: Sequence[Pair]
) -> tuple[IdentityRequest, ...]:
    """Return the requests of a kind about pairs, at least one pair in all, at most 1,000 in each."""
    slices = [pairs[start : start + PAIRS_PER_REQUEST] for start in range(0, len(pairs), PAIRS_PER_REQUEST)]
    ids = numbered(submission.request_id, len(slices))
    return tuple(
        _request(submission, own_id, kind, pairs=tuple(pairs_of_one))
        for own_id, pairs_of_one in zip(ids, slices, strict=True)
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


def waiting_pairs(settings: Settings, workspace: str) -> tuple[Pair, ...]:
    """Return the pairs that wait for a review, each once. Raises NothingToRequest if none does, and OnefoldError."""
    pairs = tuple(dict.fromkeys(Links(look_ups(settings.clickhouse), workspace).pairs("waiting")))
    if not pairs:
        raise NothingToRequest("all", "nothing waits for a review")
    return pairs


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
