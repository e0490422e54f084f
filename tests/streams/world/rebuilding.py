"""The shipped rebuilder over the logs of a world, a step at a time; now and then it dies on the way.

What it reads of ClickHouse is what the sink would have made of the logs, what it waits for in Kafka where the stages
are.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from random import Random
from typing import Protocol, Self
from zlib import crc32

from jobs.barrier import Barrier
from jobs.rebuild.changes import fencing_command
from jobs.rebuild.rebuild import Rebuilder
from runtime.errors import TerminalError, TransientError
from runtime.kafka.deliveries import RecordPosition
from runtime.kafka.offsets import Extent, Partition
from schemas import groups, topics
from schemas.changes import requires_rebuild
from schemas.records import Event, Identifier, IdentityChange, Profile, ProfileCommand, Replay, Session
from settings import Workspace
from tests.streams.world.stepping import SteppedWork
from warehouse.queries.past_events import PastEvent, PublishedSessions

_READER = {topics.IDENTITY_ROUTES: "resolve", topics.EVENTS_RESOLVED: "profile", topics.PROFILE_COMMANDS: "profile"}


EventKey = tuple[str, str, Identifier, str | None, int, int]
"""What the warehouse has one row for: source, message id, primary identifier, name, time and ordinal."""


def event_key(event: Event) -> EventKey:
    """The key of an event."""
    return event.source, event.message_id, event.identifiers[0], event.event, event.occurred_at, event.ordinal


class Logs(Protocol):
    """What a rebuilder sees of a world."""

    random: Random
    partitions: int

    def end(self, topic: str, partition: int) -> int:
        """The offset behind the last record."""

    def position(self, stage: str, topic: str, partition: int) -> int:
        """How far a stage has come."""

    def resolved(self) -> Sequence[tuple[int, int, Event, bytes]]:
        """Partition, offset, event and bytes of everything on `events.resolved`."""

    def repeated(self) -> Mapping[EventKey, bool]:
        """The last that was published of each event on `events.repeated`."""

    def published_profiles(self) -> Iterable[Profile]:
        """All records of profiles."""

    def published_sessions(self) -> Iterable[Session]:
        """All records of sessions."""

    def sessions(self) -> Mapping[str, Session]:
        """The sessions that count."""

    @property
    def written(self) -> Self:
        """The same as far as the sink has come."""

    def written_until(self, topic: str, partition: int) -> int:
        """How far the sink has come."""

    def write(self) -> bool:
        """Let the sink write something."""

    def changes(self) -> list[IdentityChange]:
        """Everything on `identity.changes`."""

    def command(self, command: ProfileCommand) -> RecordPosition:
        """Append a command to a profile."""

    def is_dead(self, command: RecordPosition) -> bool:
        """Whether the command has become a dead letter."""

    def publish(self, change: IdentityChange) -> None:
        """Append a change."""


class WorldRebuilder:
    """Takes changes up in order, and every one again that it did not get done with.

    `postponed`: those of which the past was refused. They are tried again with the next; who dies forgets them, and all
    from the first of them on is taken up anew.
    """

    def __init__(self, logs: Logs, workspaces: Mapping[str, Workspace]) -> None:
        self._logs = logs
        self._namespaces = {name: workspace.namespace for name, workspace in workspaces.items()}
        self._changes_done = 0
        self.postponed: tuple[IdentityChange, ...] = ()
        self._work: SteppedWork | None = None
        self._steps_to_live = 0
        self._observed: list[object] = []
        self.rebuilds = 0

    def copy(self, logs: Logs) -> Self:
        """Another one that has done the same changes and is not at work."""
        other = copy(self)
        other._logs, other._work = logs, None
        return other

    def state(self) -> object:
        """What decides how it goes on: the changes that are done with, and what the work has seen and sent so far."""
        return self._changes_done, self.postponed, None if self._work is None else tuple(self._observed)

    def has_work(self) -> bool:
        """Whether it is at work, or a change requires it."""
        if self._work is not None or self.postponed:
            return True
        return any(map(requires_rebuild, self._logs.changes()[self._changes_done :]))

    def step(self) -> None:
        """Do something of the work, or die."""
        if self._work is None:
            self._work = SteppedWork(self._rebuild)
            self._steps_to_live = self._logs.random.choice((1_000_000, 1_000_000, 3, 8, 20))
        if self._steps_to_live == 0:
            self._work.kill()
            self._forget_postponed()
        else:
            self._work.step()
        self._steps_to_live -= 1
        if self._work.has_ended:
            self._work = None

    def _forget_postponed(self) -> None:
        if self.postponed:
            self._changes_done = min(map(self._logs.changes().index, self.postponed))
            self.postponed = ()

    def close(self) -> None:
        """Die, if at work."""
        if self._work is not None and not self._work.has_ended:
            self._work.kill()

    def complete_to(self, workspace: str) -> int:  # noqa: ARG002 - for worlds whose definitions change
        """The version of the definitions that is complete."""
        return 0

    def after_rebuilding(self, token: int, barrier: Barrier) -> None:
        """What follows a rebuild in the same turn."""

    def _rebuild(self) -> None:
        assert self._work is not None
        pause = self._work.pause
        changes, read_until = self._logs.changes()[self._changes_done :], len(self._logs.changes())
        stopping = threading.Event()
        self._observed = observed = list[object]()
        token = self._logs.command(fencing_command(next(iter(self._namespaces)))).offset
        barrier = Barrier(_Progress(self._logs, pause, observed), stopping, poll_s=0)
        rebuilder = Rebuilder(
            _Past(self._logs, self._namespaces, observed),
            _Commands(self._logs, pause, observed),
            barrier,
            self._namespaces,
            stopping,
            chunk_events=self._logs.random.choice((1, 3, 100)),
            complete_to=self.complete_to,
        )
        wanted = [*self.postponed, *filter(requires_rebuild, changes)]
        if wanted:
            outcome = rebuilder.rebuild(wanted, token)
            for rebuilt in outcome.rebuilt:
                self._logs.publish(rebuilt)
            self.postponed = outcome.postponed
        self._changes_done = read_until
        self.rebuilds += bool(wanted)
        self.after_rebuilding(token, barrier)


class _Past:
    """What the sink would have written; pages of any size, which now and then break off or are refused."""

    def __init__(self, logs: Logs, workspaces: Collection[str], observed: list[object]) -> None:
        self._logs = logs
        self._workspaces = workspaces
        self._observed = observed

    def page(
        self, workspace: str, values: Sequence[str], cut: Sequence[int], after: PastEvent | None
    ) -> Iterator[PastEvent]:
        assert workspace in self._workspaces
        rows = sorted(
            (row for row in self._rows(cut) if {identifier.value for identifier in row.identifiers} & {*values}),
            key=_rank,
        )
        behind = [row for row in rows if after is None or _rank(row) > _rank(after)]
        size = self._logs.random.choice((1, 3, 100))
        self._observed.append(tuple(behind[:size]))
        yield from behind[:size]
        luck = self._logs.random.random() if behind else 1.0
        if luck < 0.02:
            raise TerminalError("the next page is refused")
        if luck < 0.1:
            raise TransientError("the page breaks off")

    def _rows(self, cut: Sequence[int]) -> Iterable[PastEvent]:
        """Rows that count, and those that are repetitions: two parts of one query, between which the sink may write."""
        counting = self._logs.written.repeated()
        if self._logs.random.random() < 0.3:
            self._logs.write()
        repetitions = self._logs.written.repeated()
        rows: dict[tuple[EventKey, bool], tuple[tuple[int, int], PastEvent]] = {}  # the first offset counts
        for partition, offset, event, body in self._logs.resolved():
            key = event_key(event)
            sort_key = event.received_at, event.ordinal, crc32(repr(key).encode())
            row = PastEvent(event.occurred_at, sort_key, event.identifiers, body)
            is_past = offset < cut[partition]
            assert not is_past or offset < self._logs.written_until(topics.EVENTS_RESOLVED, partition)
            if (is_past or key in counting) and not counting.get(key):
                rows[key, False] = min(rows.get((key, False), ((offset, partition), row)), ((offset, partition), row))
            if repetitions.get(key):
                row = row._replace(is_repetition=True)
                rows[key, True] = min(rows.get((key, True), ((offset, partition), row)), ((offset, partition), row))
        return (row for _, row in rows.values())

    def published(self, workspace: str, profile_ids: Sequence[str]) -> PublishedSessions:
        assert workspace in self._workspaces
        written = self._logs.written
        sessions = [session for session in written.sessions().values() if session.profile_id in profile_ids]
        versions = [profile.version for profile in written.published_profiles() if profile.profile_id == profile_ids[0]]
        versions += [session.version for session in sessions]
        # With those that were retracted, by whichever profile: the id says whose a session was.
        versions += [
            session.version for session in written.published_sessions() if session.session_id.startswith(profile_ids[0])
        ]
        published = PublishedSessions(tuple(session.session_id for session in sessions), max(versions, default=0))
        self._observed.append(published)
        return published

    def events_since(self, workspace: str) -> int | None:
        assert workspace in self._workspaces
        return None


class _Commands:
    """The log of commands."""

    def __init__(self, logs: Logs, pause: Callable[[], None], observed: list[object]) -> None:
        self._logs = logs
        self._pause = pause
        self._observed = observed

    def send(self, workspace: str, profile_id: str, replays: Iterable[Replay]) -> tuple[RecordPosition, ...]:
        positions = []
        for replay in replays:
            positions.append(self._logs.command(ProfileCommand.of(workspace, profile_id, replay)))
            self._observed.append(positions[-1])
            self._pause()
        return tuple(positions)

    def watch_refusals(self) -> None:
        pass

    def refused(self, positions: Iterable[RecordPosition]) -> frozenset[RecordPosition]:
        return frozenset(position for position in positions if self._logs.is_dead(position))


class _Progress:
    """The positions of the stages and of the sink."""

    def __init__(self, logs: Logs, pause: Callable[[], None], observed: list[object]) -> None:
        self._logs = logs
        self._pause = pause
        self._observed = observed

    def partitions(self, topics: Iterable[str]) -> tuple[Partition, ...]:
        return tuple((topic, partition) for topic in sorted(topics) for partition in range(self._logs.partitions))

    def extents(self, partitions: Iterable[Partition]) -> dict[Partition, Extent]:
        extents = {partition: Extent(0, self._logs.end(*partition)) for partition in partitions}
        self._observed.append(tuple(extents.items()))
        return extents

    def committed(self, group: str, partitions: Iterable[Partition]) -> dict[Partition, int]:
        if group == groups.SINK.name:
            written = {partition: self._logs.written_until(*partition) for partition in partitions}
            if any(until < self._logs.end(*partition) for partition, until in written.items()):
                self._pause()
            return written
        of = tuple(partitions)
        if self._observed[-1:] != [of]:  # it may ask often before anything is different
            self._observed.append(of)
        self._pause()
        return {partition: self._logs.position(_READER[partition[0]], *partition) for partition in of}


def _rank(row: PastEvent) -> tuple[int, tuple[int, int, int]]:
    return row.occurred_at, row.sort_key
