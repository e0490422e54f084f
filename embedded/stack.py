"""The local stack as one object: real Kafka, registry and ClickHouse with Onefold's own processes around them.

For `onefold up`, the demo and the tests. How processes are started and stopped is left to `supervisor`, what each of
them is to a module of its own.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import msgspec

from embedded.apicurio import registry_process
from embedded.artifacts import read_lock
from embedded.errors import StackError
from embedded.fetch import cache_dir, fetch
from embedded.java import QUICKLY
from embedded.kafka import kafka_process
from embedded.layout import Layout, Ports, free_ports
from embedded.locks import FileLock
from embedded.own_processes import (
    CLICKHOUSE_USER,
    clickhouse_process,
    definitions_setup,
    environment,
    onefold_processes,
    schemas_setup,
    tables_setup,
    topics_setup,
)
from embedded.password import kept_password
from embedded.preflight import check_allowed, check_definitions, check_ports, prepare_data_dir
from embedded.process import StackProcess
from embedded.running import DEFAULT_DATA_DIR, Addresses, RunningStack, write_running
from embedded.screen import Screen, SilentScreen
from embedded.steps import StackStep
from embedded.supervisor import Supervisor
from embedded.unpack import unpacked
from embedded.workspaces import write_local_workspaces
from runtime.loopback import LOOPBACK
from settings import Clock, Settings, load, with_credentials

ALL_PROCESSES = ("kafka", "registry", "clickhouse", "collector", "api", "worker", "sink", "rebuilder", "deliverer")
STORES = ("kafka", "registry", "clickhouse")

_READ_TABLES = ("api", "sink", "rebuilder")

# Input first, what keeps state last. Groups stop one after the other, within 15 s in all.
_STOP_ORDER = (
    ("collector", "api"),
    ("worker", "sink", "rebuilder", "deliverer"),
    ("clickhouse", "registry"),
    ("kafka",),
)


class StackOptions(msgspec.Struct, frozen=True):
    """What a stack is started with. `processes` may leave out Onefold's own processes (`STORES`) or more.

    `keeps_definitions`: apply the folder only if none was ever applied. `repairs`: make tables again that have been
    dropped. For tests: `broker`, settings of Kafka that go before the stack's own, `settings`, `ONEFOLD_*` of its
    processes, and `is_brief`: it lives for minutes, so that Kafka's code is compiled quickly rather than well.
    """

    data_dir: Path = DEFAULT_DATA_DIR
    definitions: Path | None = None
    clock: Clock = "wall"
    ports: Ports = Ports()
    processes: tuple[str, ...] = ALL_PROCESSES
    keeps_definitions: bool = False
    repairs: bool = False
    broker: Mapping[str, str] = MappingProxyType({})
    settings: Mapping[str, str] = MappingProxyType({})
    is_brief: bool = False


class Stack:
    """One stack on one data folder; a context manager that starts and stops it.

    To be used from one thread, best the main one: on Linux the processes started elsewhere lack the second of the two
    guards that end them with this process.
    """

    def __init__(
        self, options: StackOptions, screen: Screen | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.options = options
        self._screen = screen or SilentScreen()
        self._layout = Layout(options.data_dir.absolute())
        self._environ = environ
        self.environment = environment(self._layout, options.ports, options.definitions, environ)
        self.environment |= dict(options.settings)
        self._password = ""
        self._supervisor: Supervisor | None = None
        self._reported: dict[str, int] = {}
        self._lock: FileLock | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def addresses(self) -> Addresses:
        """Where the processes answer; ClickHouse's with the password, once the stack has started."""
        return Addresses(
            kafka=self.environment["ONEFOLD_KAFKA"],
            registry=self.environment["ONEFOLD_REGISTRY"],
            clickhouse=with_credentials(self.environment["ONEFOLD_CLICKHOUSE"], CLICKHOUSE_USER, self._password),
            http=f"http://{LOOPBACK}:{self.options.ports.http}",
            api=f"http://{LOOPBACK}:{self.options.ports.api}",
            worker_metrics=f"http://{LOOPBACK}:{self.options.ports.worker_metrics}/metrics",
            sink_metrics=f"http://{LOOPBACK}:{self.options.ports.sink_metrics}/metrics",
            rebuilder_metrics=f"http://{LOOPBACK}:{self.options.ports.rebuilder_metrics}/metrics",
            deliverer_metrics=f"http://{LOOPBACK}:{self.options.ports.deliverer_metrics}/metrics",
        )

    @property
    def logs(self) -> Path:
        """The folder with a log for each process."""
        return self._layout.logs

    @property
    def settings(self) -> Settings:
        """The settings that the stack's own processes run with."""
        return load(self.environment)

    def process(self, name: str) -> StackProcess:
        """Return one process of the running stack, to stop, kill and restart it."""
        if self._supervisor is None:
            raise StackError("the stack is not running")
        return self._supervisor.processes[name]

    def start(self) -> None:
        """Fetch what is missing, start all processes, and return once all serve.

        Raises StackError (settings: SettingsError) and leaves nothing running when something fails on the way.
        """
        check_definitions(self.options.definitions)
        check_allowed(self.environment.get("ONEFOLD_CLICKHOUSE_ALLOW", ""))
        self._lock = prepare_data_dir(self._layout, ports=self.options.ports)
        try:
            check_ports(self.options.ports)
            write_local_workspaces(self._layout.workspaces, self.options.clock)
            self._password = kept_password(self._layout.clickhouse_password)
            self._supervisor = Supervisor(self._steps(), _STOP_ORDER, self._layout, self._screen)
            self._supervisor.start()
            self._report()
        except BaseException:
            self.stop()
            raise

    def tend(self) -> None:
        """Look after the processes; to be called several times a second while the stack is to stay up.

        Raises StackError when a process has ended that may not be started again.
        """
        if self._supervisor is not None:
            self._supervisor.tend()
            self._report()

    def stop(self) -> None:
        """Stop all processes in order, within 15 s. Repeating it is harmless."""
        if self._supervisor is not None:
            self._supervisor.stop()
        self._release()

    def kill(self) -> None:
        """End all processes at once; what they had acknowledged is kept."""
        if self._supervisor is not None:
            self._supervisor.kill()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._layout.stack_file.unlink(missing_ok=True)
            self._lock.release()
        self._supervisor = self._lock = None

    @property
    def _is_whole(self) -> bool:
        return set(ALL_PROCESSES) == set(self.options.processes)

    def _steps(self) -> tuple[StackStep, ...]:
        ports, cache = self.options.ports, cache_dir(self._environ)
        settings = self.settings
        artifacts = read_lock()
        steps: list[StackStep] = [clickhouse_process(self._layout, ports.clickhouse, self.environment)]
        jars = fetch([item for item in artifacts if item.packaging == "jar"], cache, self._screen)
        flags = (QUICKLY,) if self.options.is_brief else ()
        steps.append(kafka_process(self._layout, ports.kafka, free_ports(1)[0], jars, self.options.broker, flags))
        if "registry" in self.options.processes:
            (distribution,) = (item for item in artifacts if item.packaging == "tar.gz")
            folder = unpacked(distribution, cache, self._screen)
            steps.append(registry_process(folder, ports.registry, settings.kafka))
        steps += [
            topics_setup(settings),
            schemas_setup(settings),
            tables_setup(settings, repairs=self.options.repairs),
            *onefold_processes(ports, self.environment, self._is_whole, self.options.definitions is not None),
        ]
        if self.options.definitions is not None:
            keeps, note = self.options.keeps_definitions, self._screen.note
            steps.append(definitions_setup(settings, self.options.definitions, note, keeps=keeps))
        chosen = {step.name for step in steps if step.name in self.options.processes}
        if "kafka" in chosen:
            chosen |= {"topics", "definitions"}
        if "registry" in chosen:
            chosen.add("schemas")
        if not chosen.isdisjoint(_READ_TABLES):
            chosen.add("tables")
        return tuple(step for step in steps if step.name in chosen)

    def _report(self) -> None:
        if self._supervisor is None:
            return
        pids = {name: pid for name, process in self._supervisor.processes.items() if (pid := process.pid) is not None}
        if pids != self._reported:
            variables = {name: value for name, value in self.environment.items() if name.startswith("ONEFOLD_")}
            write_running(self._layout, RunningStack(os.getpid(), self.addresses, variables, pids))
            self._reported = pids
