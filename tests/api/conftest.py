"""The look-ups over HTTP, on the migrated ClickHouse."""

import uuid
from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api.lookups import lookup_routes
from settings import ClickHouse, Serving, Settings, Workspace

Client = Callable[..., TestClient]


@pytest.fixture
def client(migrated: str, workspace: str) -> Client:
    """A client that may read one workspace, with the key `reader` where reads are not open."""

    def build(open_reads: bool = True, clickhouse: str = migrated, kafka: str = "") -> TestClient:
        known = Workspace(workspace, uuid.uuid4(), read_keys=("reader",))
        app = Starlette(routes=lookup_routes())
        app.state.settings = Settings(
            kafka=kafka,
            clickhouse=ClickHouse(clickhouse),
            serving=Serving(open_reads=open_reads),
            workspaces={workspace: known},
        )
        return TestClient(app)

    return build
