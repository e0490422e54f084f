"""`python -m sinks`: the ClickHouse sink as a process."""

import gc
import logging
import sys
import threading

from runtime.http.endpoint import Endpoint
from runtime.kafka.errors import errors_sorted
from runtime.kafka.topics import create_topics
from runtime.retrying import persist
from schemas import topics
from schemas.codec import Codec
from schemas.registry import Registry
from settings import Settings
from sinks import metrics
from sinks.clickhouse.loop import SinkLoop
from sinks.clickhouse.writer import Writer
from sinks.dead_letters import DeadLetterProducer
from sinks.process import run_process
from warehouse.client import Warehouse
from warehouse.completeness import check_complete
from warehouse.migrate import migrate
from warehouse.watch import Watch

logger = logging.getLogger("sinks")


def run(settings: Settings, stopping: threading.Event) -> None:
    """Migrate, wait until every table is there, then write what arrives until `stopping` is set."""
    loop: SinkLoop | None = None
    with (
        Warehouse(settings.clickhouse, settings.clickhouse_timeout_s) as warehouse,
        Watch(settings.clickhouse) as watch,
    ):

        def not_ready() -> str | None:
            return watch.reason() or (None if loop is not None and loop.is_assigned else "waiting for its partitions")

        serving = settings.serving
        with Endpoint(serving.http_host, serving.sink_metrics_port, not_ready, serving.trusted_hosts):
            for name in persist("migrate", lambda: migrate(warehouse), stopping, metrics.RETRIES):
                logger.info("applied migration %s", name)
            persist("tables", lambda: check_complete(warehouse), stopping, metrics.RETRIES)
            codec, letters = persist("start", lambda: _prepare(settings), stopping, metrics.RETRIES)
            loop = SinkLoop(settings, Writer(codec, warehouse, letters, stopping), stopping)
            _rarely_collect_cycles()
            with errors_sorted(settings.kafka):
                loop.run()


def _rarely_collect_cycles() -> None:
    """A batch holds some 100,000 objects and no cycle: looking through them again and again took 14 % of the time."""
    gc.freeze()
    gc.set_threshold(1_000_000)


def _prepare(settings: Settings) -> tuple[Codec, DeadLetterProducer]:
    create_topics(settings.kafka, topics.configurations(), settings.partitions, settings.replication)
    codec = Codec(Registry(settings.registry))
    return codec, DeadLetterProducer(settings.kafka, codec)


if __name__ == "__main__":
    sys.exit(run_process(run, logger))
