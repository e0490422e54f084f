"""After a stack's process was killed, no process that it started is left."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.waiting import wait_until

_STACK = """
import sys, time
from pathlib import Path
from embedded.layout import Layout
from embedded.screen import SilentScreen
from embedded.supervisor import Supervisor
from tests.embedded.specs import sleeper
folder = Path(sys.argv[1])
Layout(folder).logs.mkdir()
specs = [sleeper(folder, "mild"), sleeper(folder, "parent", parent=True), sleeper(folder, "mule", stubborn=True)]
supervisor = Supervisor([spec for spec in specs if spec.name in sys.argv[2:]], [], Layout(folder), SilentScreen())
supervisor.start()
print("ready", flush=True)
time.sleep(600)
"""


Started = tuple[subprocess.Popen[str], list[psutil.Process]]
Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process with a supervisor; gives it, and all that it started: processes, their children, and the reaper.

    Whatever is left when a test has failed is ended.
    """
    left: list[psutil.Process] = []

    def starting(*names: str) -> Started:
        command = [sys.executable, "-c", _STACK, str(tmp_path), *names]
        stack = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        left.append(psutil.Process(stack.pid))
        assert stack.stdout is not None
        assert stack.stdout.readline() == "ready\n"
        left.extend(left[0].children(recursive=True))
        return stack, left[1:]

    yield starting
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def is_reaper(process: psutil.Process) -> bool:
    return any(argument.endswith("reaper.py") for argument in process.cmdline())


def test_killing_the_parent_ends_parts_grandchildren_and_those_that_ignore_sigterm(start: Start) -> None:
    stack, started = start("mild", "parent", "mule")
    assert len(started) == 5
    stack.kill()
    stack.wait()
    wait_until(lambda: all(is_gone(process) for process in started), "all processes to end")


def test_the_reaper_alone_is_enough(start: Start) -> None:
    """As on a system without a parent-death signal: processes that ignore SIGTERM are ended by the reaper only."""
    stack, started = start("mule")
    stack.kill()
    stack.wait()
    wait_until(lambda: all(is_gone(process) for process in started), "all processes to end")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_on_linux_parts_end_even_without_the_reaper(start: Start) -> None:
    stack, started = start("mild")
    for process in filter(is_reaper, started):
        process.kill()
    os.kill(stack.pid, signal.SIGKILL)
    stack.wait()
    wait_until(lambda: all(is_gone(process) for process in started), "all processes to end")
