"""The keys of a ledger, and lists of identifiers as their values.

| key | value |
| --- | --- |
| `WORKSPACE|member|IDENTIFIER` | canonical identifier of its component; absent: itself |
| `WORKSPACE|component|CANONICAL` | `Component`; absent: the identifier alone |
| `WORKSPACE|near|IDENTIFIER` | the identifiers that active links tie it to |
| `WORKSPACE|refused|IDENTIFIER` | the last MAX_REFUSED identifiers that it was seen with but not tied to |
| `WORKSPACE|link|IDENTIFIER⏎IDENTIFIER` | the evidence of each source, as a list of `Evidence` |
| `WORKSPACE|shared|IDENTIFIER` | number of the decision that found a device shared, 8 bytes; `+` if it is attributed |
| `WORKSPACE|untied|IDENTIFIER` | the identifiers that the links tied to a device which its being shared took back |
| `WORKSPACE|signed|IDENTIFIER` | the sign-ins on a device that is or would be attributed, as `SignIns` |
| `WORKSPACE|devices|IDENTIFIER` | the devices on which somebody signed in so |
| `WORKSPACE|sequence` | number of the last decision, 8 bytes |
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from schemas.records import Identifier


class LedgerStore(Protocol):
    """The keys of one GRAPH partition. A `put` is seen by every later `get`; when it becomes durable is the store's."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value, or None."""

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set the value; None removes the key."""


_encode = msgspec.msgpack.Encoder().encode
_decode_names = msgspec.msgpack.Decoder(tuple[tuple[str, str], ...]).decode
_decode_raw = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


class LedgerTable:
    """The keys of one workspace, by what they hold of which identifier."""

    def __init__(self, store: LedgerStore, workspace: str) -> None:
        self.store = store
        self.workspace = workspace

    def get(self, kind: str, identifier: Identifier) -> bytes | None:
        """Return what is stored of an identifier, or None."""
        return self.store.get(f"{self.workspace}|{kind}|{identifier.namespace}:{identifier.value}".encode())

    def put(self, kind: str, identifier: Identifier, value: bytes | None) -> None:
        """Store something of an identifier; None removes it."""
        self.store.put(f"{self.workspace}|{kind}|{identifier.namespace}:{identifier.value}".encode(), value)

    def names(self, kind: str, identifier: Identifier) -> tuple[Identifier, ...]:
        """Return a list of other identifiers that is stored of one."""
        stored = self.get(kind, identifier)
        return () if stored is None else tuple(Identifier(*name) for name in _decode_names(stored))

    def count(self, kind: str, identifier: Identifier) -> int:
        """Return the length of such a list."""
        stored = self.get(kind, identifier)
        return 0 if stored is None else len(_decode_raw(stored))

    def put_names(self, kind: str, identifier: Identifier, names: Sequence[Identifier]) -> None:
        """Store such a list; an empty one removes it."""
        packed = [(name.namespace, name.value) for name in names]
        self.put(kind, identifier, _encode(packed) if packed else None)


def parsed(text: str) -> Identifier:
    """Return the identifier of `namespace:value`."""
    namespace, _, value = text.partition(":")
    return Identifier(namespace, value)
