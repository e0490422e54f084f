"""What a stack for the oracle is set up with: its segments, and workspaces with namespaces of their own."""

import json
import uuid
from collections.abc import Iterable
from pathlib import Path

import msgspec

from settings import Source, Workspace
from settings.workspaces import WorkspacesFile
from tests.oracle.delivery import write_key
from tests.oracle.stream import CRM, WEB

DEFINITIONS = Path(__file__).parent / "definitions"


def shop(name: str) -> Workspace:
    """A workspace on the event clock for the oracle's stream; the system behind CRM is trusted more than the web."""
    return Workspace(
        name, uuid.uuid4(), "event", (Source(WEB, write_key(name)), Source(CRM, f"{CRM}-{write_key(name)}", 5))
    )


def write_workspaces(path: Path, workspaces: Iterable[Workspace]) -> None:
    """As the file of an installation: JSON is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(msgspec.to_builtins(WorkspacesFile(tuple(workspaces)))), encoding="utf-8")
