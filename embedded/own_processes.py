"""Onefold's own processes and the ClickHouse gateway, and what all of them read from the environment."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from embedded.errors import StackError
from embedded.layout import Layout, Ports
from embedded.steps import ProcessSpec, Setup, http_ready
from runtime.errors import OnefoldError
from runtime.kafka.topics import create_topics
from runtime.loopback import LOOPBACK
from settings import Settings
from warehouse.client import Warehouse
from warehouse.completeness import find_missing, listed, repair
from warehouse.migrate import migrate

CLICKHOUSE_USER = "default"
_SHOWN_TO_SQL = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "PYTHONUNBUFFERED", "LD_LIBRARY_PATH"})


def environment(
    layout: Layout, ports: Ports, definitions: Path | None, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment of Onefold's processes: this stack's addresses over what the shell gave."""
    return dict(environ) | {
        "ONEFOLD_KAFKA": f"{LOOPBACK}:{ports.kafka}",
        "ONEFOLD_REGISTRY": f"http://{LOOPBACK}:{ports.registry}/apis/ccompat/v7",
        "ONEFOLD_CLICKHOUSE": f"http://{LOOPBACK}:{ports.clickhouse}",
        "ONEFOLD_CLICKHOUSE_USER": CLICKHOUSE_USER,
        "ONEFOLD_CLICKHOUSE_PASSWORD_FILE": str(layout.clickhouse_password),
        "ONEFOLD_CLICKHOUSE_CA_FILE": "",
        "ONEFOLD_CLICKHOUSE_CLUSTER": "",
        "ONEFOLD_HTTP_HOST": LOOPBACK,
        "ONEFOLD_HTTP_PORT": str(ports.http),
        "ONEFOLD_API_PORT": str(ports.api),
        "ONEFOLD_WORKER_METRICS_PORT": str(ports.worker_metrics),
        "ONEFOLD_SINK_METRICS_PORT": str(ports.sink_metrics),
        "ONEFOLD_REBUILDER_METRICS_PORT": str(ports.rebuilder_metrics),
        "ONEFOLD_DELIVERER_METRICS_PORT": str(ports.deliverer_metrics),
        "ONEFOLD_REPLICATION": "1",
        "ONEFOLD_DATA_DIR": str(layout.data_dir),
        "ONEFOLD_DEFINITIONS": str(definitions.absolute()) if definitions is not None else "",
        "ONEFOLD_CONFIG": str(layout.workspaces),
        "ONEFOLD_OPEN_READS": environ.get("ONEFOLD_OPEN_READS") or "1",
        "PYTHONUNBUFFERED": "1",
    }


def clickhouse_process(layout: Layout, port: int, environment: Mapping[str, str]) -> ProcessSpec:
    """Return the process of the ClickHouse engine behind its HTTP gateway."""
    command = [sys.executable, "-P", "-m", "embedded.clickhouse", "--host", LOOPBACK, "--port", str(port)]
    command += ["--path", str(layout.clickhouse), "--password-file", str(layout.clickhouse_password)]
    allowed = environment.get("ONEFOLD_CLICKHOUSE_ALLOW")
    return ProcessSpec(
        name="clickhouse",
        title="ClickHouse",
        command=[*command, "--allow", allowed] if allowed else command,
        # What others keep in their shell is nothing that SQL should ever come near.
        environment={name: value for name, value in environment.items() if name in _SHOWN_TO_SQL},
        ready=http_ready(port, "/ping"),
        yields=True,  # its merges, on all processors at once, would have whoever acts wait for whoever looks
    )


def onefold_processes(
    ports: Ports, environment: Mapping[str, str], whole: bool = True, defined: bool = False
) -> tuple[ProcessSpec, ...]:
    """Return all of Onefold's processes that go on; without a `whole` stack the collector is ready alone.

    `defined`: there are definitions to apply before the worker starts.

    All but the collector stop by design when Kafka or ClickHouse fail them, so they restart.
    """

    def process(name: str, arguments: Sequence[str], port: int, after: str = "") -> ProcessSpec:
        return ProcessSpec(
            name=name,
            title=name.capitalize(),
            command=[sys.executable, "-P", "-m", *arguments],
            environment=environment,
            ready=http_ready(port, "/health/ready"),
            after=("topics", "schemas", *([after] if after else [])),
            stop_within_s=4.0,
            restarts=name != "collector",
            yields=name == "sink",
        )

    return (
        process("collector", ["collectors", *([] if whole else ["--alone"])], ports.http),
        msgspec.structs.replace(process("api", ["api"], ports.api, "tables"), title="API"),
        process("worker", ["streams"], ports.worker_metrics, "definitions" if defined else ""),
        process("sink", ["sinks"], ports.sink_metrics, "tables"),
        process("rebuilder", ["jobs"], ports.rebuilder_metrics, "tables"),
        process("deliverer", ["sinks.delivery"], ports.deliverer_metrics),
    )


def topics_setup(settings: Settings) -> Setup:
    """Create the topics that are missing."""

    def run() -> None:
        from schemas import topics

        try:
            create_topics(settings.kafka, topics.configurations(), settings.partitions, settings.replication)
        except OnefoldError as error:
            raise StackError(f"the topics could not be created: {error}") from error

    return Setup(name="topics", title="Topics", run=run, after=("kafka",))


def definitions_setup(
    settings: Settings, folder: Path, note: Callable[[str], None] = lambda _: None, *, keeps: bool
) -> Setup:
    """Apply a folder of definitions, unless it is in force already; with `keeps`, only if none was ever applied.

    `note` gets what was applied.
    """

    def run() -> None:
        from definitions.sets.applying import applied_text, apply_draft
        from definitions.sets.folder import read_draft
        from definitions.sets.topic import ensure_topic, read_publication

        try:
            ensure_topic(settings.kafka, settings.replication)
            published = read_publication(settings.kafka)
            draft = read_draft(folder)
            if not draft.is_of(published.newest) and not (keeps and published.version):
                note(applied_text(published.newest, apply_draft(settings.kafka, draft, published.version), folder))
        except OnefoldError as error:
            raise StackError(f"the definitions could not be applied: {error}") from error

    return Setup(name="definitions", title="Definitions", run=run, after=("kafka",))


def schemas_setup(settings: Settings) -> Setup:
    """Register this release's schemas."""

    def run() -> None:
        from schemas import registry

        try:
            registry.register(settings.registry)
        except OnefoldError as error:
            raise StackError(f"the registry refused this release's schemas: {error}") from error

    return Setup(name="schemas", title="Schemas", run=run, after=("registry",))


def tables_setup(settings: Settings, *, repairs: bool) -> Setup:
    """Make the tables of a new warehouse; of one that lacks some, only where it `repairs`."""

    def run() -> None:
        try:
            with Warehouse(settings.clickhouse) as warehouse:
                migrate(warehouse)
                absent = repair(warehouse) if repairs else find_missing(warehouse)
        except OnefoldError as error:
            raise StackError(f"the tables could not be made: {error}") from error
        if absent and not repairs:
            raise StackError(
                f"{settings.data_dir} has lost {listed(absent)}: 'onefold up --repair' makes it again, without its rows"
            )

    return Setup(name="tables", title="Tables", run=run, after=("clickhouse",))
