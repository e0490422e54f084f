"""Where the stack keeps things below its data folder, and which ports it listens on."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from runtime.loopback import LOOPBACK
from settings import Serving, Settings

# Below those that systems give to outgoing connections: nobody else takes one in between.
_FREE = range(10_000, 32_000)


def _port(address: str) -> int:
    return int(urlsplit(address if "//" in address else f"//{address}").port or 0)


class Ports(msgspec.Struct, frozen=True):
    """The ports of the stack, all on loopback; `msgspec.structs.fields` gives them in the order of the design."""

    kafka: int = _port(Settings().kafka)
    registry: int = _port(Settings().registry)
    clickhouse: int = _port(Settings().clickhouse.url)
    http: int = Serving().http_port
    api: int = Serving().api_port
    worker_metrics: int = Serving().worker_metrics_port
    sink_metrics: int = Serving().sink_metrics_port
    rebuilder_metrics: int = Serving().rebuilder_metrics_port
    deliverer_metrics: int = Serving().deliverer_metrics_port

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nobody listens on now; for tests and second stacks on one machine."""
        names = [field.name for field in msgspec.structs.fields(cls)]
        return cls(**dict(zip(names, free_ports(len(names)), strict=True)))


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now, and that no process that lives has got from here before."""
    candidates = random.sample(_FREE, len(_FREE))
    ports = (port for port in candidates if _reserve(port) and is_free(port))
    return [next(ports) for _ in range(count)]


_reserved: set[int] = set()


@cache
def _reservations() -> int:
    """Open the file of which each process holds a byte for each of its ports, as long as it lives."""
    path = Path(tempfile.gettempdir()) / f"onefold-ports-{os.getuid()}.lock"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _reserve(port: int) -> bool:
    if port in _reserved:
        return False  # a process may lock a byte of its own again
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _reserved.add(port)
    return True


def is_free(port: int) -> bool:
    """Return whether a server could listen on a port of loopback."""
    with socket.socket() as listener:
        # A port whose connections are only being wound down counts as free, as it does for the servers.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class Layout(msgspec.Struct, frozen=True):
    """Paths below one data folder. Nothing else of a stack's state lies anywhere else."""

    data_dir: Path

    @property
    def kafka(self) -> Path:
        """Broker and controller: configuration, topics, metadata."""
        return self.data_dir / "kafka"

    @property
    def clickhouse(self) -> Path:
        """Databases of the ClickHouse engine."""
        return self.data_dir / "clickhouse"

    @property
    def logs(self) -> Path:
        """A log for each process, and beside it that of its start before."""
        return self.data_dir / "logs"

    @property
    def workspaces(self) -> Path:
        """The workspaces file, made at the first start."""
        return self.data_dir / "onefold.yaml"

    @property
    def clickhouse_password(self) -> Path:
        """The password that ClickHouse asks for, made at the first start."""
        return self.data_dir / "clickhouse.password"

    @property
    def stack_file(self) -> Path:
        """Addresses and process ids of the running stack, for commands in other shells."""
        return self.data_dir / "stack.json"

    @property
    def lock(self) -> Path:
        """Held by the stack that runs on this folder."""
        return self.data_dir / ".lock"

    def log(self, process: str) -> Path:
        """Return the log of a process."""
        return self.logs / f"{process}.log"
