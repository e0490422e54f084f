"""The bodies of operators' requests, and the records for GRAPH that follow from each."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, TypeVar

import msgspec
from starlette.requests import Request

from api.requests import (
    RequestRefused,
    Submission,
    evidence_of_source,
    merge_request,
    pair_requests,
    requested_pairs,
    retract_requests,
    unmerge_request,
    unshare_request,
    waiting_pairs,
)
from runtime.http.bodies import Bodies, BodyRefused
from schemas.records import IdentityRequest
from settings import Settings

MAX_AT_ONCE = 1_000

Read = TypeVar("Read")


async def read_json(bodies: Bodies, request: Request, kind: type[Read]) -> Read:
    """Return the body of a request. Raises BodyRefused and msgspec.DecodeError."""
    # A page in a browser can send this type to another site only if that site says so; ours does not.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise BodyRefused(415, "unsupported_type", "Content-Type must be application/json")
    async with bodies.read(request) as body:
        return msgspec.json.decode(body, type=kind)


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every body may hold."""

    workspace: str = "main"
    reason: str = ""

    @abstractmethod
    def requests(self, settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        """Return the records. Raises RequestRefused, UnknownProfile and OnefoldError; asks ClickHouse, so may block."""


class RetractingBody(Body, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A request that takes evidence back. `dry_run`: answer with what it would do, and request nothing."""

    dry_run: bool = False


class UnmergeBody(RetractingBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`profile`: its id, or an identifier NAMESPACE:VALUE that stays; `split`: what leaves it.

    `source`: only what this one said of the two is taken back, such as an `operator` who merged them.
    """

    profile: str
    split: tuple[str, ...]
    source: str = ""
    forbid: bool = False

    def requests(self, settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        _check_length("split", self.split)
        forbidding = msgspec.structs.replace(submission, forbid=self.forbid)
        return (unmerge_request(settings, forbidding, self.profile, self.split, self.source),)


class RetractBody(RetractingBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a source said is taken back, also what waits for a review. `since`, in ISO 8601: of events since then."""

    source: str
    since: str | None = None

    def requests(self, settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        return retract_requests(submission, evidence_of_source(settings, self.workspace, self.source, self.since))


class MergeBody(Body, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Two persons who are one, each by an identifier NAMESPACE:VALUE or by a profile's id."""

    left: str
    right: str

    def requests(self, settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        return (merge_request(settings, submission, self.left, self.right),)


class AllowBody(Body, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pairs of identifiers, each `[NAMESPACE:VALUE, NAMESPACE:VALUE]`, whose persons are to be kept apart no more."""

    pairs: tuple[tuple[str, str], ...]

    def requests(self, settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        _check_length("pairs", self.pairs)
        return pair_requests(submission, "allow", requested_pairs(settings, self.workspace, self.pairs))


class ReviewBody(Body, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pairs that wait for a review; or, with `all`, every one."""

    kind: ClassVar[Literal["accept", "refuse"]]

    pairs: tuple[tuple[str, str], ...] = ()
    all: bool = False

    def requests(self, settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        if self.all and self.pairs:
            raise RequestRefused("pairs", "name pairs, or all that waits, not both")
        if not self.all:
            _check_length("pairs", self.pairs)
            return pair_requests(submission, self.kind, requested_pairs(settings, self.workspace, self.pairs))
        return pair_requests(submission, self.kind, waiting_pairs(settings, self.workspace))


class AcceptBody(ReviewBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Evidence to follow."""

    kind = "accept"


class RefuseBody(ReviewBody, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Evidence not to follow."""

    kind = "refuse"


class UnshareBody(Body, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A device NAMESPACE:VALUE that several persons do not use after all."""

    device: str

    def requests(self, settings: Settings, submission: Submission) -> tuple[IdentityRequest, ...]:
        return (unshare_request(settings, submission, self.device),)


BODIES: dict[str, type[Body]] = {
    "/v1/identity/unmerge": UnmergeBody,
    "/v1/identity/retract": RetractBody,
    "/v1/identity/merge": MergeBody,
    "/v1/identity/allow": AllowBody,
    "/v1/identity/unshare": UnshareBody,
    "/v1/identity/quarantine/accept": AcceptBody,
    "/v1/identity/quarantine/refuse": RefuseBody,
}
"""The route of each request, and what its body holds."""


def _check_length(field: str, named: Sequence[object]) -> None:
    if not named:
        raise RequestRefused(field, f"{field} names nobody")
    if len(named) > MAX_AT_ONCE:
        raise RequestRefused(field, f"{field} holds more than {MAX_AT_ONCE:,} at once")
