"""GRAPH's ledger: components, evidence, devices and the number of decisions, as one workspace's keys in a store.

What a request changes is left to `judging` and `applying`; batching and durability to whoever provides the store.
"""

from collections.abc import Callable, Iterator, Sequence

from identity.ledger.components import Component, ComponentMember, Components
from identity.ledger.devices import DeviceLedger
from identity.ledger.links import Evidence, LinkLedger, link_key, link_of
from identity.ledger.table import LedgerStore, LedgerTable
from schemas.records import Identifier

__all__ = [
    "Component",
    "ComponentMember",
    "Components",
    "DeviceLedger",
    "Evidence",
    "Ledger",
    "LedgerStore",
    "LinkLedger",
    "keys_of",
    "link_key",
    "link_of",
]

Rank = Callable[[Identifier], tuple[int, str, str]]
"""Sort key of identifiers, the strongest first (`IdentityRules.rank`)."""


class Ledger:
    """One workspace's ledger. Identifiers must be usable (`IdentityRules.usable`)."""

    def __init__(self, store: LedgerStore, workspace: str, rank: Rank) -> None:
        table = LedgerTable(store, workspace)
        self.components = Components(table, rank)
        self.links = LinkLedger(table, rank)
        self.devices = DeviceLedger(table)
        self._store = store
        self._sequence = f"{workspace}|sequence".encode()

    def last_decision(self) -> int:
        """Return the number of the last decision; 0 before the first."""
        return int.from_bytes(self._store.get(self._sequence) or b"", "big")

    def next_decision(self) -> int:
        """Count one decision, and return its number, from 1."""
        number = self.last_decision() + 1
        self._store.put(self._sequence, number.to_bytes(8, "big"))
        return number


def keys_of(workspace: str, identifiers: Sequence[Identifier]) -> Iterator[bytes]:
    """Yield the keys that a decision about these identifiers most likely reads, to be read at once."""
    primary = identifiers[0]
    for identifier in identifiers:
        for kind in ("member", "component", "near", "shared"):
            yield f"{workspace}|{kind}|{identifier.namespace}:{identifier.value}".encode()
        yield link_key(workspace, primary, identifier)
        yield link_key(workspace, identifier, primary)
