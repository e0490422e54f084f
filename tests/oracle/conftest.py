"""One stack for the oracle, with a workspace for each test that fills one; each has a namespace of its own."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import Layout, Ports
from embedded.stack import Stack, StackOptions
from settings import Source, Workspace
from tests.oracle.delivery import Sender, write_key
from tests.oracle.installation import DEFINITIONS, shop, write_workspaces

CALM, HURRIED, KILLED, UNMERGED, CDNOW = "calm", "hurried", "killed", "unmerged", "cdnow"


@pytest.fixture(scope="package")
def oracle_stack() -> Iterator[Stack]:
    """A running stack on the event clock; the system behind CRM is trusted more than the web."""
    with tempfile.TemporaryDirectory(prefix="onefold-oracle-") as folder:
        options = StackOptions(
            data_dir=Path(folder), definitions=DEFINITIONS, clock="event", ports=Ports.free(), is_brief=True
        )
        write_workspaces(
            Layout(options.data_dir).workspaces,
            [
                *map(shop, (CALM, HURRIED, KILLED, UNMERGED)),
                Workspace(CDNOW, uuid.uuid4(), "event", (Source(CDNOW, write_key(CDNOW)),)),
            ],
        )
        with Stack(options) as stack:
            yield stack


@pytest.fixture(scope="package")
def sender(oracle_stack: Stack) -> Sender:
    """Sends to that stack."""
    return Sender(oracle_stack.addresses)
