"""A whole stack with a deliverer, whose segments name a webhook that a test's receiver serves."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import Layout, Ports, free_ports
from embedded.process import Reaper, StackProcess
from embedded.stack import Stack, StackOptions
from embedded.steps import ProcessSpec, http_ready
from tests.oracle.delivery import Sender
from tests.oracle.installation import DEFINITIONS, shop, write_workspaces
from tests.oracle.scene import Scene

PATIENCE_S = 90.0
SEED = 7
SECRET = "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cw=="

HOOK = """
destination: hook
type: webhook
url: http://127.0.0.1:{port}/hook
secrets: [{{env: HOOK_SECRET}}]
allow_private: true
timeout: 2s
concurrency: 16
"""


class ReceiverProcess:
    """The receiver, which may be killed and started again; what it has taken stays."""

    def __init__(self, folder: Path) -> None:
        self.port = free_ports(1)[0]
        self.file = folder / "taken.sqlite"
        self._reaper = Reaper()
        command = [sys.executable, "-m", "tests.deliveries.receiver", str(self.port), str(self.file), str(SEED)]
        spec = ProcessSpec(
            name="receiver",
            title="Receiver",
            command=command,
            environment={},
            ready=http_ready(self.port, "/storm?s=0"),
            restarts=True,
        )
        self.process = StackProcess(spec, folder / "receiver.log", self._reaper)
        self.process.start()

    def close(self) -> None:
        """End it for good."""
        self.process.kill()
        self._reaper.close()


@pytest.fixture(scope="package")
def receiver() -> Iterator[ReceiverProcess]:
    """The other end."""
    with tempfile.TemporaryDirectory(prefix="onefold-receiver-") as folder:
        process = ReceiverProcess(Path(folder))
        yield process
        process.close()


@pytest.fixture(scope="package")
def scene(receiver: ReceiverProcess) -> Iterator[Scene]:
    """A workspace on a stack of its own, all of whose segments name the webhook."""
    with tempfile.TemporaryDirectory(prefix="onefold-deliveries-") as folder:
        definitions = Path(folder) / "definitions"
        _write_definitions(definitions, receiver.port)
        options = StackOptions(
            data_dir=Path(folder) / "data",
            definitions=definitions,
            clock="event",
            ports=Ports.free(),
            settings={
                "ONEFOLD_SESSION_TIMEOUT_MS": "6000",
                "HOOK_SECRET": "whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cw==",
            },
            is_brief=True,
        )
        write_workspaces(Layout(options.data_dir).workspaces, [shop("shop")])
        with Stack(options) as stack:
            yield Scene(stack, Sender(stack.addresses, PATIENCE_S), "shop", is_new=True)


def _write_definitions(folder: Path, port: int) -> None:
    """Write the oracle's segments, each with the destination."""
    for file in DEFINITIONS.rglob("*.yaml"):
        documents = file.read_text(encoding="utf-8").split("\n---\n")
        if file.parent.name == "segments":
            documents = [f"{document.rstrip()}\ndestinations: [hook]\n" for document in documents]
        target = folder / file.relative_to(DEFINITIONS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n---\n".join(documents), encoding="utf-8")
    (folder / "destinations").mkdir(exist_ok=True)
    (folder / "destinations" / "hook.yaml").write_text(HOOK.format(port=port), encoding="utf-8")
