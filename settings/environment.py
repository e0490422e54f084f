"""Settings of one process from `ONEFOLD_*`: the defaults fit the embedded stack, every value is checked."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from settings.errors import SettingsError
from settings.workspaces import Workspace, read_workspaces

_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class Settings(msgspec.Struct, frozen=True):
    """What every process of Onefold may ask for. Addresses are of the parts it talks to, ports of what it serves.

    `connections` and `connections_per_address` bound the clients of the collector (0 per address: no bound, for a
    server behind a proxy). `trusted_hosts`: names by which clients may call what this process serves, `*.example.com`
    for all below; without any, loopback's names on loopback, and every name elsewhere. `session_timeout_ms`: a worker
    that is silent for so long loses its partitions to others. `standbys`: how many other workers keep a copy of each
    store, so that taking it over needs no recovery. `clickhouse_timeout_s`: how long the sink waits for an answer
    before it sends the rows again. `definitions`: the folder of segments and rules; without one the default rules of
    identity hold, and there are no segments.
    """

    kafka: str = "127.0.0.1:9092"
    registry: str = "http://127.0.0.1:8081/apis/ccompat/v7"
    clickhouse: str = "http://127.0.0.1:8123"
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    api_port: int = 8090
    connections: int = 1024
    connections_per_address: int = 256
    trusted_hosts: tuple[str, ...] = ()
    worker_metrics_port: int = 9101
    sink_metrics_port: int = 9102
    rebuilder_metrics_port: int = 9103
    worker: str = "1"
    session_timeout_ms: int = 10_000
    standbys: int = 0
    clickhouse_timeout_s: int = 60
    partitions: int = 4
    replication: int = 1
    data_dir: Path = Path(".onefold")
    definitions: Path | None = None
    open_reads: bool = False
    workspaces: Mapping[str, Workspace] = MappingProxyType({})

    @property
    def is_local(self) -> bool:
        """Whether what this process serves can be reached from this machine only."""
        return self.http_host in LOOPBACK_HOSTS


_VARIABLES = {
    "ONEFOLD_KAFKA": "kafka",
    "ONEFOLD_REGISTRY": "registry",
    "ONEFOLD_CLICKHOUSE": "clickhouse",
    "ONEFOLD_HTTP_HOST": "http_host",
    "ONEFOLD_HTTP_PORT": "http_port",
    "ONEFOLD_API_PORT": "api_port",
    "ONEFOLD_CONNECTIONS": "connections",
    "ONEFOLD_CONNECTIONS_PER_ADDRESS": "connections_per_address",
    "ONEFOLD_TRUSTED_HOSTS": "trusted_hosts",
    "ONEFOLD_WORKER_METRICS_PORT": "worker_metrics_port",
    "ONEFOLD_SINK_METRICS_PORT": "sink_metrics_port",
    "ONEFOLD_REBUILDER_METRICS_PORT": "rebuilder_metrics_port",
    "ONEFOLD_WORKER": "worker",
    "ONEFOLD_SESSION_TIMEOUT_MS": "session_timeout_ms",
    "ONEFOLD_STANDBYS": "standbys",
    "ONEFOLD_CLICKHOUSE_TIMEOUT_S": "clickhouse_timeout_s",
    "ONEFOLD_PARTITIONS": "partitions",
    "ONEFOLD_REPLICATION": "replication",
    "ONEFOLD_DATA_DIR": "data_dir",
    "ONEFOLD_DEFINITIONS": "definitions",
    "ONEFOLD_OPEN_READS": "open_reads",
}
_URLS = frozenset({"registry", "clickhouse"})
_LOWEST = {
    "connections": 16,
    "partitions": 1,
    "replication": 1,
    "session_timeout_ms": 1_000,
    "clickhouse_timeout_s": 1,
}
_HIGHEST = {
    "connections": 1_000_000,
    "connections_per_address": 1_000_000,
    "standbys": 8,
    "http_port": 65535,
    "api_port": 65535,
    "worker_metrics_port": 65535,
    "sink_metrics_port": 65535,
    "rebuilder_metrics_port": 65535,
    "partitions": 1024,
}


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the environment; workspaces from the file that ONEFOLD_CONFIG names (none: no workspaces).

    Raises SettingsError that names the variable, its value and what is expected.
    """
    values: dict[str, object] = {}
    kinds = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    for variable, field in _VARIABLES.items():
        text = environ.get(variable)
        if text is not None and text != "":
            if field in _URLS:
                _check_url(variable, text)
            values[field] = _parse(variable, text, field, kinds[field])
    config = environ.get("ONEFOLD_CONFIG")
    if config:
        values["workspaces"] = read_workspaces(Path(config))
    settings = Settings(**values)  # type: ignore[arg-type]
    if not settings.is_local:
        _check_open_doors(settings, config)
    return settings


def _check_open_doors(settings: Settings, config: str | None) -> None:
    """What is fit for one machine only must not be reached from others."""
    if settings.open_reads:
        raise SettingsError(
            f"ONEFOLD_OPEN_READS=1 shows every profile without a key, so it is for loopback only, "
            f"and ONEFOLD_HTTP_HOST is {settings.http_host!r}: give the workspaces read_keys instead"
        )
    for workspace in settings.workspaces.values():
        for source in workspace.sources:
            if source.local_only:
                raise SettingsError(
                    f"{config}: source {source.name!r} of workspace {workspace.name!r} is local_only, and "
                    f"ONEFOLD_HTTP_HOST is {settings.http_host!r}: give it a write key of its own without local_only"
                )


def _check_url(variable: str, text: str) -> None:
    """A message shows the value without a password, and so not at all where it is no URL."""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise SettingsError(f"{variable}: expected an address such as http://127.0.0.1:8123, and what it holds is none")


def _parse(variable: str, text: str, field: str, kind: object) -> object:
    if kind is bool:
        if text.lower() not in {"0", "1", "true", "false"}:
            raise SettingsError(f"{variable}={text!r}: expected 1 or 0")
        return text.lower() in {"1", "true"}
    if kind is int:
        lowest, highest = _LOWEST.get(field, 0), _HIGHEST.get(field, 2**31)
        try:
            number = int(text)
        except ValueError:
            raise SettingsError(f"{variable}={text!r}: expected a whole number") from None
        if not lowest <= number <= highest:
            raise SettingsError(f"{variable}={text!r}: expected {lowest} to {highest}")
        return number
    if kind == tuple[str, ...]:
        return _parse_names(variable, text)
    return text if kind is str else Path(text)


def _parse_names(variable: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(","))
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise SettingsError(
                f"{variable}={text!r}: expected names like collect.example.com or *.example.com, without ports and "
                f"with commas between them, not {name!r}"
            )
    return names
