"""The stores of one stack for this folder, and a workspace of its own for each test that writes."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import Ports
from embedded.stack import STORES, Stack, StackOptions
from warehouse.client import Warehouse
from warehouse.migrate import migrate


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[Stack]:
    """ClickHouse alone."""
    with tempfile.TemporaryDirectory(prefix="onefold-sinks-") as folder:
        options = StackOptions(data_dir=Path(folder), ports=Ports.free(), parts=("clickhouse",))
        with Stack(options) as stack:
            yield stack


@pytest.fixture(scope="session")
def stores() -> Iterator[Stack]:
    """Kafka, registry and ClickHouse."""
    with tempfile.TemporaryDirectory(prefix="onefold-sinks-") as folder:
        options = StackOptions(data_dir=Path(folder), ports=Ports.free(), parts=STORES)
        with Stack(options) as stack:
            yield stack


@pytest.fixture(scope="session")
def migrated(clickhouse: Stack) -> str:
    """Address of a ClickHouse with all tables."""
    migrate(Warehouse(clickhouse.addresses.clickhouse))
    return clickhouse.addresses.clickhouse


@pytest.fixture
def warehouse(migrated: str) -> Iterator[Warehouse]:
    """A client of the migrated ClickHouse."""
    client = Warehouse(migrated)
    yield client
    client.close()


@pytest.fixture
def workspace() -> str:
    """A name that no other test writes under."""
    return f"w{uuid.uuid4().hex}"
