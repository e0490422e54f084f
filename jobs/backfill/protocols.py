"""What a back-fill needs of the world around it; ClickHouse and Kafka are behind it in the process."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from definitions.plan import Accumulator
from definitions.sets import BackfillAttempt, BackfillProgress, Completion, Publication
from runtime.kafka.offsets import Partition
from schemas.records import ProfileKind, Seed


class Wanted(NamedTuple):
    """Accumulators of one kind of profiles in one workspace, all born at one version."""

    workspace: str
    kind: ProfileKind
    born: int
    accumulators: tuple[Accumulator, ...]


class AddressedSeed(NamedTuple):
    """A seed and the profile that it is for."""

    workspace: str
    profile_id: str
    seed: Seed


class RefusedSeeds(NamedTuple):
    """What PROFILE could not take of an attempt: the profiles for which it was too large, and how many other seeds."""

    too_large: frozenset[str] = frozenset()
    others: int = 0


class PastStates(Protocol):
    """The events of before. Every method may block and raise TransientError or TerminalError, also on the way."""

    def states(self, wanted: Wanted) -> Iterator[tuple[str, Mapping[str, bytes]]]:
        """Yield each profile of now that has any, with its encoded states by id of the accumulator.

        They are of the events stamped below the birth, all as of one moment.
        """

    def decided(self, workspace: str, position: int) -> int:
        """Return the highest decision about a workspace that lies before a position on `identity.changes`; else 0."""


class SeedCommands(Protocol):
    """Commands to profiles. Every method may block and raise TransientError or TerminalError."""

    def begin(self) -> None:
        """Begin to look for seeds that PROFILE could not take: those of before this call do not count."""

    def send(self, seeds: Iterable[AddressedSeed]) -> Iterator[int]:
        """Append seeds, yielding now and then how many are durable, and at the end."""

    def ends(self) -> Mapping[Partition, int]:
        """Return where each partition of the commands ends, once everything sent is durable."""

    def refused(self, attempt: str) -> RefusedSeeds:
        """Find the seeds of an attempt that PROFILE could not take; all of them must have been read."""


class Topic(Protocol):
    """The topic `definitions`. Every method may block and raise TransientError or TerminalError."""

    def read(self) -> Publication:
        """Return what it says now."""

    def begin_attempt(self, workspace: str, token: int, begun_after: Completion | None) -> BackfillAttempt:
        """Say that an attempt begins; see `attempts.begun`. Raises Superseded."""

    def complete(self, workspace: str, attempt: BackfillAttempt, completion: Completion) -> None:
        """Say that a back-fill is complete, with the attempts of those before; return once everybody can read it.

        Raises Superseded.
        """

    def progress(self, workspace: str, progress: BackfillProgress) -> None:
        """Say how far a back-fill is."""
