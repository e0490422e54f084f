"""Who has the ports that a stack wants: a program, or another stack, in which folder; and which ports are left."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from embedded.layout import Layout, Ports, free_ports, is_free

_SHIFT = 10_000
_HIGHEST = 65_535


class OtherStack(NamedTuple):
    """A stack that runs on this machine, and the process that keeps it."""

    folder: Path
    pid: int


def listeners() -> Mapping[int, int]:
    """Return the process of each port that is listened on, as far as the system says so."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return {}
    return {
        connection.laddr.port: connection.pid
        for connection in connections
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.pid
    }


def stack_of(pid: int) -> OtherStack | None:
    """Return the stack that a process was started by; None if it is none's, or another user's.

    Also of a stack that is still starting: its process holds the lock of its folder from the beginning.
    """
    for parent in _parents(pid):
        for path in _open_files(parent):
            layout = Layout(path.parent)
            if path == layout.lock and layout.workspaces.exists():
                return OtherStack(layout.data_dir, parent.pid)
    return None


def name_of(pid: int) -> str:
    """Return the name of a process; an empty text if it has ended or is another user's."""
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""


def free_instead(ports: Ports, taken: Iterable[str]) -> dict[str, int]:
    """Return a port that nobody listens on in the place of each of these: 19092 for 9092 if it is free."""
    used = set(msgspec.structs.asdict(ports).values())
    instead: dict[str, int] = {}
    for name in taken:
        port = getattr(ports, name) + _SHIFT
        if port > _HIGHEST or port in used or not is_free(port):
            (port,) = free_ports(1)
        used.add(port)
        instead[name] = port
    return instead


def _parents(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).parents()
    except psutil.Error:
        return []


def _open_files(process: psutil.Process) -> list[Path]:
    try:
        return [Path(file.path) for file in process.open_files()]
    except (psutil.Error, OSError):
        return []
