"""What a step of the fold is given, and what it leaves besides the new state."""

from collections.abc import Callable, Collection, Iterable
from typing import Literal, TypeAlias

import msgspec

from definitions import Program
from definitions.destinations import Destination
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.consent import NO_CONSENT
from schemas.records import ConsentChange, FiredTrigger, Identifier, ProfileKind, SegmentChange, Session
from streams.fold.said import Denials

BEGINNING = -(2**63)  # the time of a profile that has seen no event
DEADLINE, MERGE, DEFINITION, REBUILD, SESSION_END = "deadline", "merge", "definition", "rebuild", "session_end"
MINING = "mining"


class KnownPast(msgspec.Struct, frozen=True, gc=False):
    """What is known of the past of a profile whose events are replayed: up to `to` (ms) no trigger fires again.

    `meanwhile`: the message ids of events that came since the profile waits for the replay, whatever their time.
    `waiting`: until when triggers waited then, by name.
    """

    to: int
    meanwhile: Collection[str] = ()
    waiting: dict[str, int] = {}

    def has_decided(self, trigger: str, at: int, fires_at: int, cause: str) -> bool:
        """Return whether a trigger has fired, or for good has not, of what was at a time; `fires_at`: when it does."""
        is_waiting = fires_at > at and self.waiting.get(trigger) == fires_at
        return at <= self.to and cause not in self.meanwhile and not is_waiting


class FoldContext(msgspec.Struct, frozen=True, gc=False):
    """Whose profile is folded, by which definitions; `program`: of its workspace and kind.

    `known_past`: of a replay. `decided_at`: the system's time, in ms. `definition`: the version that changes go by.
    """

    workspace: str
    profile_id: str
    program: Program
    source_priority: Callable[[str], int]
    rules: IdentityRules = DEFAULT_RULES
    kind: ProfileKind = "person"
    known_past: KnownPast | None = None
    decided_at: int = 0
    definition: int = 0


DroppedField: TypeAlias = Literal["trait", "event_name", "entry_url", "property", "consent"]
DropReason: TypeAlias = Literal["too_long", "too_large", "too_deep", "too_many", "malformed", "mistyped"]
Drops: TypeAlias = dict[tuple[DroppedField, DropReason], int]


class Outputs(msgspec.Struct, gc=False):
    """Records of one batch, of any number of profiles. Of a session only the last record of the batch is kept.

    `drops`: how often a field of an event was not kept as it was sent, by what it is and why. `mistyped`: how often a
    value was of a wrong type, by who reads it: see `Moment.drop_mistyped`. `missed_texts`: how
    many texts payloads lack since their templates failed, by trigger. `changes_traits`: whether
    a computed trait has another value. `former_traits`: the JSON texts of the traits that a profile had when it was
    merged away, or began to wait for its replay; `former_consent`: the JSON text of what it had said.
    `retired_consent`: of a profile that is merged away, that what was published counts under its id no more.
    `touches_consent`: whether what the profile has said may count otherwise. `announces_consent`: whether it is to be
    published all the same, for those who know the profile under another id. `denied`: what is denied for identifiers
    that are of other profiles. `reaffirmed`: what a destination alone is to hear, by no change of a membership.
    """

    segment_changes: list[SegmentChange] = []
    triggers: list[FiredTrigger] = []
    sessions: dict[str, Session] = {}
    drops: Drops = {}
    mistyped: dict[str, int] = {}
    missed_texts: dict[str, int] = {}
    changes_traits: bool = False
    former_traits: dict[str, str] = {}
    former_consent: str = NO_CONSENT
    retired_consent: ConsentChange | None = None
    touches_consent: bool = False
    announces_consent: bool = False
    reaffirmed: dict[Destination, list[SegmentChange]] = {}
    denied: dict[Identifier, Denials] = {}

    def deny(self, identifier: Identifier, denials: Denials) -> None:
        """Have the profile of an identifier told what was denied for it; of several the last word."""
        known = self.denied.setdefault(identifier, {})
        for key, once in denials.items():
            known[key] = max(once, known.get(key, once))


class MembershipChange(msgspec.Struct, frozen=True, gc=False):
    """A change of a membership before the fold adds what records have of other facets."""

    segment: str
    change: Literal["entered", "exited"]
    changed_at: int
    cause: str


class TriggerFiring(msgspec.Struct, frozen=True, gc=False):
    """A trigger that fires before the fold adds what records have of other facets. `payload`: JSON text."""

    trigger: str
    fired_at: int
    cause: str
    payload: str


class Moment(msgspec.Struct, gc=False):
    """One step of a fold: the time and the definitions that every facet goes by, and what it publishes.

    `cause`: a message id, or one of the causes above. `version`: of the last record; every record counts it up.
    `as_of`: the profile's time. `before`: its own time before a merge; `former`: its identifiers then.
    `adds_identifier`: whether the event's primary identifier becomes the profile's; not that of a shared device.
    """

    context: FoldContext
    out: Outputs
    cause: str
    as_of: int
    version: int
    adds_identifier: bool = True
    before: int = BEGINNING
    former: tuple[Identifier, ...] | None = None
    memberships: list[MembershipChange] = []
    triggers: list[TriggerFiring] = []

    def drop(self, field: DroppedField, reason: DropReason, number: int = 1) -> None:
        """Count what of an event the profile does not keep as it was sent."""
        drops = self.out.drops
        drops[field, reason] = drops.get((field, reason), 0) + number

    def miss_texts(self, trigger: str, number: int) -> None:
        """Count texts that a payload lacks, since their templates failed on what is known."""
        if number:
            self.out.missed_texts[trigger] = self.out.missed_texts.get(trigger, 0) + number

    def drop_mistyped(self, readers: Iterable[str], field: DroppedField = "property") -> None:
        """Count a value of an event that definitions compare with numbers, or sum, and that is none; or of consent.

        `readers`: the keys of accumulators, the names of triggers, and purposes, that it is nothing for.
        """
        self.drop(field, "mistyped")
        for reader in readers:
            self.out.mistyped[reader] = self.out.mistyped.get(reader, 0) + 1
