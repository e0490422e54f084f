"""Refuse to start what cannot work, before anything is started: folder, disk, definitions, ports."""

import shutil
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

import definitions
from embedded.clickhouse import access
from embedded.errors import StackError
from embedded.layout import Layout, Ports, is_free
from embedded.locks import FileLock
from embedded.other_stacks import OtherStack, free_instead, listeners, name_of, stack_of
from embedded.private import private_folder
from embedded.running import find_running

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
    "deliverer_metrics": "the deliverer's metrics",
}

_STOP = "Ctrl-C in its terminal"


def prepare_data_dir(layout: Layout, least_free_bytes: int = LEAST_FREE_BYTES, ports: Ports | None = None) -> FileLock:
    """Make the data folder, closed to other users, and hold its lock.

    Raises StackError when it cannot be used, belongs to somebody else, or another stack runs on it; it then says which
    ports are left in the place of those of `ports` that are taken.
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
        raise StackError(_runs_already(folder, ports))
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
    uses, processes = Counter(port for _, port in _wanted(ports)), listeners()
    by_stack: defaultdict[OtherStack, list[str]] = defaultdict(list)
    problems = []
    for name, port in _wanted(ports):
        hint = f"choose another with {flag(name)} or {variable(name)}"
        if uses[port] > 1:
            problems.append(f"port {port} is given more than once, also to {SERVES[name]}: {hint}")
        elif not is_free(port):
            pid = processes.get(port)
            if pid is not None and (stack := stack_of(pid)) is not None:
                by_stack[stack].append(name)
            else:
                problems.append(f"port {port}, for {SERVES[name]}, is taken{_holder(pid)}: stop that, or {hint}")
    problems += [_has_ports(stack, names, ports) for stack, names in by_stack.items()]
    if problems:
        raise StackError("\n".join(problems))


def flag(name: str) -> str:
    """Return the option of `onefold up` that sets a port of `Ports`."""
    return f"--{name.replace('_', '-')}-port"


def variable(name: str) -> str:
    """Return the variable that sets a port of `Ports`."""
    return f"ONEFOLD_{name.upper()}_PORT"


def _holder(pid: int | None) -> str:
    """` by NAME (pid N)` where the system says so."""
    name = name_of(pid) if pid is not None else ""
    return f" by {name} (pid {pid})" if name else ""


def _runs_already(folder: Path, ports: Ports | None) -> str:
    """Say that a stack runs on the very folder, and what can be done."""
    running = find_running(folder)
    others = "" if ports is None else _ports_left(ports, [name for name, port in _wanted(ports) if not is_free(port)])
    stop = f"{_STOP} or 'kill {running.pid}'" if running else _STOP
    return (
        f"Onefold runs already in {folder}: go on with that one, stop it with {stop}, or start another one beside it"
        f" with a folder and ports of its own: --data-dir {folder}-2{others}"
    )


def _has_ports(stack: OtherStack, names: Sequence[str], ports: Ports) -> str:
    """Say that another stack has ports, and what can be done."""
    taken = ", ".join(f"{getattr(ports, name)} ({SERVES[name]})" for name in names)
    return (
        f"another Onefold runs in {stack.folder}, and has port{'' if len(names) == 1 else 's'} {taken}: stop it with"
        f" {_STOP} or 'kill {stack.pid}', or start this one beside it on other ports:{_ports_left(ports, names)}"
    )


def _wanted(ports: Ports) -> list[tuple[str, int]]:
    return list(msgspec.structs.asdict(ports).items())


def _ports_left(ports: Ports, taken: Sequence[str]) -> str:
    """Return the options that choose others in the place of what is taken."""
    return "".join(f" {flag(name)} {port}" for name, port in free_instead(ports, taken).items())
