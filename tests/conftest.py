"""One embedded stack for all tests that ask for it: real Kafka, registry and ClickHouse on free ports."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import Ports
from embedded.stack import STORES, Stack, StackOptions


def pytest_addoption(parser: pytest.Parser) -> None:
    """The long form of the fault tests, and where their figures go."""
    parser.addoption("--long", action="store_true", help="fault tests: more kills, more events, longer outages")
    parser.addoption("--figures", type=Path, help="fault tests: write the table of figures to this file")


def pytest_configure() -> None:
    """Hear Ctrl-C even where a shell started the tests in the background: what they start would be deaf to it too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Kafka with its topics, the registry with its schemas, and ClickHouse; Onefold's own processes are the tests'."""
    with tempfile.TemporaryDirectory(prefix="onefold-tests-") as folder:
        options = StackOptions(data_dir=Path(folder), ports=Ports.free(), parts=STORES)
        with Stack(options) as running:
            yield running
