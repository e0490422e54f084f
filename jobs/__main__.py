"""`python -m jobs`: the rebuilder as a process: rebuilds, back-fills, refreshes, and triggers across persons.

They are wired here: none of them knows another one.
"""

import sys
import threading
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from jobs.across.evaluating import AcrossEvaluator
from jobs.across.kafka import KafkaFence
from jobs.across.level import Level
from jobs.across.outputs import AcrossOutputs
from jobs.across.past import WarehouseAcross
from jobs.across.thread import EvaluatorThread
from jobs.backfill.backfill import Backfill
from jobs.backfill.kafka import KafkaBackfills, KafkaSeeds
from jobs.backfill.past import WarehousePast
from jobs.barrier import Barrier
from jobs.commands import ProfileCommands
from jobs.definitions_topic import DefinitionsTopic
from jobs.failpoints import reached
from jobs.metrics import RETRIES
from jobs.mining.kafka import KafkaRefreshes
from jobs.mining.queries import WarehouseQueries
from jobs.mining.refreshing import Refresher
from jobs.own import OwnWorkspaces
from jobs.process import run_job
from jobs.rebuild.changes import Changes
from jobs.rebuild.commands import KafkaReplays
from jobs.rebuild.rebuild import Rebuilder
from runtime.http.endpoint import Endpoint
from runtime.kafka.errors import errors_sorted
from runtime.kafka.offsets import Offsets
from runtime.kafka.partitions import partition_of
from runtime.kafka.topics import create_topics
from runtime.retrying import persist
from schemas import topics
from schemas.codec import Codec
from schemas.records import FiredTrigger, IdentityChange, ProfileCommand
from schemas.registry import Registry
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.past_events import ANSWER_TIMEOUT_S, PastEvents
from warehouse.watch import Watch


def run(settings: Settings, stopping: threading.Event) -> None:
    """Rebuild what is requested until `stopping` is set. Raises Stopped when that comes in the midst of it."""
    changes: Changes | None = None
    serving = settings.serving
    with Watch(settings.clickhouse) as watch:

        def not_ready() -> str | None:
            is_assigned = changes is not None and changes.is_assigned
            return watch.reason() or (None if is_assigned else "waiting for its partitions")

        with Endpoint(serving.http_host, serving.rebuilder_metrics_port, not_ready, serving.trusted_hosts):
            codec = persist("start", lambda: _prepare(settings), stopping, RETRIES)
            changes = Changes(settings, codec)
            try:
                with errors_sorted(settings.kafka):
                    _work(changes, _jobs(settings, codec, stopping), stopping)
            finally:
                changes.close()


class _Jobs(NamedTuple):
    """What is done of one workspace's past; `partition_of`: of `identity.changes`, by workspace."""

    rebuilder: Rebuilder
    own: OwnWorkspaces
    across: EvaluatorThread
    partition_of: Mapping[str, int]


def _jobs(settings: Settings, codec: Codec, stopping: threading.Event) -> _Jobs:
    offsets = Offsets(settings.kafka)
    barrier = Barrier(offsets, stopping)
    warehouse = Warehouse(settings.clickhouse, ANSWER_TIMEOUT_S)
    topic = DefinitionsTopic(settings.kafka, settings.replication)
    commands = ProfileCommands(settings.kafka, codec, offsets)
    rebuilder = Rebuilder(
        PastEvents(warehouse),
        KafkaReplays(commands),
        barrier,
        {name: workspace.namespace for name, workspace in settings.workspaces.items()},
        stopping,
        complete_to=lambda workspace: topic.read().complete_to(workspace, settings.partitions),
    )
    partition = {name: partition_of(name.encode(), settings.partitions) for name in settings.workspaces}
    by_event_clock = {name for name, workspace in settings.workspaces.items() if workspace.clock == "event"}
    past = WarehousePast(warehouse, partition, by_event_clock)
    seeds = KafkaSeeds(commands, codec)
    backfill = Backfill(past, seeds, KafkaBackfills(topic), barrier, settings.partitions, stopping)
    refresher = Refresher(
        WarehouseQueries(settings.clickhouse),
        commands,
        KafkaRefreshes(topic),
        barrier,
        settings.partitions,
        stopping,
    )
    own = OwnWorkspaces(backfill, refresher, partition)
    return _Jobs(rebuilder, own, EvaluatorThread(partial(_evaluator, settings, codec, topic), stopping), partition)


def _evaluator(settings: Settings, codec: Codec, topic: DefinitionsTopic) -> AcrossEvaluator:
    return AcrossEvaluator(
        WarehouseAcross(Warehouse(settings.clickhouse, ANSWER_TIMEOUT_S)),
        KafkaFence(settings.kafka, settings.replication),
        Level(Offsets(settings.kafka)),
        AcrossOutputs(codec),
        topic.read,
        settings.workspaces,
        settings.partitions,
    )


def _work(changes: Changes, jobs: _Jobs, stopping: threading.Event) -> None:
    while not stopping.is_set():
        taken = persist("take", changes.take, stopping, RETRIES)
        own = changes.partitions
        workspaces = frozenset(name for name, partition in jobs.partition_of.items() if partition in own)
        jobs.across.assign(workspaces, changes.fencing_token)
        if taken:
            outcome = jobs.rebuilder.rebuild([each.change for each in taken], changes.fencing_token)
            reached("before_rebuilt")
            persist("rebuilt", partial(changes.publish, outcome.rebuilt), stopping, RETRIES)
            changes.postpone(each for each in taken if each.change in outcome.postponed)
            reached("before_offsets")
        changes.commit()
        if changes.is_assigned:
            positions = partial(persist, "positions", changes.positions, stopping, RETRIES)
            jobs.own.run(positions, changes.fencing_token, changes.rebuilding)
    jobs.across.join()


def _prepare(settings: Settings) -> Codec:
    create_topics(settings.kafka, topics.configurations(), settings.partitions, settings.replication)
    codec = Codec(Registry(settings.registry))
    codec.encoder(ProfileCommand)  # ids that are looked up now need not be looked up later
    codec.encoder(IdentityChange)
    codec.encoder(FiredTrigger)
    return codec


if __name__ == "__main__":
    sys.exit(run_job("rebuilder", run))
