"""The settings of a process as one frozen record; where they come from is left to `environment`."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from runtime.loopback import LOOPBACK, is_loopback
from settings.bounds import (
    Connections,
    ConnectionsPerAddress,
    Flag,
    HostNames,
    Partitions,
    Port,
    Replication,
    Seconds,
    SessionTimeout,
    SettlingTime,
    Standbys,
    Url,
)
from settings.clickhouse import ClickHouse
from settings.workspaces import Workspace

SETTLING_MS = 3_000


class Serving(msgspec.Struct, frozen=True):
    """Where the processes listen, and to whom they answer.

    `connections` and `connections_per_address` bound the clients of the collector (0 per address: no bound, for a
    server behind a proxy). `trusted_hosts`: names by which clients may call what is served, `*.example.com` for all
    below; without any, loopback's names on loopback, and every name elsewhere. `open_reads`: look-ups need no key.
    """

    http_host: str = LOOPBACK
    http_port: Port = 8080
    api_port: Port = 8090
    worker_metrics_port: Port = 9101
    sink_metrics_port: Port = 9102
    rebuilder_metrics_port: Port = 9103
    maintenance_metrics_port: Port = 9104
    deliverer_metrics_port: Port = 9105
    connections: Connections = 1_024
    connections_per_address: ConnectionsPerAddress = 256
    trusted_hosts: HostNames = ()
    open_reads: Flag = False

    @property
    def is_local(self) -> bool:
        """Whether what is served can be reached from this machine only."""
        return is_loopback(self.http_host)


class Settings(msgspec.Struct, frozen=True):
    """What every process of Onefold may look up. `kafka`, `registry` and `clickhouse` are servers that it talks to.

    `worker`: the name of this process among those of its kind. `session_timeout_ms`: a worker that is silent for so
    long loses its partitions to others. `standbys`: how many other workers keep a copy of each store, so that taking it
    over needs no recovery. `settling_ms`: how long after the last event of a person changes by time alone in the past
    are decided, on the wall clock. `clickhouse_timeout_s`: how long the sink waits for an answer before it sends the
    rows again. `definitions`: the folder of the rules of identity; without one the default rules hold. What else is
    in it counts once it is applied (`onefold apply`).
    """

    kafka: str = f"{LOOPBACK}:9092"
    registry: Url = f"http://{LOOPBACK}:8081/apis/ccompat/v7"
    clickhouse: ClickHouse = ClickHouse()
    serving: Serving = Serving()
    worker: str = "1"
    session_timeout_ms: SessionTimeout = 10_000
    standbys: Standbys = 0
    settling_ms: SettlingTime = SETTLING_MS
    clickhouse_timeout_s: Seconds = 60
    partitions: Partitions = 4
    replication: Replication = 1
    data_dir: Path = Path(".onefold")
    definitions: Path | None = None
    workspaces: Mapping[str, Workspace] = MappingProxyType({})
