"""Reads settings from `ONEFOLD_*`: a field's variable is its name in capitals, and its type says what it takes."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from settings.bounds import HostNames, Url, UserName, expectation
from settings.clickhouse import ClickHouse
from settings.errors import SettingsError
from settings.model import Serving, Settings
from settings.workspaces import Workspace, read_workspaces

_PREFIX = "ONEFOLD_"
_WORKSPACES_FILE = "ONEFOLD_CONFIG"
_RECORDS: tuple[type[msgspec.Struct], ...] = (Settings, ClickHouse, Serving)
_WITHOUT_VARIABLE = frozenset({"clickhouse", "serving", "workspaces"})

VARIABLES = frozenset(
    _PREFIX + field.encode_name.upper()
    for record in _RECORDS
    for field in msgspec.structs.fields(record)
    if field.name not in _WITHOUT_VARIABLE
) | {_WORKSPACES_FILE}
"""Every variable that `load` reads."""

_HOST_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return settings from the environment; workspaces from the file that ONEFOLD_CONFIG names (none: no workspaces).

    Raises SettingsError that names the variable, its value and what is expected.
    """
    values, clickhouse, serving = (_values(record, environ) for record in _RECORDS)
    server, served = ClickHouse(**clickhouse), Serving(**serving)
    file = environ.get(_WORKSPACES_FILE)
    workspaces: Mapping[str, Workspace] = read_workspaces(Path(file)) if file else MappingProxyType({})
    if server.ca_file is not None and not server.is_encrypted:
        raise SettingsError(
            f"ONEFOLD_CLICKHOUSE_CA_FILE is for servers that show a certificate, and {server.shown_url} shows none: "
            "let ONEFOLD_CLICKHOUSE begin with https://"
        )
    if not served.is_local:
        _refuse_open_access(served, workspaces, file)
    return Settings(**values, clickhouse=server, serving=served, workspaces=workspaces)


def _values(record: type[msgspec.Struct], environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(record):
        variable = _PREFIX + field.encode_name.upper()
        text = environ.get(variable)
        if text and field.name not in _WITHOUT_VARIABLE:
            values[field.name] = _parse(variable, text, field.type)
    return values


def _parse(variable: str, text: str, kind: object) -> object:
    if kind == Url:
        return _parse_url(variable, text)
    if kind == HostNames:
        return _parse_host_names(variable, text)
    if kind in {Path, Path | None}:
        return Path(text)
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        shown = variable if kind == UserName else f"{variable}={text!r}"  # not the password behind a user's colon
        raise SettingsError(f"{shown}: expected {expectation(kind)}") from None


def _parse_url(variable: str, text: str) -> str:
    """Return the address. The message of a refusal does not repeat what is none: it may hold a password."""
    try:
        url = urlsplit(text)
        fits = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise SettingsError(f"{variable}: expected {expectation(Url)}, and what it holds is none")
    return text


def _parse_host_names(variable: str, text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(","))
    for name in names:
        if _HOST_NAME.fullmatch(name) is None:
            raise SettingsError(f"{variable}={text!r}: expected {expectation(HostNames)}, not {name!r}")
    return names


def _refuse_open_access(serving: Serving, workspaces: Mapping[str, Workspace], file: str | None) -> None:
    """Refuse what is fit for one machine only where others can reach it."""
    if serving.open_reads:
        raise SettingsError(
            f"ONEFOLD_OPEN_READS=1 shows every profile without a key, so it is for loopback only, "
            f"and ONEFOLD_HTTP_HOST is {serving.http_host!r}: give the workspaces read_keys instead"
        )
    for workspace in workspaces.values():
        for source in workspace.sources:
            if source.local_only:
                raise SettingsError(
                    f"{file}: source {source.name!r} of workspace {workspace.name!r} is local_only, and "
                    f"ONEFOLD_HTTP_HOST is {serving.http_host!r}: give it a write key of its own without local_only"
                )
