"""Order, failures, restarts and endings of processes, with real processes."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import psutil
import pytest

from embedded.errors import StackError
from embedded.layout import Layout
from embedded.screen import SilentScreen
from embedded.steps import Setup, StackStep
from embedded.supervisor import RESTARTS, Supervisor
from tests.embedded.specs import failing, sleeper
from tests.support.waiting import wait_until

Supervise = Callable[..., Supervisor]


class Notes(SilentScreen):
    """Keeps what the screen was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.failed: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)

    def step_failed(self, title: str) -> None:
        self.failed.append(title)


@pytest.fixture
def screen() -> Notes:
    return Notes()


@pytest.fixture
def supervise(tmp_path: Path, screen: Notes) -> Iterator[Supervise]:
    """Makes supervisors, and ends whatever a test leaves running."""
    made: list[Supervisor] = []

    def make(*steps: StackStep, stop_order: Sequence[Sequence[str]] = ()) -> Supervisor:
        layout = Layout(tmp_path)
        layout.logs.mkdir(exist_ok=True)
        made.append(Supervisor(steps, stop_order or [[step.name] for step in steps], layout, screen))
        return made[-1]

    yield make
    for supervisor in made:
        supervisor.kill()


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def test_a_step_starts_once_all_before_it_are_done(supervise: Supervise, tmp_path: Path) -> None:
    def run() -> None:
        assert lines(tmp_path / "started") == ["first"]
        (tmp_path / "started").open("a").write("setup\n")

    setup = Setup("setup", "Setup", run, after=("first",))
    steps = (sleeper(tmp_path, "last", after=("first", "setup")), setup, sleeper(tmp_path, "first"))
    supervise(*steps).start()
    assert lines(tmp_path / "started") == ["first", "setup", "last"]


def test_parts_stop_in_the_order_given(supervise: Supervise, tmp_path: Path) -> None:
    specs = [sleeper(tmp_path, name) for name in ("a", "b", "c")]
    supervisor = supervise(*specs, stop_order=[["b"], ["c"], ["a"]])
    supervisor.start()
    pids = [process.pid for process in supervisor.processes.values()]
    supervisor.stop()
    assert lines(tmp_path / "stopped") == ["b", "c", "a"]
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)


def test_a_part_that_ignores_the_request_to_stop_is_killed_with_its_children(
    supervise: Supervise, tmp_path: Path
) -> None:
    supervisor = supervise(sleeper(tmp_path, "mule", stubborn=True, parent=True, stop_within_s=0.2))
    supervisor.start()
    child = psutil.Process(int((tmp_path / "mule.child").read_text()))
    supervisor.stop()
    assert lines(tmp_path / "stopped") == ["mule"]
    assert supervisor.processes["mule"].ending == "signal 9"
    try:
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child to end")
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def test_all_stubborn_parts_together_take_no_longer_than_the_limit(supervise: Supervise, tmp_path: Path) -> None:
    specs = [sleeper(tmp_path, name, stubborn=True, stop_within_s=60) for name in ("a", "b", "c")]
    supervisor = supervise(*specs)
    supervisor.start()
    before = time.monotonic()
    supervisor.stop(within_s=1.0)
    assert time.monotonic() - before < 30
    assert all(process.pid is None for process in supervisor.processes.values())


def test_a_part_that_dies_while_starting_is_told_with_the_end_of_its_log(
    supervise: Supervise, tmp_path: Path, screen: Notes
) -> None:
    broken = failing("broken", "print('first line'); print('no such topic'); raise SystemExit(3)")
    with pytest.raises(StackError) as failure:
        supervise(sleeper(tmp_path, "endless", after=("never",)), broken).start()
    first, *tail = str(failure.value).splitlines()
    assert first == (
        f"Broken ended while the stack started (exit code 3); its log is {tmp_path}/logs/broken.log and ends with"
    )
    assert tail == ["    first line", "    no such topic"]
    assert screen.failed == ["Broken"]


def test_a_part_that_never_becomes_ready_is_given_up(supervise: Supervise, screen: Notes, tmp_path: Path) -> None:
    spec = msgspec.structs.replace(sleeper(tmp_path, "slow"), ready=lambda: False, start_within_s=0.5)
    with pytest.raises(StackError, match="Slow was not ready within"):
        supervise(spec).start()
    assert screen.failed == ["Slow"]


def test_a_part_that_may_not_restart_ends_the_stack(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(sleeper(tmp_path, "store"))
    supervisor.start()
    supervisor.tend()
    supervisor.processes["store"].kill()
    with pytest.raises(StackError, match=r"Store ended \(signal 9\)"):
        supervisor.tend()


def test_a_part_that_may_restart_is_started_again(supervise: Supervise, tmp_path: Path, screen: Notes) -> None:
    supervisor = supervise(sleeper(tmp_path, "worker", restarts=True))
    supervisor.start()
    before = supervisor.processes["worker"].pid
    supervisor.processes["worker"].kill()

    def is_back() -> bool:
        supervisor.tend()
        return supervisor.processes["worker"].pid not in {None, before}

    wait_until(is_back, "the process to be back")
    assert len(screen.notes) == 1
    assert screen.notes[0].startswith("Worker ended (signal 9) and is started again")
    assert "this is worker" in supervisor.processes["worker"].previous_log.read_text()


def test_a_part_that_keeps_dying_is_given_up(
    supervise: Supervise, monkeypatch: pytest.MonkeyPatch, screen: Notes, tmp_path: Path
) -> None:
    monkeypatch.setattr("embedded.supervisor.BACK_OFF_S", 0.01)
    flag = tmp_path / "flag"
    code = f"import pathlib, time, sys\nif pathlib.Path({str(flag)!r}).exists(): sys.exit('kaput')\ntime.sleep(600)"
    supervisor = supervise(failing("worker", code, restarts=True))
    supervisor.start()
    flag.touch()
    supervisor.processes["worker"].kill()

    def tend_for_ever() -> None:
        while True:
            supervisor.tend()
            time.sleep(0.01)

    with pytest.raises(StackError) as failure:
        tend_for_ever()
    assert str(failure.value).startswith(f"Worker ended {RESTARTS + 1} times in a row (exit code 1)")
    assert str(failure.value).endswith("kaput")
    assert len(screen.notes) == RESTARTS


def test_a_restart_by_hand_waits_until_the_part_serves(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(sleeper(tmp_path, "store"))
    supervisor.start()
    process = supervisor.processes["store"]
    before = process.pid
    (tmp_path / "store.pid").unlink()
    process.restart()
    assert int((tmp_path / "store.pid").read_text()) == process.pid != before


def test_parts_have_sessions_of_their_own(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(sleeper(tmp_path, "store"))
    supervisor.start()
    pid = supervisor.processes["store"].pid
    assert pid is not None
    assert os.getsid(pid) == pid != os.getsid(0)


def test_where_the_processors_are_full_others_go_before_what_yields(supervise: Supervise, tmp_path: Path) -> None:
    supervisor = supervise(sleeper(tmp_path, "store"), sleeper(tmp_path, "sink", yields=True))
    supervisor.start()
    store, sink = (supervisor.processes[name].pid or 0 for name in ("store", "sink"))
    niceness = [os.getpriority(os.PRIO_PROCESS, pid) for pid in (store, sink)]
    assert niceness[0] == os.getpriority(os.PRIO_PROCESS, 0) < niceness[1]
    groups = [Path(f"/proc/{pid}/autogroup") for pid in (store, sink)]
    if groups[0].exists():  # Linux, where a session is a group by itself
        assert [int(group.read_text().split()[-1]) for group in groups] == [0, 5]
