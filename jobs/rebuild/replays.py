"""Sends a profile's events as `replay` commands, in order and acknowledged. Leaves which events to `rebuild`."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from jobs.rebuild.chunks import chunks
from jobs.rebuild.claims import Job
from jobs.rebuild.failpoints import reached
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from schemas import groups, topics
from schemas.identity import profile_key
from schemas.records import ProfileCommand, Replay
from warehouse.queries.replays import Published


class SentReplay(NamedTuple):
    """How many events went out, and where on `profile.commands` their chunks lie."""

    events: int
    partition: int
    offsets: tuple[int, ...]

    @property
    def end(self) -> int:
        """What the worker has to read up to."""
        return max(self.offsets, default=-1) + 1


class Replays:
    """A producer of replays, for one thread."""

    def __init__(self, kafka: str, encode: Callable[[ProfileCommand], bytes]) -> None:
        self._encode = encode
        self._attempts = 0
        self._producer = AcknowledgedProducer(kafka, groups.REBUILDER.name)

    def send(self, job: Job, events: Iterable[bytes], published: Published, fencing_token: int) -> SentReplay:
        """Send an attempt of its own, at least one chunk, and return once Kafka has acknowledged all of it.

        `fencing_token`: this rebuilder's, see `Changes`. A profile ignores an attempt that sorts before the one it has:
        that of a rebuilder that was away and does not know that another one goes on.

        Raises TransientError, after which a new attempt may be sent: the profile ignores what came of this one. Raises
        TerminalError when only a new process can go on. What `events` raises passes.
        """
        self._attempts += 1
        attempt = f"{fencing_token:019}-{self._attempts:08}-{uuid.uuid4().hex}"
        key = profile_key(job.workspace, job.claimant.profile_id)
        count = 0

        def records() -> Iterator[ProducerRecord]:
            nonlocal count
            for chunk in chunks(events, published.sessions):
                if chunk.number:
                    reached("between_chunks")
                count += len(chunk.events)
                replay = Replay(
                    decision=job.decision,
                    attempt=attempt,
                    chunk=chunk.number,
                    last=chunk.last,
                    events=chunk.events,
                    version=published.version if chunk.number == 0 else 0,
                    sessions=chunk.sessions,
                )
                command = ProfileCommand.of(job.workspace, job.claimant.profile_id, replay)
                yield ProducerRecord(topics.PROFILE_COMMANDS, key, self._encode(command))

        positions = self._producer.send(records())
        return SentReplay(count, positions[0].partition, tuple(position.offset for position in positions))
