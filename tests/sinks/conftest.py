"""The stores of one stack for this folder: its sinks read everything that is written there."""

from collections.abc import Iterator

import pytest

from embedded.stack import Stack
from tests.support.stacks import running_stack


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Kafka, registry and ClickHouse."""
    with running_stack() as running:
        yield running
