"""Refuse to start what cannot work, before anything is started: folder, disk, definitions, ports."""

import shutil
from collections import Counter
from pathlib import Path

import msgspec
import psutil

import definitions
from embedded.clickhouse import access
from embedded.errors import StackError
from embedded.layout import Layout, Ports, is_free
from embedded.locks import FileLock
from embedded.private import private_folder

LEAST_FREE_BYTES = 1_000_000_000
SERVES = {
    "kafka": "Kafka",
    "registry": "the schema registry",
    "clickhouse": "ClickHouse",
    "http": "the collector",
    "api": "the API",
    "worker_metrics": "the worker's metrics",
    "sink_metrics": "the sink's metrics",
    "rebuilder_metrics": "the rebuilder's metrics",
}


def prepare_data_dir(layout: Layout, least_free_bytes: int = LEAST_FREE_BYTES) -> FileLock:
    """Make the data folder, closed to other users, and hold its lock.

    Raises StackError when it cannot be used, belongs to somebody else, or another stack runs on it.
    """
    folder = layout.data_dir
    if "," in str(folder):
        raise StackError(f"Kafka takes no folder with a comma in its path: {folder} (--data-dir names another)")
    lock = FileLock(layout.lock)
    try:
        private_folder(folder)
        layout.logs.mkdir(mode=0o700, exist_ok=True)
        free = lock.try_acquire()
    except OSError as error:
        reason = error.strerror or error
        raise StackError(f"cannot write to the data folder {folder}: {reason} (--data-dir names another)") from error
    if not free:
        raise StackError(f"a stack is already running on {folder}: stop it, or give this one a folder with --data-dir")
    available = shutil.disk_usage(folder).free
    if available < least_free_bytes:
        lock.release()
        raise StackError(
            f"only {available // 1_000_000} MB are free for {folder}, {least_free_bytes // 1_000_000} MB are needed: "
            "make room, or give another folder with --data-dir"
        )
    return lock


def check_definitions(folder: Path | None) -> None:
    """Raise StackError when the folder of definitions does not exist, or with all that is wrong in it."""
    if folder is None:
        return
    if not folder.is_dir():
        raise StackError(f"no such folder of definitions: {folder} (--definitions names another)")
    try:
        definitions.load(folder)
    except definitions.DefinitionErrors as errors:
        raise StackError(f"the definitions in {folder} cannot be used:\n{errors}") from errors


def check_allowed(names: str) -> None:
    """Raise StackError where SQL is to reach what there is not, with what there is."""
    try:
        access.check(name for name in names.split(",") if name)
    except ValueError as error:
        raise StackError(str(error)) from error


def check_ports(ports: Ports) -> None:
    """Raise StackError naming every port that is given twice or taken, who has it, and how to choose another."""
    wanted: dict[str, int] = msgspec.structs.asdict(ports)
    uses = Counter(wanted.values())
    problems = []
    for name, port in wanted.items():
        hint = f"choose another with {flag(name)} or {variable(name)}"
        if uses[port] > 1:
            problems.append(f"port {port} is given more than once, also to {SERVES[name]}: {hint}")
        elif not is_free(port):
            problems.append(f"port {port}, for {SERVES[name]}, is taken{_listener(port)}: stop that, or {hint}")
    if problems:
        raise StackError("\n".join(problems))


def flag(name: str) -> str:
    """Return the option of `onefold up` that sets a port of `Ports`."""
    return f"--{name.replace('_', '-')}-port"


def variable(name: str) -> str:
    """Return the variable that sets a port of `Ports`."""
    return f"ONEFOLD_{name.upper()}_PORT"


def _listener(port: int) -> str:
    """` by NAME (pid N)` where the system says so."""
    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
