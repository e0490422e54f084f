"""How identifiers stand in the ledger: all that a judgement on linking them reads of it."""

import msgspec

from identity.ledger import Component, Ledger
from schemas.records import Identifier


class Standing(msgspec.Struct, frozen=True, gc=False):
    """`fan_in`: how many identifiers active links tie it to. `is_shared`: whether it is a device of several persons.

    `forbidden`: canonical identifiers of the components that its component must not join.
    """

    identifier: Identifier
    component: Component
    is_shared: bool
    fan_in: int
    forbidden: frozenset[Identifier]


def standing(ledger: Ledger, identifier: Identifier, at: int) -> Standing:
    """Read how an identifier stands; `at`: time (ms) of the event that shows it."""
    component = ledger.components.of(identifier, at)
    return Standing(
        identifier,
        component,
        ledger.devices.is_shared(identifier),
        ledger.links.fan_in(identifier),
        ledger.components.forbidden(component),
    )
