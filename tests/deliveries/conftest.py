"""A whole stack with a deliverer, whose segments name a destination of each sort, which a test's receivers serve."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import Layout, Ports
from embedded.stack import Stack, StackOptions
from tests.deliveries.destinations import ENVIRONMENT, write_definitions
from tests.deliveries.receivers import Receivers
from tests.oracle.delivery import Sender
from tests.oracle.installation import shop, write_workspaces
from tests.oracle.scene import Scene

PATIENCE_S = 90.0


@pytest.fixture(scope="package")
def receivers() -> Iterator[Receivers]:
    """The other ends."""
    with tempfile.TemporaryDirectory(prefix="onefold-receivers-") as folder:
        started = Receivers(Path(folder))
        yield started
        started.close()


@pytest.fixture(scope="package")
def scene(receivers: Receivers) -> Iterator[Scene]:
    """A workspace on a stack of its own, all of whose segments name all destinations."""
    with tempfile.TemporaryDirectory(prefix="onefold-deliveries-") as folder:
        definitions = Path(folder) / "definitions"
        write_definitions(definitions, receivers)
        options = StackOptions(
            data_dir=Path(folder) / "data",
            definitions=definitions,
            clock="event",
            ports=Ports.free(),
            settings={"ONEFOLD_SESSION_TIMEOUT_MS": "6000", **ENVIRONMENT},
            is_brief=True,
        )
        write_workspaces(Layout(options.data_dir).workspaces, [shop("shop")])
        with Stack(options) as stack:
            yield Scene(stack, Sender(stack.addresses, PATIENCE_S), "shop", is_new=True)
