"""One partition of a table in RocksDB: states, an index of deadlines, and how far the changelog has been applied.

Key ranges: `s` + key: a state; `d` + workspace + 0 + deadline + key: the index; `m`: the changelog offset; `t`: the id
of the topic that it counts in.
Meta records (positions, clocks) are states whose key starts with a zero byte; they have no deadline.
Leaves the order of commits to `state.commit`, and reading the changelog to `state.changelog`.

There is no write-ahead log: the changelog is one. Batches reach the disk in order, when a memtable is full, after a
while, and on `close`. After a crash the store is as it was some whole number of batches ago, and its offset says which.
"""

import contextlib
import shutil
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, takewhile
from pathlib import Path

from rocksdict import BlockBasedOptions, Options, Rdict, WriteBatch, WriteOptions

_STATE, _INDEX, _APPLIED, _TOPIC = b"s", b"d", b"m", b"t"
_CONDEMNED = "CONDEMNED"  # a file in the folder of a store that was found corrupt while it was read
_IN_USE = "HELD"  # a file in the folder whose time says when a worker last used the store
_DEADLINE = struct.Struct(">Q")
_SHIFT = 1 << 63  # deadlines before 1970 must sort before later ones
META = b"\x00"
HELD = META + b"held"
"""The meta record of how many events the table holds back; none before the first."""
FILTER_BITS_PER_KEY = 10  # most keys that are read were never stored: people who are new, identifiers without links
FLUSH_INTERVAL_S = 15.0
"""Bounds what a crash costs a quiet store, and how old it comes back: in time, a changelog forgets deletions."""
STALE_AFTER_S = 5 * 24 * 3600.0
"""Less than the week for which changelogs keep deletions (`schemas.topics`)."""

DeadlineOf = Callable[[bytes], int | None]


class StoreCorrupt(Exception):
    """The folder cannot be opened, read or relied upon; `remove` it and rebuild from the changelog.

    It stays so: a folder that was found corrupt once is not opened again, whatever ended the process in between.
    """


class StateStore:
    """Not thread-safe for writing; reading from another thread than the writer's is fine (RocksDB's own guarantee)."""

    def __init__(self, path: Path, deadline_of: DeadlineOf | None) -> None:
        """Open the store, or create it. Raises StoreCorrupt when RocksDB does not accept what is at `path`."""
        self._path = path
        self._deadline_of = deadline_of
        self._db = _open(path)
        (path / _IN_USE).touch()
        self._unlogged = WriteOptions()
        self._unlogged.disable_wal = True
        self._flushed_at = time.monotonic()
        self._floors = _Floors()

    def close(self) -> None:
        """Put everything on the disk and release the folder.

        Corrupt data found only now is found again by whoever opens it next.
        """
        with contextlib.suppress(StoreCorrupt), self._noticing():
            self._db.close()
            (self._path / _IN_USE).touch()

    def wipe(self) -> None:
        """Delete everything and start empty."""
        self.close()
        self.remove(self._path)
        self._db = _open(self._path)
        self._floors.clear()

    @staticmethod
    def remove(path: Path) -> None:
        """Delete a store that is not open."""
        shutil.rmtree(path, ignore_errors=True)

    def get_many(self, keys: list[bytes]) -> list[bytes | None]:
        """Return the values of keys, None where there is none; one call for all."""
        if not keys:
            return []
        with self._noticing():
            return list(self._db.get([_STATE + key for key in keys]))

    def get(self, key: bytes) -> bytes | None:
        """Return the value of a key, None where there is none."""
        with self._noticing():
            value: bytes | None = self._db.get(_STATE + key)
        return value

    def meta(self, prefix: bytes) -> dict[bytes, bytes]:
        """Return all meta records whose key starts with META + prefix, by the rest of their key."""
        start = _STATE + META + prefix
        values = {}
        for key in self._keys(start):
            if not key.startswith(start):
                break
            value = self.get(key[len(_STATE) :])
            if value is not None:
                values[key[len(start) :]] = value
        return values

    def due(self, workspace: str, until: int, limit: int) -> list[bytes]:
        """Return the keys of the workspace with a deadline <= until (ms), earliest first, at most `limit`."""
        prefix = _prefix(workspace.encode())
        last = prefix + _DEADLINE.pack(until + _SHIFT + 1)
        skip = len(prefix) + _DEADLINE.size
        keys: list[bytes] = []
        first = prefix[:-1] + b"\x01"  # behind the workspace's index: nothing is in it
        floor, as_of = self._floors.get(prefix)
        for entry in self._keys(floor):
            first = min(first, entry)
            if entry >= last or len(keys) >= limit:
                break
            keys.append(entry[skip:])
        self._floors.rise(prefix, first, as_of)
        return keys

    def after(self, key: bytes, limit: int) -> list[bytes]:
        """Return the keys that come after one, in order, at most `limit`; META keys come first of all."""
        start = _STATE + key + b"\x00"
        return [each[len(_STATE) :] for each in islice(takewhile(_is_state, self._keys(start)), limit)]

    def range(self, prefix: bytes) -> list[bytes]:
        """Return the keys that begin with a prefix, in order."""
        start = _STATE + prefix
        return [key[len(_STATE) :] for key in takewhile(lambda key: key.startswith(start), self._keys(start))]

    def applied(self) -> int | None:
        """Return the offset of the last changelog record whose effect is here; None when nothing was ever applied."""
        with self._noticing():
            value = self._db.get(_APPLIED)
        return None if value is None else int(value)

    def topic(self) -> str | None:
        """Return the id of the changelog topic that the store was made from; None for an empty store."""
        with self._noticing():
            value = self._db.get(_TOPIC)
        return None if value is None else value.decode()

    def claim(self, topic: str) -> None:
        """Note the id of the changelog topic: offsets of another one mean nothing here."""
        with self._noticing():
            self._db.put(_TOPIC, topic.encode())

    def write(
        self, changes: Mapping[bytes, bytes | None], before: Callable[[bytes], bytes | None], offset: int
    ) -> None:
        """Write states, deadlines and the changelog offset as one batch; `before` gives the stored value of a key."""
        batch = WriteBatch(raw_mode=True)
        entries = [entry for key, value in changes.items() if (entry := self._put(batch, key, before, value))]
        batch.put(_APPLIED, b"%d" % offset)
        with self._noticing():
            self._db.write(batch, self._unlogged)
        self._floors.sink(entries)

    def flush_if_due(self) -> None:
        """Put on the disk what is in memory only, if that was last done long ago. Blocking; raises what RocksDB raises.

        To be called now and then, also while nothing is written: in time, a changelog forgets deletions. Not where a
        batch waits: it takes a tenth of a second and more.
        """
        if time.monotonic() - self._flushed_at > FLUSH_INTERVAL_S:
            self._flushed_at = time.monotonic()
            with self._noticing():
                self._db.flush(wait=True)  # in the background, RocksDB would keep a full disk to itself
            (self._path / _IN_USE).touch()

    def apply(self, records: Iterable[tuple[bytes, bytes | None]], offset: int) -> int:
        """Apply changelog records, the last of a key wins; returns how many keys were written."""
        latest = dict(records)
        stored = dict(zip(latest, self.get_many(list(latest)), strict=True)) if self._deadline_of else {}
        self.write(latest, stored.get, offset)
        return len(latest)

    def estimated_keys(self) -> int:
        """Return RocksDB's estimate of the number of keys, the index included."""
        return int(self._db.property_value("rocksdb.estimate-num-keys") or 0)

    def disk_bytes(self) -> int:
        """Return the size of the live files on disk."""
        return int(self._db.property_value("rocksdb.total-sst-files-size") or 0)

    def _keys(self, start: bytes) -> Iterator[bytes]:
        """Yield the keys from `start` on. RocksDB ends an iteration at a corrupt block as at the end: see `status`."""
        with self._noticing():
            entries = self._db.iter()
            entries.seek(start)
            while entries.valid():
                yield entries.key()
                entries.next()
            entries.status()

    @contextlib.contextmanager
    def _noticing(self) -> Iterator[None]:
        """Turn RocksDB's report of corrupt data into StoreCorrupt, and see to it that nobody opens the folder again."""
        try:
            yield
        except Exception as error:  # rocksdict raises bare Exception for all of RocksDB's errors
            if not str(error).startswith("Corruption"):
                raise
            (self._path / _CONDEMNED).touch()
            raise StoreCorrupt(f"{self._path}: {error}") from error

    def _put(
        self, batch: WriteBatch, key: bytes, before: Callable[[bytes], bytes | None], value: bytes | None
    ) -> bytes | None:
        """Put a state into a batch; return the entry that is new in the index, if there is one."""
        entry = None
        if self._deadline_of is not None and not key.startswith(META):
            stored = before(key)
            old = self._deadline_of(stored) if stored is not None else None
            new = self._deadline_of(value) if value is not None else None
            if old != new:
                if old is not None:
                    batch.delete(_index_key(old, key))
                if new is not None:
                    entry = _index_key(new, key)
                    batch.put(entry, b"")
        if value is None:
            batch.delete(_STATE + key)
        else:
            batch.put(_STATE + key, value)
        return entry


class _Floors:
    """Where the index of each workspace begins: what was deleted before that stays in the way of a search for long.

    Whoever searches may do so in one thread while another one writes: what is written then, the search may not have
    seen, so it raises no floor if anything was written meanwhile.
    """

    def __init__(self) -> None:
        self._floors: dict[bytes, bytes] = {}
        self._writes = 0
        self._lock = threading.Lock()

    def get(self, prefix: bytes) -> tuple[bytes, int]:
        """Return where a workspace's index begins, and as of how many writes."""
        with self._lock:
            return self._floors.get(prefix, prefix), self._writes

    def rise(self, prefix: bytes, first: bytes, as_of: int) -> None:
        """Note the first entry that a search has found, unless something was written since it began."""
        with self._lock:
            if self._writes == as_of:
                self._floors[prefix] = first

    def sink(self, entries: Iterable[bytes]) -> None:
        """Note what was written: after it is there, before anybody relies on it."""
        with self._lock:
            self._writes += 1
            for entry in entries:
                prefix = _prefix_of(entry)
                if entry < self._floors.get(prefix, b""):
                    self._floors[prefix] = entry

    def clear(self) -> None:
        """Know of no index any more."""
        with self._lock:
            self._floors.clear()
            self._writes += 1


def _is_state(key: bytes) -> bool:
    return key.startswith(_STATE)


def _prefix(key: bytes) -> bytes:
    return _INDEX + key.partition(b"|")[0] + b"\x00"


def _prefix_of(entry: bytes) -> bytes:
    return entry[: entry.index(b"\x00") + 1]


def _index_key(deadline: int, key: bytes) -> bytes:
    return _prefix(key) + _DEADLINE.pack(deadline + _SHIFT) + key


def _open(path: Path) -> Rdict:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(8 << 20)
    options.set_max_write_buffer_number(3)
    tables = BlockBasedOptions()
    tables.set_bloom_filter(FILTER_BITS_PER_KEY, False)
    options.set_block_based_table_factory(tables)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(4 << 20)
    path.mkdir(parents=True, exist_ok=True)
    _refuse_remains(path)
    try:
        return Rdict(str(path), options)
    except Exception as error:  # rocksdict raises bare Exception for all of RocksDB's errors
        if "/LOCK: " in str(error):  # held by another process; "lock" alone is in "block checksum mismatch" as well
            raise
        raise StoreCorrupt(f"{path}: {error}") from error


def _refuse_remains(path: Path) -> None:
    """RocksDB makes a new database where CURRENT is missing: right in an empty folder, a silent loss elsewhere."""
    if (path / _CONDEMNED).exists():
        raise StoreCorrupt(f"{path}: was found corrupt before")
    if not (path / "CURRENT").exists() and any(path.iterdir()):
        raise StoreCorrupt(f"{path}: holds files of a database, but no CURRENT")
    held = path / _IN_USE
    if held.exists() and (idle_s := time.time() - held.stat().st_mtime) > STALE_AFTER_S:
        raise StoreCorrupt(
            f"{path}: no worker held it for {idle_s / 86_400:.0f} days, its changelog may have forgotten deletions"
        )
