"""Find the stack that runs on a data folder, from another process: its addresses, process ids and environment.

The stack writes the file, commands such as `onefold sql` read it; neither needs the other's code.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from embedded.errors import StackError
from embedded.layout import Layout
from embedded.locks import FileLock
from embedded.private import is_own, private_file

DEFAULT_DATA_DIR = Path(".onefold")
_CLICKHOUSE = "ONEFOLD_CLICKHOUSE"


class Addresses(msgspec.Struct, frozen=True):
    """Where the processes of a stack answer."""

    kafka: str
    registry: str
    clickhouse: str
    http: str
    api: str
    worker_metrics: str
    sink_metrics: str
    rebuilder_metrics: str
    deliverer_metrics: str


class RunningStack(msgspec.Struct, frozen=True):
    """What `stack.json` holds. `environment` is the ONEFOLD_* variables of the processes."""

    pid: int
    addresses: Addresses
    environment: dict[str, str]
    processes: dict[str, int]


def write_running(layout: Layout, running: RunningStack) -> None:
    """Publish this stack to other processes."""
    partial = layout.stack_file.with_suffix(".partial")
    with open(partial, "wb", opener=private_file) as file:
        file.write(msgspec.json.format(msgspec.json.encode(running)))
    partial.replace(layout.stack_file)


def find_running(data_dir: Path) -> RunningStack | None:
    """Return the stack that runs on a folder, or None: what a killed stack or another user left does not count."""
    layout = Layout(data_dir.absolute())
    lock = FileLock(layout.lock)
    try:
        if not (is_own(data_dir) and is_own(layout.stack_file)) or lock.try_acquire():
            return None
        return msgspec.json.decode(layout.stack_file.read_bytes(), type=RunningStack)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    finally:
        lock.release()


def running_environment(data_dir: Path | None = None, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Complete `environ` for `settings.load`, so that a command talks to the stack that runs here.

    A folder that is named must have a stack, whose addresses rule; raises StackError otherwise. With None, the stack on
    ONEFOLD_DATA_DIR or the default folder fills in what `environ` leaves open, and there need not be one. Nothing is
    filled in for a ClickHouse that `environ` names: the stack's password is no business of another server.
    """
    if data_dir is not None:
        running = find_running(data_dir)
        if running is None and _is_anothers(data_dir):
            raise StackError(f"{data_dir} belongs to another user: its stack, if any, is not yours to talk to")
        if running is None:
            raise StackError(f"no stack is running on {data_dir}: start one with 'onefold up --data-dir {data_dir}'")
        return dict(environ) | running.environment
    running = find_running(Path(environ.get("ONEFOLD_DATA_DIR") or DEFAULT_DATA_DIR))
    known = running.environment if running is not None else {}
    if environ.get(_CLICKHOUSE):
        known = {name: value for name, value in known.items() if not name.startswith(f"{_CLICKHOUSE}_")}
    return known | dict(environ)


def _is_anothers(folder: Path) -> bool:
    try:
        return not is_own(folder)
    except OSError:
        return False
