"""The worker process: `python -m streams`. Exits 1 with one line when it cannot start, or must stop."""

import logging
import sys

import faust

import definitions
from runtime import logs
from runtime.errors import TerminalError
from runtime.http.endpoint import Endpoint
from runtime.kafka.topics import create_topics
from runtime.literal import literal
from runtime.memory import tune_memory
from runtime.repeats import SeldomRepeated
from schemas import topics
from settings import Settings, SettingsError, load
from streams import metrics
from streams.app import App, build

log = logging.getLogger("onefold.worker")
OBSERVE_EVERY_S = 1.0


def main() -> int:
    """Run one worker until a signal stops it. Returns the exit code."""
    logs.configure(logging.WARNING).addFilter(SeldomRepeated())
    logging.getLogger("onefold").setLevel(logging.INFO)
    logging.getLogger("streams").setLevel(logging.INFO)
    try:
        settings = load()
        app = build(settings)
        create_topics(settings.kafka, topics.configurations(), settings.partitions, settings.replication)
        endpoint = Endpoint(
            settings.serving.http_host,
            settings.serving.worker_metrics_port,
            lambda: _not_ready(app),
            settings.serving.trusted_hosts,
        )
    except (SettingsError, definitions.DefinitionErrors, TerminalError) as error:
        # In one piece, which `print` does not do: threads that have started may log.
        sys.stderr.write(f"onefold worker: {error}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - the process boundary: a registry or broker that does not answer, a busy port
        sys.stderr.write(f"onefold worker: cannot start: {type(error).__name__}: {literal(error)}\n")
        return 1
    try:
        return run(app, settings)
    finally:
        endpoint.close()


def run(app: App, settings: Settings) -> int:
    """Run Faust's worker with this app until a signal stops it. Returns the exit code."""
    _observe(app)
    tune_memory()
    worker = faust.Worker(
        app,
        loglevel="WARNING",
        logging_config=None,
        override_logging=False,
        redirect_stdouts=False,
        quiet=True,
        console_port=0,
        workdir=str(settings.data_dir),
    )
    try:
        worker.execute_from_commandline()
    except SystemExit as stopped:
        if stopped.code not in (0, None):
            return int(stopped.code)
    if app.failure is not None:
        sys.stderr.write(f"onefold worker: stopped: {literal(app.failure)}\n")
        return 1
    return 0


def _not_ready(app: App) -> str | None:
    if app.failure is not None:
        return "stopping after a failure"
    if not app.is_reading:
        return "waiting for its partitions"
    is_beginning = app.adoption is not None and app.adoption().is_beginning
    return "waiting for every partition to take over the definitions" if is_beginning else None


def _observe(app: App) -> None:
    async def observe() -> None:
        app.stage_tasks.observe()
        if app.is_reading:
            for topic, records in app.consumer.lag().items():
                metrics.LAG.labels(topic).set(records)

    app.timer(interval=OBSERVE_EVERY_S)(observe)


if __name__ == "__main__":
    sys.exit(main())
