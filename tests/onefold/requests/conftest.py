"""An installation with a workspace of one test alone."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from embedded.stack import Stack
from settings import Workspace
from settings.workspaces import WorkspacesFile
from warehouse.client import Warehouse
from warehouse.migrate import migrate


@pytest.fixture(scope="module")
def warehouse(stack: Stack) -> Iterator[Warehouse]:
    client = Warehouse(stack.addresses.clickhouse)
    migrate(client)
    yield client
    client.close()


@pytest.fixture
def environment(stack: Stack, workspace: str, tmp_path: Path) -> dict[str, str]:
    """What a command of this installation reads, with a workspace of this test alone."""
    file = WorkspacesFile((Workspace(workspace, uuid.uuid4()),))
    (tmp_path / "own.yaml").write_bytes(msgspec.json.encode(file))
    return dict(stack.environment) | {"ONEFOLD_CONFIG": str(tmp_path / "own.yaml")}


@pytest.fixture
def workspace() -> str:
    """A name that no other test writes under."""
    return f"w{os.urandom(8).hex()}"
