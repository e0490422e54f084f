"""What a judgement says is to be done, as frozen records; `applying` does it, each under a number of its own."""

from typing import TypeAlias

import msgspec

from identity.ledger import Component, Evidence
from identity.ownership import SignIns
from schemas.records import Identifier, LinkStatus, Pair


class ChangeNothing(msgspec.Struct, frozen=True):
    """Answer a request that changes nothing; takes no number."""

    reason: str


class RememberSignIns(msgspec.Struct, frozen=True):
    """Keep these sign-ins of a device; takes no number. `before`: those that were kept until now."""

    device: Identifier
    before: SignIns
    sign_ins: SignIns


class JudgedPair(msgspec.Struct, frozen=True, gc=False):
    """New evidence that ties an identifier to the primary one, or why it does not.

    `forbidden_by`: id of the request that has forbidden the pair, which the evidence names whatever else is against it.
    """

    other: Identifier
    status: LinkStatus
    reason: str = ""
    forbidden_by: str = ""


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


class TakeBack(msgspec.Struct, frozen=True):
    """Take evidence of a component back, and make components of what is not held together any more.

    `reason`: what the links say. `forbidden`: who must never become one person again. `named`: whom the change names.
    """

    component: Component
    pairs: tuple[Pair, ...]
    reason: str
    forbidden: tuple[tuple[Identifier, Identifier], ...]
    named: tuple[Identifier, ...]


class ReleasePair(msgspec.Struct, frozen=True):
    """Link a pair that waits for a review; or, with a `refusal`, do not. `components`: those that become one."""

    left: Identifier
    right: Identifier
    waiting: tuple[Evidence, ...]
    refusal: str
    components: tuple[Component, ...]


class RejectPair(msgspec.Struct, frozen=True):
    """Refuse a pair that waits for a review, and keep the two apart from now on."""

    left: Identifier
    right: Identifier
    waiting: tuple[Evidence, ...]


class AttributeDevice(msgspec.Struct, frozen=True):
    """Publish the owners of a shared device. `before`: those of until now. `losers`: who gives events of it up."""

    device: Identifier
    before: SignIns
    losers: tuple[Identifier, ...]


class ReattributeDevice(msgspec.Struct, frozen=True):
    """Rebuild persons to whom events of a device were attributed, or not, before a sign-in was known."""

    device: Identifier
    persons: tuple[Identifier, ...]


Verdict: TypeAlias = (
    ChangeNothing
    | RememberSignIns
    | LinkPairs
    | ShareDevice
    | TakeBack
    | ReleasePair
    | RejectPair
    | AttributeDevice
    | ReattributeDevice
)
