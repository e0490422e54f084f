"""Which tests run, in which form, and in which process; the stack that they share is in `tests/support/stacks.py`."""

import gc
import signal
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from tests.faults.figures import FIGURES, Figures, table
from tests.support.spreading import UnitScheduling, rank, unit

pytest_plugins = ["tests.support.neighbours", "tests.support.people", "tests.support.stacks"]

# The fixtures that start what many tests share.
STACKS = frozenset({"stack", "clickhouse", "shared_server", "oracle_stack"})
EXAMPLES, SOAK_EXAMPLES = 40, 3_000


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make soak` sets."""
    parser.addoption("--soak", action="store_true", help="the tests marked `soak` alone, in their long form")
    parser.addoption("--examples", type=int, help="how many random histories a test plays (40; with --soak 3,000)")
    parser.addoption("--figures", type=Path, help="fault tests: write the table of figures to this file")


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C even where a shell started the tests in the background; set Hypothesis' profile."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Both forms are the same on every machine: what fails is what has been changed. `--examples` explores further.
    settings.register_profile("onefold", deadline=None, derandomize=True, max_examples=examples(config))
    settings.load_profile("onefold")


def pytest_sessionstart() -> None:
    """Collect no garbage while tests are collected: next to nothing of that goes, and half of the time went into it."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from now on, without looking again at what has been made so far."""
    gc.freeze()
    gc.enable()


def examples(config: pytest.Config) -> int:
    """How many random histories a test plays."""
    number: int | None = config.getoption("--examples")
    return number or (SOAK_EXAMPLES if config.getoption("--soak") else EXAMPLES)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the form, mark what needs a stack, and begin with what takes long."""
    for item in items:
        fixtures: list[str] = item.fixturenames  # type: ignore[attr-defined]
        if not STACKS.isdisjoint(fixtures):
            item.add_marker("stack")
        if "stack" in fixtures and unit(item.nodeid) == item.nodeid.partition("::")[0]:
            raise pytest.UsageError(f"{unit(item.nodeid)} uses the shared stack: add it to tests/support/spreading.py")
        if "is_long" in fixtures and item.get_closest_marker("soak") is None:
            item.add_marker(pytest.mark.soak(has_short_form=True))
    is_soak = config.getoption("--soak")
    config.hook.pytest_deselected(items=[item for item in items if not _is_chosen(item, is_soak)])
    items[:] = [item for item in items if _is_chosen(item, is_soak)]
    items.sort(key=lambda item: (rank(item.nodeid), item.get_closest_marker("stack") is None))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> UnitScheduling:
    """Keep together the tests that share a stack of their own."""
    return UnitScheduling(config, log)


def _is_chosen(item: pytest.Item, is_soak: bool) -> bool:
    marker = item.get_closest_marker("soak")
    if is_soak:
        return marker is not None
    return marker is None or bool(marker.kwargs.get("has_short_form"))


@pytest.fixture(name="examples")
def examples_wanted(pytestconfig: pytest.Config) -> int:
    """How many random histories a test plays."""
    return examples(pytestconfig)


@pytest.fixture
def is_long(pytestconfig: pytest.Config) -> bool:
    """Whether the test runs in its long form."""
    return bool(pytestconfig.getoption("--soak"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table of the fault tests, and write it into the file that was named."""
    ended = [report for reports in terminalreporter.stats.values() for report in reports if _is_end(report)]
    rows = [Figures(**row) for report in ended for name, row in report.user_properties if name == FIGURES]
    if not rows:
        return
    terminalreporter.section("faults")
    terminalreporter.write(table(rows))
    path: Path | None = config.getoption("--figures")
    if path is not None:
        path.write_text(table(rows), encoding="utf-8")


def _is_end(report: object) -> bool:
    return isinstance(report, pytest.TestReport) and report.when == "teardown"
