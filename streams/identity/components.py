"""GRAPH's stored layout: which identifiers form one person, which pairs were decided, how many decisions there were.

Rules, limits and commands are left to `graph.py`; batching and durability to whoever provides the store.

| key | value |
| --- | --- |
| `WORKSPACE|member|IDENTIFIER` | canonical identifier of its component; absent: itself |
| `WORKSPACE|component|CANONICAL` | all identifiers of the component, strongest first, one a line |
| `WORKSPACE|link|IDENTIFIER⏎IDENTIFIER` | status of the pair |
| `WORKSPACE|sequence` | number of the last decision, 8 bytes |
"""

from collections.abc import Iterable
from typing import Literal, Protocol

from schemas.identity import rank
from schemas.records import Identifier

LinkStatus = Literal["active", "refused"]
Members = tuple[Identifier, ...]


class Store(Protocol):
    """The keys of one GRAPH partition. A `put` is seen by every later `get`; when it becomes durable is the store's."""

    def get(self, key: bytes) -> bytes | None:
        """The value, or None."""

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set the value; None removes the key."""


def link_key(workspace: str, left: Identifier, right: Identifier) -> bytes:
    """Key of a pair, here and on `identity.links`; no usable identifier contains the line break."""
    return f"{workspace}|link|{left}\n{right}".encode()


class Components:
    """One workspace's components in a store. Identifiers must be usable (`schemas.identity.usable`)."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace

    def canonical_of(self, identifier: Identifier) -> Identifier:
        """The canonical identifier of the component that `identifier` is in."""
        stored = self._store.get(self._key("member", identifier))
        return identifier if stored is None else _identifier(stored.decode())

    def members_of(self, canonical: Identifier) -> Members:
        """All identifiers of a component, strongest first."""
        stored = self._store.get(self._key("component", canonical))
        return (canonical,) if stored is None else tuple(map(_identifier, stored.decode().split("\n")))

    def unite(self, components: Iterable[Members]) -> Identifier:
        """Make one component of several; its canonical identifier."""
        components = tuple(components)
        united = sorted((member for members in components for member in members), key=rank)
        canonical = united[0]
        pointer = str(canonical).encode()
        for members in components:
            if members[0] == canonical:
                continue
            if len(members) > 1:
                self._store.put(self._key("component", members[0]), None)
            for member in members:
                self._store.put(self._key("member", member), pointer)
        self._store.put(self._key("component", canonical), "\n".join(map(str, united)).encode())
        return canonical

    def link_status(self, left: Identifier, right: Identifier) -> LinkStatus | None:
        """What was decided of a pair; None if it was never asked about."""
        stored = self._store.get(link_key(self._workspace, left, right))
        if stored is None:
            return None
        return "active" if stored == b"active" else "refused"

    def record_link(self, left: Identifier, right: Identifier, status: LinkStatus) -> None:
        """Remember what was decided of a pair."""
        self._store.put(link_key(self._workspace, left, right), status.encode())

    def next_decision(self) -> int:
        """Count one decision; its number, from 1."""
        key = f"{self._workspace}|sequence".encode()
        number = int.from_bytes(self._store.get(key) or b"", "big") + 1
        self._store.put(key, number.to_bytes(8, "big"))
        return number

    def _key(self, kind: str, identifier: Identifier) -> bytes:
        return f"{self._workspace}|{kind}|{identifier}".encode()


def _identifier(text: str) -> Identifier:
    namespace, _, value = text.partition(":")
    return Identifier(namespace, value)
