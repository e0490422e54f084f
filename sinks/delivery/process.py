"""The deliverer: follows definitions and pauses, and reads for the destinations that are open."""

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from confluent_kafka import Message

from definitions.sets import Publication
from definitions.sets.receivers import receiving_since
from definitions.sets.topic import ensure_topic
from runtime.kafka.following import FollowedValue
from runtime.kafka.topics import create_topics
from schemas import topics
from schemas.codec import Codec
from schemas.delivery_control import Pauses
from schemas.groups import DELIVERER
from schemas.registry import Registry
from schemas.topics import DEFINITIONS, DELIVERIES_CONTROL
from settings import Settings
from sinks.delivery.failpoints import reached
from sinks.delivery.lines import due_at_of
from sinks.delivery.publishing import HeldUpPublisher
from sinks.delivery.reader import TaskReader
from sinks.delivery.records import TaskRecords
from sinks.delivery.served import Destinations
from sinks.delivery.task import DeliveryTask
from sinks.destinations.opening import open_destination
from state.commit import Committer
from state.restoring import Changelog, Restored, restore

log = logging.getLogger(__name__)

TEND_EVERY_S = 1.0
OBSERVE_EVERY_S = 5.0
THREADS = 16
CLOCKS_MS = 10_000
"""So much the clocks of those who apply definitions and of those who go by them may differ."""


class Deliverer:
    """Runs in one event loop until it is stopped, or something fails for good."""

    def __init__(self, settings: Settings) -> None:
        """Create what topics are missing, and follow those that are read whole. Raises OnefoldError."""
        self._settings = settings
        kafka = settings.kafka
        create_topics(kafka, topics.configurations(), settings.partitions, settings.replication)
        self._codec = Codec(Registry(settings.registry))
        for topic in (DEFINITIONS, DELIVERIES_CONTROL):
            ensure_topic(kafka, settings.replication, topic=topic)
        self._published = FollowedValue(kafka, DEFINITIONS, Publication(), _with_definitions)
        self._pauses = FollowedValue(kafka, DELIVERIES_CONTROL, Pauses(), _with_pauses)
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="commit")
        self._reader: TaskReader | None = None
        self._failure: BaseException | None = None
        self._stopping = False
        self._seen: tuple[object, ...] = ()
        self._since: Mapping[str, int] = {}  # by topic of a destination that was its topic alone, when it was that last
        self._publisher = HeldUpPublisher(kafka, self._pauses.read())
        self._event_clocks = [name for name, each in settings.workspaces.items() if each.clock == "event"]
        self._tended_at = self._observed_at = 0.0

    @property
    def is_assigned(self) -> bool:
        """Whether the partitions are assigned and recovered."""
        return self._reader is not None and self._reader.is_assigned

    def stop(self) -> None:
        """Stop soon; from any thread."""
        self._stopping = True

    async def run(self) -> None:
        """Deliver until stopped. Raises what no other attempt of this process can mend."""
        opened = partial(open_destination, namespace_of=self._namespace_of)
        destinations = Destinations(opened, self._freed)
        self._reader = reader = TaskReader(
            self._settings, lambda partition: self._open_task(partition, destinations), destinations.share
        )
        try:
            while not self._stopping and self._failure is None:
                await self._look(destinations)
                await reader.read([topics.CONSENTS, *map(topics.activation, destinations.names())], self._since)
        except Exception as error:  # noqa: BLE001 - raised below, unless it follows from what had failed before
            self._fail(error)
        finally:
            await self._close(reader, destinations)
        if self._failure is not None:
            raise self._failure

    async def _close(self, reader: TaskReader, destinations: Destinations) -> None:
        await reader.close()
        await destinations.close()
        self._published.close()
        self._pauses.close()
        self._executor.shutdown()

    async def _look(self, destinations: Destinations) -> None:
        """Serve what is defined now, as it is; tend what is served now and then."""
        published, pauses = self._published.read(), self._pauses.read()
        newest = published.newest
        now_s = time.monotonic()
        if self._seen != (newest, pauses.of, pauses.resumed):
            defined = () if newest is None else newest.destinations
            await asyncio.to_thread(
                self._make_topics, [name for each in defined if each.receiver is not None for name in each.names]
            )
            destinations.define(defined, {} if newest is None else newest.consent.defaults)
            destinations.pause(pauses.of)
            destinations.resume(pauses.resumed)
            sets = [published.sets[version] for version in sorted(published.sets)]
            self._since = {topics.activation(name): at - CLOCKS_MS for name, at in receiving_since(sets).items()}
            self._seen = (newest, pauses.of, pauses.resumed)
        if now_s - self._tended_at > TEND_EVERY_S:
            self._tended_at = now_s
            await destinations.tend()
            over = [name for name, each in pauses.suspended.items() if destinations.is_over(each)]
            held = Pauses(unopened=destinations.unopened(), suspended=destinations.suspended())
            await asyncio.to_thread(self._publisher.publish, pauses, held, over)
        if now_s - self._observed_at > OBSERVE_EVERY_S and self._reader is not None:
            self._observed_at = now_s
            for task in self._reader.tasks.values():
                task.observe()

    def _make_topics(self, names: list[str]) -> None:
        settings = self._settings
        create_topics(settings.kafka, topics.activations(names), settings.partitions, settings.replication)

    def _namespace_of(self, workspace: str) -> uuid.UUID | None:
        member = self._settings.workspaces.get(workspace)
        return None if member is None else member.namespace

    def _freed(self, destination: str) -> None:
        if self._reader is not None:
            for task in self._reader.tasks.values():
                task.freed(destination)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error

    async def _open_task(self, partition: int, destinations: Destinations) -> DeliveryTask:
        """Take a partition over: fence whoever had it, recover its lines, go on; not once this process is to end."""
        if self._failure is not None:
            raise self._failure
        changelog = topics.changelog(topics.DELIVERY_LINES)
        committer = Committer(self._settings.kafka, f"{DELIVERER.name}-{partition}", changelog, partition, reached)
        restored = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._take_over, committer, changelog, partition
        )
        assert self._reader is not None, "it opens tasks"
        return DeliveryTask(
            partition,
            restored,
            committer,
            destinations,
            TaskRecords(self._codec, self._event_clocks),
            self._executor,
            self._reader.is_member,
            self._fail,
        )

    def _take_over(self, committer: Committer, changelog: str, partition: int) -> Restored:
        committer.fence()
        reached("after_fence")
        path = self._settings.data_dir / f"deliverer-{self._settings.worker}" / str(partition)
        place = Changelog(self._settings.kafka, changelog, partition)
        restored = restore(place, path, due_at_of, lambda: self._stopping, reached)
        reached("after_recovery")
        records, seconds = restored.recovered
        log.info("partition %d: %d changelog records in %.1f s", partition, records, seconds)
        return restored


def _with_definitions(publication: Publication, messages: list[Message]) -> Publication:
    for message in messages:
        publication = publication.with_record(message.key(), message.value())
    return publication


def _with_pauses(pauses: Pauses, messages: list[Message]) -> Pauses:
    for message in messages:
        pauses = pauses.with_record(message.key(), message.value())
    return pauses
