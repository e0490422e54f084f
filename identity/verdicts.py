"""What a judgement says is to be done, as frozen records; `applying` does it, each under a number of its own."""

from typing import TypeAlias

import msgspec

from identity.ledger import Component, Evidence
from identity.ownership import SignIns
from schemas.records import Identifier


class ChangeNothing(msgspec.Struct, frozen=True):
    """Answer a request that changes nothing; takes no number. `named`: whom the answer names."""

    named: tuple[Identifier, ...]
    reason: str


class RememberSignIns(msgspec.Struct, frozen=True):
    """Keep these sign-ins of a device; takes no number. `before`: those that were kept until now."""

    device: Identifier
    before: SignIns
    sign_ins: SignIns


class PairEvidence(msgspec.Struct, frozen=True, gc=False):
    """Evidence of a pair as it is to be recorded, but for the number of the decision."""

    identifier: Identifier
    other: Identifier
    evidence: tuple[Evidence, ...]


class JudgedPair(msgspec.Struct, frozen=True, gc=False):
    """What an event shows of the primary identifier and another one. `reason`: why the two are not tied, or empty.

    The evidence of a pair that a request has forbidden says so, whatever else is against it.
    """

    other: Identifier
    evidence: Evidence
    reason: str = ""


class LinkPairs(msgspec.Struct, frozen=True):
    """Record evidence of identifiers that were seen together, and unite the components that it ties."""

    primary: Identifier
    pairs: tuple[JudgedPair, ...]
    components: tuple[Component, ...]


class ShareDevice(msgspec.Struct, frozen=True):
    """Take all links of a device back, so that it stands alone. `persons`: who uses it, as far as this event shows.

    `is_attributed`: whether its events belong to whoever signed in last.
    """

    device: Identifier
    persons: tuple[Identifier, ...]
    is_attributed: bool
    component: Component
    retracted: tuple[PairEvidence, ...]


class RetractEvidence(msgspec.Struct, frozen=True):
    """Take evidence of a component back, and make components of what is not held together any more.

    `forbidden`: who must never become one person again, from `at` (ms) on. `named` and `reason`: what the change says.
    """

    component: Component
    retracted: tuple[PairEvidence, ...]
    forbidden: tuple[tuple[Identifier, Identifier], ...]
    at: int
    named: tuple[Identifier, ...]
    reason: str


class AcceptPair(msgspec.Struct, frozen=True):
    """Link a pair that waits for a review; or, with a `refusal`, do not. `components`: those that become one."""

    accepted: PairEvidence
    refusal: str
    components: tuple[Component, ...]


class RefusePair(msgspec.Struct, frozen=True):
    """Refuse a pair that waits for a review, and keep the two apart from `at` (ms) on."""

    refused: PairEvidence
    at: int
    reason: str


class MergePair(msgspec.Struct, frozen=True):
    """Tie a pair because an operator says so. `components`: those that become one; none if the two are one person."""

    merged: PairEvidence
    components: tuple[Component, ...]
    reason: str


class AllowPairs(msgspec.Struct, frozen=True):
    """Forbid pairs no more between the persons of `named`. `evidence`: of these pairs, as it stands then."""

    named: tuple[Identifier, Identifier]
    allowed: tuple[tuple[Identifier, Identifier], ...]
    evidence: tuple[PairEvidence, ...]
    reason: str


class UnshareDevice(msgspec.Struct, frozen=True):
    """Share a device no more. `sign_ins`: those that attributed its events, whose persons give them up."""

    device: Identifier
    sign_ins: SignIns
    reason: str


class AttributeDevice(msgspec.Struct, frozen=True):
    """Attribute the events of a shared device to its owners.

    `before`: those of until now. `losers`: who gives events of it up; nobody if just the first sign-in is another one.
    """

    device: Identifier
    before: SignIns
    losers: tuple[Identifier, ...]


class ReattributeDevice(msgspec.Struct, frozen=True):
    """Rebuild persons to whom events of a device were attributed, or not, before a sign-in was known."""

    device: Identifier
    persons: tuple[Identifier, ...]


class Recount(msgspec.Struct, frozen=True):
    """Rebuild the person or device of an identifier, in whose profile an event may count twice."""

    identifier: Identifier


Verdict: TypeAlias = (
    ChangeNothing
    | RememberSignIns
    | LinkPairs
    | ShareDevice
    | RetractEvidence
    | AcceptPair
    | RefusePair
    | MergePair
    | AllowPairs
    | UnshareDevice
    | AttributeDevice
    | ReattributeDevice
    | Recount
)
