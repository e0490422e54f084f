"""Who is who: what GRAPH is requested to decide, what it has decided, and where RESOLVE sends events since."""

from typing import Literal

import msgspec

from schemas.records.values import Identifier, Millis

RequestKind = Literal[
    "unknown", "link", "unmerge", "retract", "accept", "refuse", "reattribute", "merge", "allow", "unshare", "recount"
]
LinkStatus = Literal["active", "refused", "retracted", "waiting"]
ChangeKind = Literal[
    "unknown",
    "merged",
    "unmerged",
    "shared",
    "quarantined",
    "refused",
    "accepted",
    "nothing",
    "rebuilt",
    "attributed",
    "reattributed",
    "allowed",
    "unshared",
    "recounted",
]


class Pair(msgspec.Struct, frozen=True, gc=False):
    """Two identifiers of a request; `source`: whose evidence it is about, where that matters."""

    left: Identifier
    right: Identifier
    source: str = ""


class IdentityRequest(msgspec.Struct, frozen=True, gc=False):
    """What GRAPH is to decide: identifiers that an event shows together, or a request of an operator."""

    workspace: str
    message_id: str
    source: str
    occurred_at: Millis
    identifiers: tuple[Identifier, ...]
    kind: RequestKind = "link"
    request_id: str = ""
    reason: str = ""
    forbid: bool = False
    pairs: tuple[Pair, ...] = ()
    signed_in: bool = False


class Link(msgspec.Struct, frozen=True, gc=False):
    """Evidence of one source that two identifiers are, or must not be taken for, one person."""

    workspace: str
    left: Identifier
    right: Identifier
    message_id: str
    source: str
    occurred_at: Millis
    rule_version: str
    decision: int
    status: LinkStatus = "active"
    reason: str = ""
    request_id: str = ""


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Events of a primary identifier with since <= occurred_at < until; None: no bound."""

    namespace: str
    value: str
    since: int | None = None
    until: int | None = None


class Claimant(msgspec.Struct, frozen=True, gc=False):
    """A profile that is to be rebuilt, with the events that are its own."""

    profile_id: str
    claims: tuple[Claim, ...]


class IdentityChange(msgspec.Struct, frozen=True, gc=False):
    """What GRAPH decided, or what became of it."""

    workspace: str
    decision: int
    kind: ChangeKind
    occurred_at: int
    request_id: str = ""
    message_id: str = ""
    source: str = ""
    rule_version: str = ""
    reason: str = ""
    identifiers: tuple[Identifier, ...] = ()
    retired: tuple[str, ...] = ()
    profile_id: str = ""
    claimants: tuple[Claimant, ...] = ()
    events: int = 0
    milliseconds: int = 0


class Route(msgspec.Struct, frozen=True, gc=False):
    """Where the events of an identifier go from a decision on."""

    workspace: str
    namespace: str
    value: str
    profile_id: str
    decision: int
    reopen: bool = False
