"""Real Kafka, registry and ClickHouse on free ports, started when the first test asks, shared by all that ask."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedded.layout import Ports
from embedded.stack import STORES, Stack, StackOptions
from warehouse.client import Warehouse
from warehouse.migrate import migrate


@contextmanager
def running_stack(*processes: str) -> Iterator[Stack]:
    """The named processes of a stack, or its stores, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="onefold-tests-") as folder:
        options = StackOptions(data_dir=Path(folder), ports=Ports.free(), processes=processes or STORES, is_brief=True)
        with Stack(options) as running:
            yield running


def migrated_address(stack: Stack) -> str:
    """Address of a stack's ClickHouse, once it has all tables."""
    with Warehouse(stack.addresses.clickhouse) as client:
        migrate(client)
    return stack.addresses.clickhouse


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka with its topics, the registry with its schemas, and ClickHouse; Onefold's own processes are the tests'."""
    with running_stack() as running:
        yield running


@pytest.fixture(scope="session")
def clickhouse() -> Iterator[Stack]:
    """ClickHouse alone."""
    with running_stack("clickhouse") as running:
        yield running


@pytest.fixture(scope="session")
def migrated(clickhouse: Stack) -> str:
    """Address of a ClickHouse with all tables."""
    return migrated_address(clickhouse)


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
