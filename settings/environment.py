"""Reads settings from `ONEFOLD_*`: a field's variable is its name in capitals, and its type says what it takes."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from settings.bounds import HostNames, Url, expectation
from settings.errors import SettingsError
from settings.model import Serving, Settings
from settings.workspaces import Workspace, read_workspaces

_PREFIX = "ONEFOLD_"
_WORKSPACES_FILE = "ONEFOLD_CONFIG"
_WITHOUT_VARIABLE = frozenset({"serving", "workspaces"})

VARIABLES = frozenset(
    _PREFIX + field.upper()
    for field in (*Settings.__struct_fields__, *Serving.__struct_fields__)
    if field not in _WITHOUT_VARIABLE
) | {_WORKSPACES_FILE}
"""Every variable that `load` reads."""

_HOST_NAME = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return settings from the environment; workspaces from the file that ONEFOLD_CONFIG names (none: no workspaces).

    Raises SettingsError that names the variable, its value and what is expected.
    """
    values, serving = _values(Settings, environ), Serving(**_values(Serving, environ))
    file = environ.get(_WORKSPACES_FILE)
    workspaces: Mapping[str, Workspace] = read_workspaces(Path(file)) if file else MappingProxyType({})
    if not serving.is_local:
        _refuse_open_doors(serving, workspaces, file)
    return Settings(**values, serving=serving, workspaces=workspaces)


def _values(record: type[msgspec.Struct], environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(record):
        variable = _PREFIX + field.name.upper()
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
        raise SettingsError(f"{variable}={text!r}: expected {expectation(kind)}") from None


def _parse_url(variable: str, text: str) -> str:
    """Return a message shows the value without a password, and so not at all where it is no URL."""
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


def _refuse_open_doors(serving: Serving, workspaces: Mapping[str, Workspace], file: str | None) -> None:
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
