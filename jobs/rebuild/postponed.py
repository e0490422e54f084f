"""Changes that could not be carried out and wait for another try. Pure, but for being kept."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from jobs.refusals import AGAIN_AFTER_S
from schemas.records import IdentityChange

MOST = 2_000


class TakenChange(NamedTuple):
    """A change that asks for a rebuild, and where it lies on `identity.changes`."""

    change: IdentityChange
    partition: int
    offset: int


class Postponed:
    """Each of them waits for a minute. They stay unacknowledged: who takes their partition over has them as well."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, TakenChange]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more changes are to be taken before some of these are done."""
        return len(self._waiting) >= MOST

    @property
    def workspaces(self) -> frozenset[str]:
        """The workspaces that they are of."""
        return frozenset(taken.change.workspace for _, taken in self._waiting)

    @property
    def offsets(self) -> Mapping[int, int]:
        """The first of each partition: nothing from there on may be acknowledged."""
        offsets: dict[int, int] = {}
        for _, taken in self._waiting:
            offsets[taken.partition] = min(taken.offset, offsets.get(taken.partition, taken.offset))
        return offsets

    def add(self, changes: Iterable[TakenChange], now: float) -> None:
        """Keep changes for another try. `now`: monotonic, s."""
        self._waiting += [(now + AGAIN_AFTER_S, taken) for taken in changes]

    def take_due(self, now: float) -> list[TakenChange]:
        """Take out what is to be tried again now."""
        due = [taken for at, taken in self._waiting if at <= now]
        self._waiting = [(at, taken) for at, taken in self._waiting if at > now]
        return due

    def clear(self) -> None:
        """Forget all: whoever has the partitions now reads them again."""
        self._waiting = []
