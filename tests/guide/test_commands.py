"""The chapters' commands do what they say: each block of commands is run, and prints the lines that are shown."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guide.chapter import Ids, blocks
from tests.guide.terminal import Terminal

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    """One stack for all chapters: the first of them counts profiles, the others do not mind who else is there."""
    with tempfile.TemporaryDirectory(prefix="onefold-guide-") as folder, Terminal(Path(folder)) as one:
        yield one


@pytest.mark.parametrize("chapter", ["changing-rules", "who-is-who", "unmerging", "shared-devices", "querying"])
def test_every_command_of_the_chapter_prints_what_it_shows(terminal: Terminal, chapter: str) -> None:
    ids = Ids()
    steps = blocks(chapter, "sh")
    assert len(steps) >= 4
    for step in steps:
        done = terminal.run(ids.put_into(step.text))
        assert (done.returncode != 0) is step.fails, f"{step.text}\n{done.stdout}"
        missing = ids.missing(step.answer, done.stdout)
        assert not missing, f"{missing} is not in what was printed by\n{step.text}\n{done.stdout}"
