"""How far worker, sink, rebuilder and deliverer have come: what is committed, what there is, and the difference.

Outputs become visible before the inputs they follow from are committed. So if every commit, read first, has reached
every end, read afterwards, nothing was under way in between. But a profile may hold back late events that the worker
has read: of that only the worker itself tells.
"""

from collections.abc import Iterable, Mapping

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from definitions.sets.topic import read_publication
from runtime.http.plain import plain_client
from runtime.kafka.offsets import Extent, Offsets, Partition
from schemas.groups import DELIVERER, GROUPS, ConsumerGroup
from schemas.topics import DEFINITIONS, activation
from settings import Settings

WORKER_TIMEOUT_S = 5.0
HELD = "onefold_profile_events_held"
MISTYPED = "onefold_definitions_mistyped_total"
RULES = "onefold_identity_rules"


class Lag(msgspec.Struct, frozen=True):
    """A partition that a group has not read to its end; `committed` is None before the first commit."""

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int

    @property
    def records(self) -> int:
        """Count the offsets that are missing; some of them may be transaction markers."""
        return self.end - (self.committed or 0)


class UnderWay(msgspec.Struct, frozen=True):
    """What is not in ClickHouse yet: records to read, and late events that are held back (None: the worker is silent).

    `is_moving`: something came or went while it was looked at.
    """

    lags: tuple[Lag, ...] = ()
    held: int | None = 0
    is_moving: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is under way."""
        return not self.lags and self.held == 0 and not self.is_moving


def held_events(settings: Settings) -> int | None:
    """Count the late events that the worker of this machine holds back; None while it does not say.

    On the event clock nothing is held back. Where processes are reached from elsewhere, the worker may run on another
    machine: one that is not here holds none.
    """
    workspaces = settings.workspaces.values()
    if workspaces and all(workspace.clock == "event" for workspace in workspaces):
        return 0
    samples = worker_samples(settings, HELD)
    return None if samples is None else sum(int(sample.value) for sample in samples)


def worker_samples(settings: Settings, metric: str) -> list[Sample] | None:
    """Ask the worker of this machine for a metric; None while it does not say.

    One that runs elsewhere is not queried, and has no samples.
    """
    address = f"http://{settings.serving.http_host}:{settings.serving.worker_metrics_port}"
    try:
        with plain_client(WORKER_TIMEOUT_S) as worker:
            if not worker.get(f"{address}/health/ready").is_success:
                return None
            page = worker.get(f"{address}/metrics").raise_for_status().text
    except httpx.ConnectError:
        return None if settings.serving.is_local else []
    except httpx.HTTPError:
        return None
    families = text_string_to_metric_families(page)
    return [sample for family in families for sample in family.samples if sample.name == metric]


def lagging(
    committed: Mapping[str, Mapping[Partition, int]],
    extents: Mapping[Partition, Extent],
    groups: Iterable[ConsumerGroup] = GROUPS,
) -> tuple[Lag, ...]:
    """Return what each group has still to read. An empty partition needs no commit."""
    reads = {group.name: group.reads for group in groups}
    lags = []
    for group, offsets in committed.items():
        for (topic, partition), extent in sorted(extents.items()):
            offset = offsets.get((topic, partition))
            is_read = extent.is_empty or (offset is not None and offset >= extent.end)
            if topic in reads[group] and not is_read:
                lags.append(Lag(group, topic, partition, offset, extent.end))
    return tuple(lags)


class PipelineProgress:
    """Queries one Kafka. Raises TransientError when it does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._offsets = Offsets(settings.kafka)
        self._groups: tuple[ConsumerGroup, ...] = ()
        self._partitions: tuple[Partition, ...] = ()

    def lagging(self) -> tuple[Lag, ...]:
        """Return what is to be read now; late events that are held back have been read."""
        return self._read()[0]

    def under_way(self) -> UnderWay:
        """Return what is under way now; nothing only if everything accepted before the call is in ClickHouse.

        A held event that is folded between two looks shows in the ends of the topics that it went to.
        """
        lags, extents = self._read()
        if lags:
            return UnderWay(lags)
        held = held_events(self._settings)
        if held == 0:
            lags, later = self._read()
            return UnderWay(lags, is_moving=later != extents)
        return UnderWay(held=held)

    def _read(self) -> tuple[tuple[Lag, ...], Mapping[Partition, Extent]]:
        if not self._partitions:
            self._groups = (*GROUPS, ConsumerGroup(DELIVERER.name, self._admitted(), may_be_absent=True))
            self._partitions = self._offsets.partitions(topic for group in self._groups for topic in group.reads)
        committed: dict[str, Mapping[Partition, int]] = {}
        for group in self._groups:
            read = [partition for partition in self._partitions if partition[0] in group.reads]
            offsets = self._offsets.committed(group.name, read)
            if offsets or not group.may_be_absent:
                committed[group.name] = offsets
        extents = self._offsets.extents(self._partitions)
        return lagging(committed, extents, self._groups), extents

    def _admitted(self) -> tuple[str, ...]:
        """Return the topics that a deliverer admits: of destinations with a receiver, once it has begun with them.

        What becomes of a delivery then is up to its receiver: nobody waits for that.
        """
        if not self._offsets.has_topic(DEFINITIONS):
            return ()
        newest = read_publication(self._settings.kafka).newest
        defined = () if newest is None else newest.destinations
        topics = [activation(each.name) for each in defined if each.receiver is not None]
        there = [topic for topic in topics if self._offsets.has_topic(topic)]
        return tuple(
            topic for topic in there if self._offsets.committed(DELIVERER.name, self._offsets.partitions([topic]))
        )
