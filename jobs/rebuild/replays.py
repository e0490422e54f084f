"""Makes the replays of one profile: an attempt of its own, in chunks. Pure."""

import uuid
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jobs.failpoints import reached
from jobs.rebuild.chunks import MAX_EVENTS, chunks
from jobs.rebuild.claims import WantedRebuild
from runtime.kafka.deliveries import RecordPosition
from schemas.records import Replay
from warehouse.queries.past_events import PastEvent, PublishedSessions


class SentReplay(NamedTuple):
    """How many events went out, where their chunks lie, and since when (ms) there are events if older ones are gone."""

    events: int
    positions: tuple[RecordPosition, ...]
    events_since: int | None = None


class Attempt:
    """One attempt to replay a profile's events; `events` counts those that were taken.

    A profile ignores an attempt that sorts before the one it has. `fencing_token`: a rebuilder that took over has a
    higher one than the rebuilder before, which may be away and not know it. `number`: of this rebuilder's attempts.
    `definitions`: the version that is complete in the workspace: events contribute to all that was born until then.
    """

    def __init__(
        self,
        wanted: WantedRebuild,
        fencing_token: int,
        number: int,
        chunk_events: int = MAX_EVENTS,
        definitions: int = 0,
    ) -> None:
        self._wanted = wanted
        self._definitions = definitions
        self._id = f"{fencing_token:019}-{number:08}-{uuid.uuid4().hex}"
        self._chunk_events = chunk_events
        self.events = 0

    def replays(self, events: Iterable[PastEvent], published: PublishedSessions) -> Iterator[Replay]:
        """Yield at least one chunk of the events' accepted bytes. What `events` raises passes."""
        for chunk in chunks(events, published.sessions, self._chunk_events):
            if chunk.number:
                reached("between_chunks")
            self.events += len(chunk.events)
            yield Replay(
                decision=self._wanted.decision,
                attempt=self._id,
                chunk=chunk.number,
                last=chunk.last,
                events=chunk.events,
                repeated=chunk.repeated,
                version=published.version if chunk.number == 0 else 0,
                sessions=chunk.sessions,
                definitions=self._definitions,
            )
