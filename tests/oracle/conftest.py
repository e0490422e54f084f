"""One stack for the oracle, with a workspace for each test that fills one; each has a namespace of its own."""

import json
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from embedded.layout import Layout, Ports
from embedded.stack import Stack, StackOptions
from settings import Source, Workspace
from settings.workspaces import WorkspacesFile
from tests.oracle.delivery import Sender, write_key
from tests.oracle.stream import CRM, WEB

CALM, KILLED, CDNOW = "calm", "killed", "cdnow"
DEFINITIONS = Path(__file__).parent / "definitions"


@pytest.fixture(scope="package")
def oracle_stack() -> Iterator[Stack]:
    """A running stack on the event clock; the system behind CRM is trusted more than the web."""
    with tempfile.TemporaryDirectory(prefix="onefold-oracle-") as folder:
        options = StackOptions(data_dir=Path(folder), definitions=DEFINITIONS, clock="event", ports=Ports.free())
        _write_workspaces(Layout(options.data_dir).workspaces)
        with Stack(options) as stack:
            yield stack


@pytest.fixture(scope="package")
def sender(oracle_stack: Stack) -> Sender:
    """Sends to that stack."""
    return Sender(oracle_stack.addresses)


def _write_workspaces(path: Path) -> None:
    """As the file of an installation: JSON is YAML."""
    workspaces = [
        Workspace(name, uuid.uuid4(), "event", (Source(WEB, write_key(name)), Source(CRM, f"{CRM}-of-{name}", 5)))
        for name in (CALM, KILLED)
    ]
    workspaces.append(Workspace(CDNOW, uuid.uuid4(), "event", (Source(CDNOW, CDNOW),)))
    path.write_text(json.dumps(msgspec.to_builtins(WorkspacesFile(tuple(workspaces)))), encoding="utf-8")
