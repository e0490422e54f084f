"""The workspaces file: who may send, which clock rules, and the secret that profile ids are derived from."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from settings.errors import SettingsError

Clock = Literal["wall", "event"]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sending system. `priority` decides between traits of the same time: the higher wins."""

    name: str
    write_key: str
    priority: int = 0


class Workspace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant. `namespace` is random and secret: who holds it can compute the profile id of any identifier.

    `read_keys` may look profiles up; `admin_keys` may change who is who.
    """

    name: str
    namespace: uuid.UUID
    clock: Clock = "wall"
    sources: tuple[Source, ...] = ()
    read_keys: tuple[str, ...] = ()
    admin_keys: tuple[str, ...] = ()

    def source_priority(self, source: str) -> int:
        """Priority of a source by name; 0 for one that is not listed (a producer on Kafka)."""
        return next((known.priority for known in self.sources if known.name == source), 0)


class WorkspacesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    workspaces: tuple[Workspace, ...]


def read_workspaces(path: Path) -> Mapping[str, Workspace]:
    """Workspaces by name. Raises SettingsError, naming the file, when it is missing, malformed or contradictory."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the workspaces file {path}: {error} (ONEFOLD_CONFIG names it)") from error
    try:
        parsed = msgspec.convert(YAML(typ="safe").load(text), WorkspacesFile)
    except (YAMLError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error
    _check_unique(path, "workspace", [workspace.name for workspace in parsed.workspaces])
    keys = [source.write_key for workspace in parsed.workspaces for source in workspace.sources]
    _check_unique(path, "write key", keys)
    for workspace in parsed.workspaces:
        if not workspace.name or "|" in workspace.name:
            raise SettingsError(f"{path}: a workspace's name must not be empty or contain '|': {workspace.name!r}")
    return {workspace.name: workspace for workspace in parsed.workspaces}


def write_default(path: Path, clock: Clock) -> None:
    """Write the embedded stack's file: `main` with the write key `dev` on `clock`, and `cdnow` on the event clock.

    An existing file is left as it is, but for the clock of `main`, which `clock` decides at every start.
    """
    if path.exists():
        known = read_workspaces(path)
        main = known.get("main")
        if main is None or main.clock == clock:
            return
        workspaces = [
            msgspec.structs.replace(workspace, clock=clock) if workspace.name == "main" else workspace
            for workspace in known.values()
        ]
    else:
        workspaces = [
            Workspace("main", uuid.uuid4(), clock, (Source("dev", "dev"),)),
            Workspace("cdnow", uuid.uuid4(), "event", (Source("cdnow", "cdnow"),)),
        ]
    _write(path, workspaces)


def _write(path: Path, workspaces: list[Workspace]) -> None:
    from ruamel.yaml import YAML

    partial = path.with_suffix(".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("# `namespace` is a secret that profile ids are derived from: keep it, and never change it.\n")
        YAML().dump(msgspec.to_builtins(WorkspacesFile(tuple(workspaces))), file)
    partial.replace(path)


def _check_unique(path: Path, what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise SettingsError(f"{path}: the {what} {value!r} is given twice")
