"""Where the stack keeps things below its data folder, and which ports it listens on."""

import socket
from pathlib import Path

import msgspec

from runtime.loopback import LOOPBACK


class Ports(msgspec.Struct, frozen=True):
    """The ports of the stack, all on loopback; `msgspec.structs.fields` gives them in the order of the design."""

    kafka: int = 9092
    registry: int = 8081
    clickhouse: int = 8123
    http: int = 8080
    api: int = 8090
    worker_metrics: int = 9101
    sink_metrics: int = 9102
    rebuilder_metrics: int = 9103

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nobody listens on now; for tests and second stacks on one machine."""
        names = [field.name for field in msgspec.structs.fields(cls)]
        return cls(**dict(zip(names, free_ports(len(names)), strict=True)))


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on now. Another process may still take one before its use."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for listener in sockets:
            listener.bind((LOOPBACK, 0))
        return [int(listener.getsockname()[1]) for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()


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
