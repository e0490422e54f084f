"""The chapter's commands do what it says: each block of commands is run, and prints the lines that are shown."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import Ports
from embedded.stack import Stack, StackOptions

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

CHAPTER = Path(__file__).parents[2] / "docs" / "guide" / "who-is-who.md"
_STEP = re.compile(r"^```sh( fails)?\n(.*?)^```$(?:\n+^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def shell() -> Iterator[dict[str, str]]:
    """The environment of a terminal beside a running stack."""
    with (
        tempfile.TemporaryDirectory(prefix="onefold-guide-") as folder,
        Stack(StackOptions(data_dir=Path(folder), ports=Ports.free())) as stack,
    ):
        here = str(Path(sys.executable).parent)
        yield dict(stack.environment) | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}


def test_every_command_of_the_chapter_prints_what_it_shows(shell: dict[str, str]) -> None:
    steps = _STEP.findall(CHAPTER.read_text(encoding="utf-8"))
    assert len(steps) >= 8
    for fails, commands, shown in steps:
        script = commands.replace("127.0.0.1:8080", f"127.0.0.1:{shell['ONEFOLD_HTTP_PORT']}")
        done = subprocess.run(
            ["bash", "-e", "-c", script], env=shell, capture_output=True, text=True, check=False, timeout=120
        )
        printed = done.stdout + done.stderr
        assert (done.returncode != 0) is bool(fails), f"{commands}\n{printed}"
        for line in filter(None, map(str.strip, shown.splitlines())):
            assert _plain(line) in _plain(printed), f"{line!r} is not in what was printed by\n{commands}\n{printed}"


def _plain(text: str) -> str:
    return " ".join(text.split())
