"""The chapters' commands do what they say: each block of commands is run, and prints the lines that are shown."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded.layout import free_ports
from tests.guide.chapter import GUIDE, Ids, blocks
from tests.guide.terminal import Terminal
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def terminal() -> Iterator[Terminal]:
    """One stack for all chapters: the second of them counts profiles, the others do not mind who else is there."""
    with tempfile.TemporaryDirectory(prefix="onefold-guide-") as folder, Terminal(Path(folder)) as one:
        yield one


CHAPTERS = (
    "changing-definitions",
    "changing-rules",
    "verifying",
    "who-is-who",
    "unmerging",
    "shared-devices",
    "querying",
    "questions",
    "segments",
    "reading-the-topics",
    "mined-traits",
    "consent",
    "destinations",
)
SLOW = frozenset(CHAPTERS) - {"segments", "reading-the-topics", "consent", "destinations"}


@pytest.mark.parametrize(
    "chapter", [pytest.param(each, marks=[pytest.mark.slow] if each in SLOW else []) for each in CHAPTERS]
)
def test_every_command_of_the_chapter_prints_what_it_shows(terminal: Terminal, chapter: str) -> None:
    ids = Ids()
    steps = blocks(chapter, "sh")
    assert steps
    for step in steps:
        done = terminal.run(ids.put_into(step.text))
        assert (done.returncode != 0) is step.fails, f"{step.text}\n{done.stdout}"
        missing = ids.missing(step.answer, done.stdout)
        assert not missing, f"{missing} is not in what was printed by\n{step.text}\n{done.stdout}"


README = (GUIDE.parents[1] / "README.md").read_text(encoding="utf-8")
# Ids (the picture shortens some), times and the numbers of decisions are others at every run.
_CHANGING = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}\.\.\.|\d{4}-\d\d-\d\dT[0-9:.]+Z|\b\d+(?=: )"
)
_FRAME = re.compile(r"[─│╭╮╰╯├└]")


def _block(kind: str, beginning: str) -> str:
    """The first block of the README that begins so."""
    match = re.search(rf"^```{kind}\n({re.escape(beginning)}.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert match is not None, beginning
    return match[1]


def _content(text: str) -> list[str]:
    return [" ".join(_CHANGING.sub("...", _FRAME.sub(" ", line)).split()) for line in text.splitlines()]


def test_the_first_page_shows_what_its_commands_make_of_its_first_events(terminal: Terminal) -> None:
    terminal.run("onefold up")
    sdk = _block("python", "import segment")
    for commands in (_block("sh", "curl -u dev:"), f"python - <<'END'\n{sdk}END", "onefold drain"):
        done = terminal.run(commands)
        assert done.returncode == 0, done.stdout
    for picture in _block("text", "$ onefold profile").split("$ ")[1:]:
        command, shown = picture.split("\n", 1)
        printed = terminal.run(command).stdout
        whole = _content(printed)  # of a long line the picture shows the beginning
        missing = [line for line in _content(shown) if not any(other.startswith(line) for other in whole)]
        assert not missing, f"{missing} is not in what was printed by\n{command}\n{printed}"


def _section(heading: str) -> list[str]:
    """The commands of a section of the README."""
    text = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_first_page_s_webhook_and_mail_arrive(terminal: Terminal) -> None:
    terminal.run("onefold up")
    webhook_port, mail_port = free_ports(2)

    def here(commands: str) -> str:
        own = {":9000": f":{webhook_port}", ".py 9000": f".py {webhook_port}", "8025": str(mail_port)}
        own["crm.secret"] = str(terminal.folder / "crm.secret")  # the stack was not started in the terminal's folder
        return re.sub("|".join(map(re.escape, own)), lambda match: own[match[0]], commands)

    def run(commands: str) -> str:
        done = terminal.run(here(commands))
        assert done.returncode == 0, f"{commands}\n{done.stdout}"
        return done.stdout

    run(_block("sh", "curl -u dev:"))
    making, filling = _section("First segment")
    run(making)
    assert "member since" in run(filling)
    receiver, defining = _section("First destination")
    posted = terminal.serve(here(receiver))
    run(defining)
    wait_until(lambda: posted.read_text().count('"segment.entered"') == 2, "both carts to be posted")
    server, thanking = _section("First mail")
    mails = terminal.serve(here(server))
    run(thanking)
    wait_until(lambda: "Thank you for your order of 80 EUR." in mails.read_text(), "the mail to come")
