"""The wiring: settings, definitions and schemas come in, a Faust app with three agents comes out.

Leaves what the agents do to `streams.processing`, and how they read to `streams.transport`. `host` is the same for any
stages, for benchmarks and tests of the machinery.
"""

import faulthandler
import logging
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import faust
from faust.types import AppT

import definitions
from runtime.kafka.partitions import partition_of
from schemas.codec import Codec
from schemas.groups import WORKER
from schemas.registry import Registry
from schemas.topics import EVENTS_RESOLVED
from settings import Settings
from streams import metrics
from streams.adoption import Adoption
from streams.agents.graph import GraphStage
from streams.agents.profile.stage import ProfileStage
from streams.agents.resolve import ResolveStage
from streams.arrivals import ArrivalsWatch
from streams.phases import AnyStage, FetchedBatch
from streams.tasks.assignment import StageTasks
from streams.transport import TableManager, Transport

log = logging.getLogger(__name__)

ACKNOWLEDGE_EVERY_S = 0.25
COMMIT_THREADS = 16
END_WITHIN_S = 10.0
HEARTBEAT_SHARE = 0.3  # of the session timeout: two may be lost before it ends


class App(faust.App):  # type: ignore[misc]
    """Faust's app with our transport and our tasks; stops, non-zero, when a task fails."""

    stage_tasks: StageTasks
    adoption: Adoption | None = None
    arrivals: ArrivalsWatch | None = None
    failure: BaseException | None = None

    @property
    def is_reading(self) -> bool:
        """Whether the partitions are assigned, recovered and being read."""
        return bool(self.tables.actives_ready) and not self.rebalancing

    def fail(self, error: BaseException) -> None:
        """Stop the worker, whose task cannot go on, and keep its offsets; whoever runs it starts it again."""
        if self.failure is None:
            self.failure = error
            log.error("stopping: %s: %s", type(error).__name__, error)
            # An orderly end may wait for what has failed. Leaving abruptly costs nothing: it is read again.
            end = threading.Timer(END_WITHIN_S, _end_by_force)
            end.daemon = True
            end.start()
            self.loop.create_task(self.crash(error))

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    async def on_start(self) -> None:
        """Start the app, and the watch over what arrives."""
        await super().on_start()
        if self.arrivals is not None:
            self.arrivals.start()

    async def on_stop(self) -> None:
        """Stop the app, its tasks, the watch over what arrives, and the following of definitions, in this order."""
        await super().on_stop()
        await self.stage_tasks.close()
        if self.arrivals is not None:
            self.arrivals.stop()
        if self.adoption is not None:
            self.adoption.stop()


def _end_by_force() -> None:
    """Log what every thread waits for, and end: an orderly end should not take so long."""
    log.error("the end took more than %.0f s: leaving by force", END_WITHIN_S)
    faulthandler.dump_traceback()
    os._exit(1)


def build(settings: Settings) -> App:
    """Build the app of one worker. Raises DefinitionErrors, SettingsError, TransientError or TerminalError."""
    rules = definitions.load(settings.definitions).identity
    metrics.RULES.labels(rules.version).set(1)
    adoption = Adoption(settings, lambda error: app.loop.call_soon_threadsafe(app.fail, error))
    adoption.start()
    codec = Codec(Registry(settings.registry))
    in_partition = partial(partition_of, partitions=settings.partitions)
    arrivals = ArrivalsWatch(
        settings.kafka, settings.partitions, lambda partition: app.consumer.acknowledged(EVENTS_RESOLVED, partition)
    )
    stages: list[AnyStage] = [
        ResolveStage(settings.workspaces, rules, codec, in_partition, lambda: adoption().version),
        GraphStage(settings.workspaces, rules, codec),
        ProfileStage(settings.workspaces, adoption, rules, codec, settings.settling_ms, arrivals.read_to),
    ]
    app = host(settings, stages)
    app.adoption, app.arrivals = adoption, arrivals
    return app


def host(settings: Settings, stages: Sequence[AnyStage]) -> App:
    """Build an app that carries these stages, each with its table. The caller creates their topics."""
    folder = settings.data_dir / f"worker-{settings.worker}"
    app = _app(settings, folder)
    executor = ThreadPoolExecutor(COMMIT_THREADS, thread_name_prefix="commit")
    app.stage_tasks = StageTasks(stages, settings.kafka, folder, executor, app.fail)
    for stage in stages:
        app.Table(stage.table, partitions=settings.partitions)
        _agent(app, stage)
    return app


def _app(settings: Settings, folder: Path) -> App:
    (folder / "faust").mkdir(parents=True, exist_ok=True)
    return App(
        WORKER.name,
        broker=f"kafka://{settings.kafka}",
        store="memory://",  # the tasks hold the state; Faust's tables stand for their changelog topics
        datadir=str(folder / "faust"),
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=settings.standbys,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=ACKNOWLEDGE_EVERY_S,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.session_timeout_ms / 1000 * HEARTBEAT_SHARE,
        stream_wait_empty=True,
        web_enabled=False,
        consumer_group_instance_id=WORKER.member(f"worker-{settings.worker}"),
        TableManager=TableManager,
    )


def _agent(app: AppT[Any], stage: AnyStage) -> None:
    """Add an agent that passes each batch to the task of its partition; the task acknowledges it."""

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            batch: FetchedBatch = event.value
            app.stage_tasks.submit(stage.name, event.message.partition, batch)

    channel = app.topic(*stage.topics, key_serializer="raw", value_serializer="raw")
    app.agent(channel, name=stage.name)(agent)
