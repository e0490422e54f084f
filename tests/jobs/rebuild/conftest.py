"""A stack for this folder alone, since a stand-in commits in the worker's name; and a workspace for each test."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import Ports
from embedded.stack import STORES, Stack, StackOptions
from warehouse.client import Warehouse as SinkWarehouse
from warehouse.migrate import migrate


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Kafka, registry and ClickHouse."""
    with tempfile.TemporaryDirectory(prefix="onefold-rebuilds-") as folder:
        options = StackOptions(data_dir=Path(folder), ports=Ports.free(), parts=STORES)
        with Stack(options) as running:
            yield running


@pytest.fixture(scope="package")
def migrated(stack: Stack) -> str:
    """Address of a ClickHouse with all tables."""
    warehouse = SinkWarehouse(stack.addresses.clickhouse)
    migrate(warehouse)
    warehouse.close()
    return stack.addresses.clickhouse


@pytest.fixture
def workspace() -> str:
    """A name that no other test writes under."""
    return f"w{uuid.uuid4().hex}"
