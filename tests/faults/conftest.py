"""One stack for all faults, whose worker is the tests' own; a fresh workspace and a row of figures for each test."""

import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from embedded.layout import Layout, Ports
from embedded.stack import Stack, StackOptions
from tests.faults.crew import Crew
from tests.faults.figures import FIGURES, Figures
from tests.oracle.delivery import Sender
from tests.oracle.installation import DEFINITIONS, shop, write_workspaces
from tests.oracle.scene import Scene

WORKSPACES = 40
PATIENCE_S = 90.0
SESSION_TIMEOUT_MS = 5_000

_BROKER = {
    # Whoever is not forbidden may do all: a test forbids a topic and allows it again.
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "log.cleaner.backoff.ms": "200",
    # A broker that was killed may register again only when its former self has been silent for so long.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    """Everything but the worker, on the event clock."""
    with tempfile.TemporaryDirectory(prefix="onefold-faults-") as folder:
        options = StackOptions(
            data_dir=Path(folder),
            definitions=DEFINITIONS,
            clock="event",
            ports=Ports.free(),
            processes=("kafka", "registry", "clickhouse", "collector", "sink", "rebuilder"),
            broker=_BROKER,
            settings={"ONEFOLD_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS)},
            is_brief=True,
        )
        write_workspaces(Layout(options.data_dir).workspaces, [shop(f"shop-{number}") for number in range(WORKSPACES)])
        with Stack(options) as running:
            yield running


@pytest.fixture(scope="package")
def sender(stack: Stack) -> Sender:
    """Sends as an SDK does: it comes again."""
    return Sender(stack.addresses, PATIENCE_S)


@pytest.fixture(scope="package")
def _all_workers(stack: Stack) -> Iterator[Crew]:
    crew = Crew(stack, stack.options.data_dir)
    yield crew
    crew.close()


@pytest.fixture
def crew(_all_workers: Crew, figures: Figures) -> Crew:
    """The workers; number 1 runs."""
    _all_workers.steady()
    _all_workers.restarts = 0
    figures.seconds = time.monotonic()  # what came before was no part of the test
    return _all_workers


@pytest.fixture(scope="package")
def _unused() -> Iterator[str]:
    return iter([f"shop-{number}" for number in range(WORKSPACES)])


@pytest.fixture
def scene(stack: Stack, sender: Sender, _unused: Iterator[str]) -> Scene:
    """A workspace that no other test has used."""
    return Scene(stack, sender, next(_unused), is_new=True)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """What the test reports of itself."""
    row = Figures(request.node.name, seconds=time.monotonic())
    yield row
    row.seconds = time.monotonic() - row.seconds
    row.result = "failed" if request.node.stash.get(_has_failed, True) else "as the reference"
    request.node.user_properties.append((FIGURES, asdict(row)))


_has_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note for `figures` how the test itself ended, and for the reader what the workers waited for."""
    report = yield
    if report.when == "call":
        item.stash[_has_failed] = report.failed
        crew = getattr(item, "funcargs", {}).get("crew")
        if report.failed and crew is not None:
            report.sections.append(("workers", crew.explain()))
    return report
