"""Sort records by time in bounded memory: sorted files on disk, merged when all is there. Equal times keep their order.

Files are as private as their folder, which the caller makes and removes.
"""

import heapq
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

MAX_MEMORY_BYTES = 64 * 1024 * 1024
MAX_OPEN_RUNS = 64

_RECORD_OVERHEAD = 200  # what a record costs in a list, besides its bytes
_HEAD = struct.Struct(">qQI")


class Timed(NamedTuple):
    """Ordered by time, then by arrival."""

    time_us: int
    sequence: int
    record: bytes


class TimeSorter:
    """Add every record, then read them once. Memory and open files stay bounded, whatever comes."""

    def __init__(
        self, folder: Path, max_memory_bytes: int = MAX_MEMORY_BYTES, max_open_runs: int = MAX_OPEN_RUNS
    ) -> None:
        self._folder = folder
        self._max_memory_bytes = max_memory_bytes
        self._max_open_runs = max_open_runs
        self._held: list[Timed] = []
        self._held_bytes = 0
        self._levels: list[list[Path]] = []
        self._written = 0
        self.records = 0

    def add(self, time_us: int, record: bytes) -> None:
        """Take one record with its time, in microseconds."""
        self._held.append(Timed(time_us, self.records, record))
        self.records += 1
        self._held_bytes += len(record) + _RECORD_OVERHEAD
        if self._held_bytes > self._max_memory_bytes:
            self._held.sort()
            self._keep(self._write(self._held), 0)
            self._held.clear()
            self._held_bytes = 0

    def in_order(self) -> Iterator[Timed]:
        """Yield all records by time, those of one time in the order in which they came."""
        self._held.sort()
        return heapq.merge(self._held, *map(_read, self._runs()))

    def _runs(self) -> list[Path]:
        runs = [run for level in self._levels for run in level]
        while len(runs) > self._max_open_runs:
            runs = [*runs[self._max_open_runs :], self._merge(runs[: self._max_open_runs])]
        return runs

    def _keep(self, run: Path, level: int) -> None:
        """Runs are merged with others of their size, so no record is rewritten more often than there are levels."""
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(run)
        if len(self._levels[level]) == self._max_open_runs:
            merged = self._merge(self._levels[level])
            self._levels[level] = []
            self._keep(merged, level + 1)

    def _merge(self, runs: list[Path]) -> Path:
        merged = self._write(heapq.merge(*map(_read, runs)))
        for run in runs:
            run.unlink()
        return merged

    def _write(self, records: Iterable[Timed]) -> Path:
        path = self._folder / f"run-{self._written}"
        self._written += 1
        with path.open("wb") as file:
            for time_us, sequence, record in records:
                file.write(_HEAD.pack(time_us, sequence, len(record)))
                file.write(record)
        return path


def _read(path: Path) -> Iterator[Timed]:
    with path.open("rb") as file:
        while head := file.read(_HEAD.size):
            time_us, sequence, length = _HEAD.unpack(head)
            yield Timed(time_us, sequence, file.read(length))
