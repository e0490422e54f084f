"""A process ends itself at the failpoint that is set, at the right repetition, and nowhere else."""

import signal
import subprocess
import sys

import pytest

from runtime.failpoints import VARIABLE, failpoints

_PROGRAM = """
from runtime.failpoints import failpoints
reached = failpoints(("one", "two"))
for name in ("one", "two", "one", "two"):
    reached(name)
    print(name, flush=True)
"""


def _ended(setting: str) -> tuple[int, list[str]]:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={VARIABLE: setting}, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout.split()


def test_the_process_ends_itself_the_nth_time_that_the_failpoint_is_reached() -> None:
    assert _ended("two") == (-signal.SIGKILL, ["one"])
    assert _ended("two:2") == (-signal.SIGKILL, ["one", "two", "one"])
    assert _ended("one:2:TERM") == (-signal.SIGTERM, ["one", "two"])


def test_without_a_setting_nothing_happens() -> None:
    failpoints(("one",), {})("one")
    assert _ended("one:9") == (0, ["one", "two", "one", "two"])


def test_an_unknown_failpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of one, two"):
        failpoints(("one", "two"), {VARIABLE: "three"})
