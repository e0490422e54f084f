"""A stack whose ClickHouse has all tables, and a workspace of its own for each test."""

import uuid

import pytest

from embedded.stack import Stack
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.warehouse import Warehouse as SinkWarehouse


@pytest.fixture(scope="session")
def migrated(stack: Stack) -> str:
    """Address of a ClickHouse with all tables."""
    warehouse = SinkWarehouse(stack.addresses.clickhouse)
    migrate(warehouse)
    warehouse.run("ALTER TABLE onefold.events ADD COLUMN IF NOT EXISTS body String")
    warehouse.close()
    return stack.addresses.clickhouse


@pytest.fixture
def workspace() -> str:
    """A name that no other test writes under."""
    return f"w{uuid.uuid4().hex}"
