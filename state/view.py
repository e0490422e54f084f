"""A batch's view of a store: reads through to it, keeps the batch's writes in memory until they are committed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar, cast

Decoded = TypeVar("Decoded")


class ReadableStore(Protocol):
    """What a view needs of a store."""

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Return the values of keys, None where there is none."""
        ...

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:
        """Return the keys of a workspace whose deadline is <= until (ms), earliest first, at most `limit`."""
        ...

    def range(self, prefix: bytes) -> list[bytes]:
        """Return the keys that begin with a prefix, in order."""
        ...

    def after(self, key: bytes, limit: int) -> list[bytes]:
        """Return the keys that come after one, in order, at most `limit`; META keys come first of all."""
        ...


class StateView:
    """States by key, as bytes. Nothing is written to the store from here; `changes` says what a commit must write."""

    def __init__(self, store: ReadableStore) -> None:
        self._store = store
        self._read: dict[bytes, bytes | None] = {}
        self._changes: dict[bytes, bytes | None] = {}
        self._decoded: dict[bytes, Any] = {}

    def prefetch(self, keys: Iterable[bytes]) -> None:
        """Read many keys with one call, so that `get` finds them in memory."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._read and key not in self._changes]
        if wanted:
            self._read.update(zip(wanted, self._store.get_many(wanted), strict=True))

    def get(self, key: bytes) -> bytes | None:
        """Return the value as of now, the batch's own writes included; None where there is none."""
        if key in self._changes:
            return self._changes[key]
        if key not in self._read:
            self.prefetch((key,))
        return self._read[key]

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write a value, or delete the key with None."""
        self._changes[key] = value
        if self._decoded:
            self._decoded.pop(key, None)

    def decoded(self, key: bytes, decode: Callable[[bytes | None], Decoded]) -> Decoded:
        """Return what `decode` makes of a value: the same object until the key is written, so who changes it writes it.

        Always to be called with the same `decode` for a key.
        """
        if key in self._decoded:
            return cast("Decoded", self._decoded[key])
        decoded = self._decoded[key] = decode(self.get(key))
        return decoded

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:
        """Return the keys of the workspace whose stored deadline is <= until, earliest first, as before the batch."""
        return self._store.due(workspace, until, limit)

    def after(self, key: bytes, limit: int) -> list[bytes]:
        """Return the keys that come after one, in order, at most `limit`, as before the batch."""
        return self._store.after(key, limit)

    def range(self, prefix: bytes) -> list[bytes]:
        """Return the keys that begin with a prefix, in order, the batch's own writes included. Reads their values."""
        keys = {*self._store.range(prefix), *(key for key in self._changes if key.startswith(prefix))}
        self.prefetch(keys)
        return sorted(key for key in keys if self.get(key) is not None)

    def stored(self, key: bytes) -> bytes | None:
        """Return the value as it is in the store, before the batch."""
        if key not in self._read:
            (self._read[key],) = self._store.get_many([key])
        return self._read[key]

    @property
    def changes(self) -> Mapping[bytes, bytes | None]:
        """All that was written in this batch: key -> new value, None for a deletion."""
        return self._changes
