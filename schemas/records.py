"""The records of the contract as frozen structs, field by field as in the .avsc files that document them.

Times are milliseconds since 1970 (UTC). `properties`, `traits`, `context` and `payload` are JSON text.
"""

from typing import Annotated, Literal, Self

import msgspec

# Years 1 to 9999: what a date can be everywhere downstream. A hostile varint can hold more than 64 bits.
Millis = Annotated[int, msgspec.Meta(ge=-62_135_596_800_000, le=253_402_300_799_999)]

EventType = Literal["track", "identify", "page", "screen", "group", "alias"]
ProfileKind = Literal["person", "device", "account"]
RequestKind = Literal[
    "unknown", "link", "unmerge", "retract", "accept", "reject", "reattribute", "merge", "allow", "unshare", "recount"
]
LinkStatus = Literal["active", "refused", "retracted", "waiting"]
ChangeKind = Literal[
    "unknown",
    "merged",
    "unmerged",
    "shared",
    "quarantined",
    "refused",
    "released",
    "rejected",
    "nothing",
    "rebuilt",
    "attributed",
    "reattributed",
    "allowed",
    "unshared",
    "recounted",
]
Reason = Literal[
    "bad_magic",
    "unknown_schema",
    "truncated",
    "wrong_schema",
    "invalid",
    "no_identifier",
    "unknown_workspace",
    "too_large",
    "unprocessable",
]


class Identifier(msgspec.Struct, frozen=True, order=True, gc=False):
    namespace: str
    value: str

    def __str__(self) -> str:
        return f"{self.namespace}:{self.value}"


class Repair(msgspec.Struct, frozen=True, order=True, gc=False):
    """A place of an event that could not be kept as it was sent: its path, and why (docs/guide/sending.md)."""

    field: str
    reason: str


class EventHead(msgspec.Struct, frozen=True, gc=False):
    """The front of an Event: enough to say whose it is, decoded without touching the rest."""

    workspace: str
    source: str
    message_id: str
    type: EventType
    event: str | None
    occurred_at: Millis
    sent_at: Millis | None
    received_at: Millis
    ordinal: int
    identifiers: tuple[Identifier, ...]


class Event(msgspec.Struct, frozen=True, gc=False):
    workspace: str
    source: str
    message_id: str
    type: EventType
    event: str | None
    occurred_at: Millis
    sent_at: Millis | None
    received_at: Millis
    identifiers: tuple[Identifier, ...]
    properties: str = "{}"
    traits: str = "{}"
    context: str = "{}"
    ordinal: int = 0
    repairs: tuple[Repair, ...] = ()


class Membership(msgspec.Struct, frozen=True, gc=False):
    segment: str
    entered_at: int


class OpenSession(msgspec.Struct, frozen=True, gc=False):
    session_id: str
    started_at: int
    last_event_at: int
    events: int
    entry_url: str | None = None


class Repetition(msgspec.Struct, frozen=True, gc=False):
    """Whether an event, as it was accepted, is a repetition of another one of its profile, from a decision on."""

    workspace: str
    profile_id: str
    event: bytes
    is_repeated: bool
    decision: int
    version: int


class Profile(msgspec.Struct, gc=False):
    """Not frozen: each facet of a profile sets its own fields."""

    workspace: str
    profile_id: str
    updated_at: int
    version: int
    traits: str
    merged_into: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    counters: dict[str, int] = {}
    segments: tuple[Membership, ...] = ()
    session: OpenSession | None = None
    events: int = 0
    first_seen_at: int | None = None
    last_seen_at: int | None = None
    decision: int = 0
    deleted: bool = False
    kind: ProfileKind = "person"


class Session(msgspec.Struct, frozen=True, gc=False):
    workspace: str
    session_id: str
    profile_id: str
    status: Literal["open", "closed", "retracted"]
    started_at: int
    ended_at: int
    events: int
    version: int
    entry_url: str | None = None
    profile_kind: ProfileKind = "person"


class SegmentChange(msgspec.Struct, frozen=True, gc=False):
    workspace: str
    change_id: str
    profile_id: str
    segment: str
    change: Literal["entered", "exited"]
    changed_at: int
    cause: str
    version: int
    identifiers: tuple[Identifier, ...] = ()
    profile_kind: ProfileKind = "person"


class Trigger(msgspec.Struct, frozen=True, gc=False):
    workspace: str
    trigger_id: str
    trigger: str
    profile_id: str
    fired_at: int
    cause: str
    version: int
    payload: str
    identifiers: tuple[Identifier, ...] = ()
    profile_kind: ProfileKind = "person"


class Pair(msgspec.Struct, frozen=True, gc=False):
    left: Identifier
    right: Identifier
    source: str = ""


class IdentityRequest(msgspec.Struct, frozen=True, gc=False):
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
    profile_id: str
    claims: tuple[Claim, ...]


class IdentityChange(msgspec.Struct, frozen=True, gc=False):
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
    workspace: str
    namespace: str
    value: str
    profile_id: str
    decision: int
    reopen: bool = False


class Owner(msgspec.Struct, frozen=True, order=True, gc=False):
    """Owns the events of a shared device from `since` on; the first owner has those before, too."""

    since: int
    namespace: str
    value: str

    @property
    def identifier(self) -> Identifier:
        """The person who owns the device, or the device itself."""
        return Identifier(self.namespace, self.value)


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """Become a forward to `target`, and send the state there.

    `outdates`: the events of the identifiers are replayed at the target; the state here, and any that is still on its
    way here, counts no more.
    """

    decision: int
    target: str
    identifiers: tuple[Identifier, ...] = ()
    outdates: bool = False


class Absorb(msgspec.Struct, frozen=True, gc=False):
    """Unite with the state of the profile `origin`; None: it had none.

    `ids`: packed, of the events that have left the state. `recount`: they were too many to be sent.
    """

    decision: int
    origin: str
    identifiers: tuple[Identifier, ...] = ()
    state: bytes | None = None
    ids: bytes = b""
    recount: bool = False


class Fold(msgspec.Struct, frozen=True, gc=False):
    """Fold an event that another profile sent on.

    `decision`: of the forward that its identifier's default profile is, if that has sent it; else 0. `owner`: the
    person to whom a shared device attributes the event, by `owner_decision`.
    """

    event: bytes
    decision: int = 0
    owner: Identifier | None = None
    owner_decision: int = 0


class Advance(msgspec.Struct, frozen=True, gc=False):
    """Move the event clock to `to` (ms)."""

    to: int


class Rebuild(msgspec.Struct, frozen=True, gc=False):
    """Wait for the replay of the events of `identifiers`, who are all that belong to the profile from now on.

    `owners`: of the shared device whose profile it is. `reattributed`: shared devices of which the profile has or had
    events; what they attributed before this decision may belong to others now.
    """

    decision: int
    identifiers: tuple[Identifier, ...] = ()
    owners: tuple[Owner, ...] = ()
    reattributed: tuple[Identifier, ...] = ()


class Replay(msgspec.Struct, frozen=True, gc=False):
    """One chunk of the events of a profile that waits for them, ordered by time.

    `attempt`: which of the rebuilder's it belongs to; a later attempt sorts higher. `version`: the highest that the
    warehouse has of the profile and its sessions, in chunk 0. `sessions`: ids of those that the warehouse has.
    `repeated`: the numbers of the events that count as repetitions so far.
    """

    decision: int
    attempt: str
    chunk: int
    last: bool = False
    version: int = 0
    events: tuple[bytes, ...] = ()
    sessions: tuple[str, ...] = ()
    repeated: tuple[int, ...] = ()


class Attribute(msgspec.Struct, frozen=True, gc=False):
    """Attribute the events of a shared device to these owners, in the order of time; none: to the device itself."""

    decision: int
    device: Identifier
    owners: tuple[Owner, ...] = ()


class Disown(msgspec.Struct, frozen=True, gc=False):
    """Stop counting some events of a device for this person: a profile under rebuild requests their owners anew."""

    decision: int
    device: Identifier
    person: Identifier


Command = Transfer | Absorb | Fold | Advance | Rebuild | Replay | Attribute | Disown


class ProfileCommand(msgspec.Struct, frozen=True, gc=False):
    """A command to a profile: exactly one of the fields is set; none in a command that is newer than the reader.

    They are fields instead of a union of Avro, because a later release may add one (FULL_TRANSITIVE).
    """

    workspace: str
    profile_id: str
    transfer: Transfer | None = None
    absorb: Absorb | None = None
    fold: Fold | None = None
    advance: Advance | None = None
    rebuild: Rebuild | None = None
    replay: Replay | None = None
    attribute: Attribute | None = None
    disown: Disown | None = None

    @classmethod
    def of(cls, workspace: str, profile_id: str, command: Command) -> Self:
        """Make the record of a command to a profile, or with an empty id to a whole partition."""
        return msgspec.structs.replace(cls(workspace, profile_id), **{type(command).__name__.lower(): command})

    @property
    def command(self) -> Command | None:
        """The field that is set."""
        return (
            self.fold or self.replay or self.absorb or self.transfer or self.rebuild or self.attribute or self.disown
            or self.advance
        )  # fmt: skip


class Header(msgspec.Struct, frozen=True, gc=False):
    name: str
    value: bytes | None = None


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    dead_id: str
    topic: str
    partition: int
    offset: int
    stage: str
    reason: Reason
    failed_at: int
    workspace: str | None = None
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[Header, ...] = ()
    detail: str = ""


class RejectedEvent(msgspec.Struct, frozen=True, gc=False):
    workspace: str
    source: str
    reason: str
    detail: str
    body: str
    received_at: Millis
    message_id: str | None = None
