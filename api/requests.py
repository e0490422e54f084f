"""What an operator may order about who is who, as requests to GRAPH, and what has become of them.

Used by the API and by the command line, which send the requests. GRAPH decides: what cannot be done it answers with
`nothing`. Here only what cannot be meant is refused, such as an identifier that neither rules nor evidence know.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec

from api.identifiers import asked_identifier, identity_rules
from identity.rules import MAX_VALUE_LENGTH
from schemas.changes import PLANS, RequestState, numbered, state
from schemas.records import ChangeKind, Claimant, Identifier, IdentityChange, IdentityRequest, Pair
from warehouse.lookup import JsonObject, rows
from warehouse.queries.links import Links

PAIRS_PER_REQUEST = 1_000
SOURCE = "operator"
_REQUEST_ID = re.compile(rf"({PLANS})?[0-9a-f]{{32}}(-\d+of\d+)?")
_PROFILE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_MEMBERS = """
SELECT identifiers FROM onefold.profiles FINAL
WHERE workspace = {workspace:String} AND profile_id = {profile_id:String}
"""
_LINKS = """
SELECT left_namespace, left_value, right_namespace, right_value FROM onefold.links FINAL
WHERE workspace = {workspace:String} AND status = {status:String}
  AND ({source:String} = '' OR source = {source:String}) AND occurred_at >= fromUnixTimestamp64Milli({since:Int64})
ORDER BY left_namespace, left_value, right_namespace, right_value
"""
_CHANGES = """
SELECT workspace, decision, kind, request_id, toUnixTimestamp64Milli(occurred_at) AS at, reason, profile_id, claimants,
       events, milliseconds
FROM onefold.identity_changes FINAL
WHERE workspace = {workspace:String}
  AND (request_id = {request_id:String} OR startsWith(request_id, concat({request_id:String}, '-')))
ORDER BY decision, kind = 'rebuilt'
"""


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
    clickhouse: str,
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

    Raises OrderRefused and LookupFailed; for a profile's id UnknownProfile too.
    """
    parted = tuple(
        dict.fromkeys(ordered_identifier(clickhouse, workspace, "split", text, folder=folder) for text in split)
    )
    if not parted:
        raise OrderRefused("split", "name at least one identifier to split off")
    if _PROFILE_ID.fullmatch(profile):
        stays = _one_that_stays(clickhouse, workspace, profile.lower(), parted)
    else:
        stays = ordered_identifier(
            clickhouse, workspace, "profile", profile, folder=folder, alternative="a profile id, or "
        )
        if stays in parted:
            raise OrderRefused("split", f"{stays} cannot be split off from itself: name an identifier that stays")
    return IdentityRequest(workspace, "", SOURCE, at, (stays, *parted), "unmerge", request_id, reason, forbid)


def ordered_identifier(  # noqa: PLR0913 - a text, and where it may be known
    clickhouse: str, workspace: str, field: str, text: str, *, folder: Path | None, alternative: str = ""
) -> Identifier:
    """An identifier of an order, in its one spelling; `alternative`: what else may stand in the field.

    What the rules do not let name anybody may be meant if evidence of it is there: it was taken for somebody before the
    rules changed. Raises OrderRefused and LookupFailed.
    """
    try:
        identifier = asked_identifier(text, folder)
    except ValueError as error:
        message = str(error).replace("expected ", f"expected {alternative}", 1)
        raise OrderRefused(field, message) from None
    why = identity_rules(folder).why_nobody(identifier)
    is_bounded = len(identifier.value) <= MAX_VALUE_LENGTH
    if why and not (is_bounded and Links(clickhouse, workspace).of([identifier], limit=1)):
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


def active_pairs(clickhouse: str, workspace: str, source: str, since: int = 0) -> tuple[Pair, ...]:
    """Pairs that a source showed, at events since a time in ms, and that tie people now. Raises LookupFailed."""
    return _pairs(clickhouse, workspace, "active", source, since)


def waiting_pairs(clickhouse: str, workspace: str) -> tuple[Pair, ...]:
    """Pairs that wait for a review, each once. Raises LookupFailed."""
    return tuple(dict.fromkeys(_pairs(clickhouse, workspace, "waiting", "", 0)))


def changes_of(clickhouse: str, workspace: str, request_id: str) -> tuple[IdentityChange, ...]:
    """What was told about an order, as far as the warehouse has it. Raises LookupFailed and UnknownRequest."""
    found = rows(clickhouse, _CHANGES, {"workspace": workspace, "request_id": request_id})
    if not found and not _REQUEST_ID.fullmatch(request_id):
        raise UnknownRequest(f"there is no request {request_id!r}: the id of an order has 32 hexadecimal digits")
    return tuple(_change(row) for row in found)


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


def _one_that_stays(clickhouse: str, workspace: str, profile_id: str, parted: Sequence[Identifier]) -> Identifier:
    """Any identifier that is not split off will do: it only names the person."""
    found = rows(clickhouse, _MEMBERS, {"workspace": workspace, "profile_id": profile_id})
    if not found:
        raise UnknownProfile(f"workspace {workspace!r} has no profile {profile_id}")
    members = msgspec.convert(found[0]["identifiers"], list[Identifier])
    for member in members:
        if member not in parted:
            return member
    raise OrderRefused("split", f"all identifiers of profile {profile_id} would be split off: leave one where it is")


def _pairs(clickhouse: str, workspace: str, status: str, source: str, since: int) -> tuple[Pair, ...]:
    asked = {"workspace": workspace, "status": status, "source": source, "since": str(since)}
    return tuple(
        Pair(
            Identifier(str(row["left_namespace"]), str(row["left_value"])),
            Identifier(str(row["right_namespace"]), str(row["right_value"])),
            source,
        )
        for row in rows(clickhouse, _LINKS, asked)
    )


def _change(row: JsonObject) -> IdentityChange:
    claimants = msgspec.json.decode(str(row["claimants"]), type=tuple[Claimant, ...])
    return IdentityChange(
        workspace=str(row["workspace"]),
        decision=cast("int", row["decision"]),
        kind=cast("ChangeKind", row["kind"]),
        occurred_at=cast("int", row["at"]),
        request_id=str(row["request_id"]),
        reason=str(row["reason"]),
        profile_id=str(row["profile_id"]),
        claimants=claimants,
        events=cast("int", row["events"]),
        milliseconds=cast("int", row["milliseconds"]),
    )
