"""The workspaces file: who may send, which clock rules, and the secret that profile ids are derived from."""

import io
import secrets
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from settings.errors import SettingsError
from settings.facts import FactSettings
from settings.retention import RETENTION_HINT, Retention

Clock = Literal["wall", "event"]

OPERATOR_SOURCE = "operator"
"""The source of what operators say by hand; no sender may have this name."""
LEAST_KEY_LENGTH = 16
_EXAMPLE = "change-me"
_WRITE = "the write_key"
_HOW = " ('onefold workspaces new' prints a whole file)"
_KEY_BYTES = 16  # of randomness, twice as many characters


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sending system. `priority` decides between traits of the same time: the higher wins.

    `local_only`: its key may be short and known, since it is taken from this machine only, and of web pages only from
    those that this machine serves itself.
    """

    name: str
    write_key: str
    priority: int = 0
    local_only: bool = False


class Workspace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A tenant. `namespace` is random and secret: who holds it can compute the profile id of any identifier.

    `read_keys` may look profiles up; `admin_keys` may change who is who. `retention`: how long rows are kept; once read
    from a file, with what the file says for all workspaces. `facts`: how the facts of its events are parsed, instead of
    what the file says for all.
    """

    name: str
    namespace: uuid.UUID
    clock: Clock = "wall"
    sources: tuple[Source, ...] = ()
    read_keys: tuple[str, ...] = ()
    admin_keys: tuple[str, ...] = ()
    retention: Retention = Retention()
    facts: FactSettings | None = None

    def source_priority(self, source: str) -> int:
        """Return priority of a source by name; 0 for one that is not listed (a producer on Kafka)."""
        return next((listed.priority for listed in self.sources if listed.name == source), 0)


class WorkspacesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says. `retention` and `facts`: of the workspaces that do not say it otherwise."""

    workspaces: tuple[Workspace, ...]
    retention: Retention = Retention()
    facts: FactSettings | None = None


def read_workspaces(path: Path) -> Mapping[str, Workspace]:
    """Return workspaces by name. Raises SettingsError, naming a file that is missing, malformed or contradictory."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the workspaces file {path}: {error} (ONEFOLD_CONFIG names it)") from error
    try:
        parsed = msgspec.convert(YAML(typ="safe").load(text), WorkspacesFile)
    except (YAMLError, msgspec.ValidationError) as error:
        hint = f" ({RETENTION_HINT})" if ".retention" in str(error) else ""
        raise SettingsError(f"{path}: {error}{hint}") from error
    _check_unique(path, "workspace", [workspace.name for workspace in parsed.workspaces])
    for workspace in parsed.workspaces:
        if not workspace.name or "|" in workspace.name:
            raise SettingsError(f"{path}: a workspace's name must not be empty or contain '|': {workspace.name!r}")
        for source in workspace.sources:
            if (reason := why_no_source_name(source.name)) is not None:
                raise SettingsError(f"{path}: workspace {workspace.name!r} has a source {source.name!r}: {reason}")
    _check_keys(path, parsed.workspaces)
    return {
        workspace.name: msgspec.structs.replace(
            workspace, retention=workspace.retention.over(parsed.retention), facts=workspace.facts or parsed.facts
        )
        for workspace in parsed.workspaces
    }


def why_no_source_name(name: str) -> str | None:
    """Return why no source may have a name, and what to do; None if one may."""
    if name == OPERATOR_SOURCE:
        return "that is what operators say by hand, name the source otherwise"
    return None if name.strip() else "give it a name"


def random_key() -> str:
    """Return a key or a password that nobody can guess, of characters that need no quoting anywhere."""
    return secrets.token_hex(_KEY_BYTES)


def new_workspace(name: str, clock: Clock, sources: Iterable[str]) -> Workspace:
    """Return a workspace whose namespace and keys nobody can guess."""
    listed = tuple(Source(source, random_key()) for source in sources)
    return Workspace(name, uuid.uuid4(), clock, listed, read_keys=(random_key(),), admin_keys=(random_key(),))


def workspaces_text(workspaces: Iterable[Workspace]) -> str:
    """Return the text of a workspaces file."""
    from ruamel.yaml import YAML

    text = io.StringIO()
    text.write("# `namespace` is a secret that profile ids are derived from: keep it, and never change it.\n")
    listed = [msgspec.to_builtins(workspace) for workspace in workspaces]
    for workspace in listed:
        for section in ("retention", "facts"):
            if not workspace[section]:
                del workspace[section]
    YAML().dump({"workspaces": listed}, text)
    return text.getvalue()


def _check_keys(path: Path, workspaces: Iterable[Workspace]) -> None:
    """Messages name where a key stands and never the key: they go into logs."""
    placed: dict[str, str] = {}
    for where, key, may_be_short in _keys(workspaces):
        if not key.isascii() or not key.isprintable() or ":" in key or " " in key:
            raise SettingsError(f"{path}: {where} must be printable ASCII without colons and blanks")
        if not key or (len(key) < LEAST_KEY_LENGTH and not may_be_short):
            local = ", or mark the source of a local stack with 'local_only: true'" if where.startswith(_WRITE) else ""
            raise SettingsError(
                f"{path}: {where} has {len(key)} characters, at least {LEAST_KEY_LENGTH} are needed: make a random "
                f"one{_HOW}{local}"
            )
        if _EXAMPLE in key:
            raise SettingsError(f"{path}: {where} is the example that everybody knows: make one of your own{_HOW}")
        if key in placed:
            raise SettingsError(f"{path}: {where} is the same as {placed[key]}: every key must be of its own")
        placed[key] = where


def _keys(workspaces: Iterable[Workspace]) -> Iterator[tuple[str, str, bool]]:
    """Every key with the words for where it stands, and whether it may be a short one."""
    for workspace in workspaces:
        for source in workspace.sources:
            where = f"the write_key of source {source.name!r} in workspace {workspace.name!r}"
            yield where, source.write_key, source.local_only
        for field, keys in (("read_keys", workspace.read_keys), ("admin_keys", workspace.admin_keys)):
            for number, key in enumerate(keys, 1):
                yield f"number {number} of the {field} of workspace {workspace.name!r}", key, False


def _check_unique(path: Path, what: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise SettingsError(f"{path}: the {what} {value!r} is given twice")
