"""Commands to profiles: a record for each, and the one in which they travel."""

from typing import Self

import msgspec

from schemas.records.values import Identifier


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
    way here, counts no more. `canonical`: the identifier that the target is the default profile of.
    """

    decision: int
    target: str
    identifiers: tuple[Identifier, ...] = ()
    outdates: bool = False
    canonical: Identifier | None = None


class Absorb(msgspec.Struct, frozen=True, gc=False):
    """Unite with the state of the profile `origin`; None: it had none.

    `ids`: packed, of the events that have left the state. `recount`: they were too many to be sent.
    `canonical`: the identifier that the profile which this was first sent to is the default profile of. `definitions`:
    the version that the origin's task knew; `complete_to`: the one that was complete there.
    """

    decision: int
    origin: str
    identifiers: tuple[Identifier, ...] = ()
    state: bytes | None = None
    ids: bytes = b""
    recount: bool = False
    canonical: Identifier | None = None
    definitions: int = 0
    complete_to: int = 0


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
    events; what they attributed before this decision may belong to others now. `apart`: identifiers that were of the
    same profile until this decision.
    """

    decision: int
    identifiers: tuple[Identifier, ...] = ()
    owners: tuple[Owner, ...] = ()
    reattributed: tuple[Identifier, ...] = ()
    apart: tuple[Identifier, ...] = ()


class Replay(msgspec.Struct, frozen=True, gc=False):
    """One chunk of the events of a profile that waits for them, ordered by time.

    `attempt`: which of the rebuilder's it belongs to; a later attempt sorts higher. `version`: the highest that the
    warehouse has of the profile and its sessions, in chunk 0. `sessions`: ids of those that the warehouse has.
    `repeated`: the numbers of the events that count as repetitions so far. `definitions`: the version of them that is
    complete: events with a lower stamp count as if they had this one.
    """

    decision: int
    attempt: str
    chunk: int
    last: bool = False
    version: int = 0
    events: tuple[bytes, ...] = ()
    sessions: tuple[str, ...] = ()
    repeated: tuple[int, ...] = ()
    definitions: int = 0


class Seed(msgspec.Struct, frozen=True, gc=False):
    """Know what definitions that are new need of the past: of the events stamped below the births of what they keep.

    `version`: the newest birth. `attempt`: which of the back-fill's; a later one sorts higher. `origin`: the profile
    that this was computed for. `decision`: up to it, decisions are in what was computed; grows with every forward.
    `complete_to`: the version that was complete when it was computed. `states`: by key of the accumulator.
    """

    version: int
    attempt: str
    origin: str
    decision: int = 0
    complete_to: int = 0
    states: dict[str, bytes] = {}


class Mine(msgspec.Struct, frozen=True, gc=False):
    """Know what the query of a mined trait has found, in the place of what it found before.

    `value`: JSON text; None: nothing. `origin`: the profile that it was found for. `queried_at`: ms. `version`: of the
    definitions; `complete_to`: the one that was complete then. `is_new`: it is the first that the query has found.
    """

    trait: str
    value: str | None
    origin: str
    queried_at: int
    version: int = 0
    complete_to: int = 0
    is_new: bool = False


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


class Deny(msgspec.Struct, frozen=True, gc=False):
    """Keep what calls of another profile deny for an identifier that was of both once (`said`: as a state has it)."""

    identifier: Identifier
    said: bytes


class Reaffirm(msgspec.Struct, frozen=True, gc=False):
    """Say once more that the profile is in a segment, as an exit of `origin` was sent that may have taken it out.

    `destination`: its first name. `identifiers`: those that the exit named; other profiles may have them by now.
    """

    destination: str
    segment: str
    origin: str
    identifiers: tuple[Identifier, ...] = ()


Command = Transfer | Absorb | Fold | Advance | Rebuild | Replay | Attribute | Disown | Seed | Mine | Deny | Reaffirm


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
    seed: Seed | None = None
    mine: Mine | None = None
    deny: Deny | None = None
    reaffirm: Reaffirm | None = None

    @classmethod
    def of(cls, workspace: str, profile_id: str, command: Command) -> Self:
        """Make the record of a command to a profile, or with an empty id to a whole partition."""
        return msgspec.structs.replace(cls(workspace, profile_id), **{type(command).__name__.lower(): command})

    @property
    def command(self) -> Command | None:
        """The field that is set."""
        return (
            self.fold or self.replay or self.absorb or self.transfer or self.rebuild or self.attribute or self.disown
            or self.advance or self.seed or self.mine or self.deny or self.reaffirm
        )  # fmt: skip
