"""A stack for this folder alone, since a stand-in commits in the worker's name."""

from collections.abc import Iterator

import pytest

from embedded.stack import Stack
from tests.support.stacks import migrated_address, running_stack


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Kafka, registry and ClickHouse."""
    with running_stack() as running:
        yield running


@pytest.fixture(scope="package")
def migrated(stack: Stack) -> str:
    """Address of a ClickHouse with all tables."""
    return migrated_address(stack)
