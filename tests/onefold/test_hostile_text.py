"""A sender fills every field with commands to a terminal: no command of `onefold` passes one of them on."""

import json
import os
import pty
import select
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from definitions.sets.topic import ensure_topic
from embedded.stack import Stack
from schemas import topics
from schemas.records import (
    Claim,
    Claimant,
    Event,
    Identifier,
    IdentityChange,
    Link,
    Membership,
    OpenSession,
    RejectedEvent,
    SegmentChange,
)
from settings import Workspace
from settings.workspaces import WorkspacesFile
from tests.sinks.examples import ADA, ADAS, NOW, PHONES, insert, placed, profile, resolved, session
from warehouse.client import Warehouse
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack

FORGED = "Error: forged"
# A title, a colour, a cleared screen, C1's commands, a line overwritten and one forged, writing turned round, markup.
HOSTILE = (
    f"x\x1b]0;owned\x07\x1b[2J\x9b31m\x85\u202e\u2066\u200b\u2028\x7f\r\n{FORGED}[bold]y[/bold][link=evil]z[/link]"
)
LETTERS = "买家 می\u200cخواهم 👩\u200d👧"  # noqa: RUF001 - Persian
STRANGER = Identifier(HOSTILE, HOSTILE)
SUBDIVIDED = Identifier("anonymous_id", HOSTILE)
REQUEST = f"r{uuid.uuid4().hex}"

COMMANDS = {
    "profile": ["profile", "user_id:ada"],
    "nobody": ["profile", f"user_id:{HOSTILE}"],
    "explain": ["explain", "identity", "user_id:ada"],
    "explain nobody": ["explain", "identity", f"user_id:{HOSTILE}"],
    "devices": ["identity", "devices"],
    "device": ["identity", "devices", "anonymous_id:tablet"],
    "no device": ["identity", "devices", f"anonymous_id:{HOSTILE}"],
    "quarantine": ["identity", "quarantine", "list"],
    "status": ["identity", "status", REQUEST],
    "unknown status": ["identity", "status", HOSTILE],
    "plan": ["identity", "plan"],
    "plan apart": ["identity", "plan", "--definitions", "{rules}/new"],
    "unmerge": ["unmerge", f"user_id:{HOSTILE}", "--split", HOSTILE],
    "no source": ["unmerge", "--source", HOSTILE, "--yes", "--no-wait"],
    "not waiting": ["identity", "quarantine", "accept", f"user_id:{HOSTILE}", "user_id:ada"],
    "segments": ["segment", "list"],
    "members": ["segment", "members", HOSTILE],
    "history": ["segment", "history", HOSTILE],
    "overlap": ["segment", "overlap", HOSTILE, HOSTILE],
    "export": ["segment", "export", HOSTILE, "--to", "{rules}/\x1b[2J.csv", "--traits", HOSTILE],
    "no segment": ["segment", "members", f"{HOSTILE}x"],
    "clock": ["clock", "advance", "--to", HOSTILE],
    "no workspace": ["profile", "user_id:ada", "--workspace", HOSTILE],
    "unknown command": [HOSTILE],
    "unknown option": ["sql", f"--{HOSTILE}"],
    "definitions": ["definitions", "check", "{rules}/bad"],
    "no definitions": ["definitions", "check", HOSTILE],
    "import": ["import", "{rules}/rows.csv", "--mapping", "{rules}/rows.yaml", "--dry-run"],
    "no file": ["import", HOSTILE, "--mapping", "{rules}/rows.yaml"],
    "bad mapping": ["import", "x.csv", "--mapping", "{rules}/bad.yaml"],
    "no stack": ["up", "--data-dir", f"{{rules}}/{HOSTILE}", "--definitions", "{rules}/nowhere"],
    "sql": ["sql", "SELECT * FROM events"],
    "sql header": ["sql", "SELECT 1 AS `\x1b[2J\u202e`"],
    "sql error": ["sql", "SELECT throwIf(1, '\x1b[2J\u202e\x9b31m')"],
    "sql error of a cell": ["sql", "SELECT toInt64(event) FROM events"],
    "sql format": ["sql", "SELECT * FROM events", "--format", "TSVRaw"],
    "sql colours": ["sql", "SELECT * FROM events FORMAT PrettyCompact"],
}
"""A name for each; `{rules}` is a folder of files that are wrong or hostile."""

WITH_JSON = (
    "profile",
    "explain",
    "devices",
    "device",
    "quarantine",
    "status",
    "plan",
    "plan apart",
    "segments",
    "members",
    "history",
    "sql",
    "sql header",
)
_OF_A_WORKSPACE = {"profile", "explain", "identity", "unmerge", "segment"}
# Of each kind of answer one; the others are for the long form, since each is a process or two.
IN_SHORT = (
    "profile",
    "explain",
    "members",
    "export",
    "status",
    "plan apart",
    "unmerge",
    "unknown option",
    "import",
    "bad mapping",
    "sql",
)
# Whoever types a line break forges a line for himself alone.
TYPED = ("unknown option", "no definitions", "no stack")
# Programs read these, so they get ClickHouse's bytes as they are.
RAW = ("sql format", "sql colours")


@pytest.fixture(scope="module")
def environment(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An installation whose only workspace holds nothing but hostile text, beside the identifiers to ask for."""
    workspace = f"w{uuid.uuid4().hex}"
    warehouse = Warehouse(stack.addresses.clickhouse)
    migrate(warehouse)
    ensure_topic(stack.settings.kafka, 1)
    insert(warehouse, [placed(*record, offset) for offset, record in enumerate(_records(workspace))])
    insert(warehouse, [resolved(event, offset, ADAS) for offset, event in enumerate(_events(workspace))])
    warehouse.close()
    folder = tmp_path_factory.mktemp("installation")
    (folder / "own.yaml").write_bytes(msgspec.json.encode(WorkspacesFile((Workspace(workspace, uuid.uuid4()),))))
    changed = {"ONEFOLD_CONFIG": str(folder / "own.yaml"), "TERM": "dumb", "WORKSPACE": workspace}
    return dict(stack.environment) | changed


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files with hostile text: rules of identity that part everybody, definitions, a mapping and rows."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "new").mkdir()
    (folder / "new" / "identity.yaml").write_text("namespaces:\n  - {namespace: user_id, kind: person, limit: 1}\n")
    (folder / "bad" / "segments").mkdir(parents=True)
    (folder / "bad" / "segments" / "one.yaml").write_text(
        f"segment: {json.dumps(HOSTILE)}\nwhen: {json.dumps(HOSTILE)}"
    )
    mapping = "name: rows\nworkspace: main\nsource: dev\ncolumns: {who: text, at: text}\nevent: Visited\n"
    mapping += "occurred_at: {column: at, format: epoch_s}\nidentifiers: {user_id: who}\n"
    (folder / "rows.yaml").write_text(mapping)
    (folder / "bad.yaml").write_text(mapping.replace("Visited", "{column: " + json.dumps(HOSTILE) + "}"))
    cell = '"' + HOSTILE.replace('"', '""') + '"'
    (folder / "rows.csv").write_text(f"who,at\nmei,{cell}\n{cell},1000000000\n", newline="")
    return folder


def _records(workspace: str) -> Iterator[tuple[str, msgspec.Struct]]:
    traits = json.dumps({HOSTILE: HOSTILE, "letters": LETTERS, "nested": {HOSTILE: [HOSTILE]}}, ensure_ascii=False)
    tablet = Identifier("anonymous_id", "tablet")
    yield (
        topics.PROFILES,
        profile(
            ADAS,
            6,
            workspace,
            identifiers=(ADA, STRANGER, tablet),
            traits=traits,
            counters={HOSTILE: 3},
            segments=(Membership(HOSTILE, NOW),),
            session=OpenSession(HOSTILE, NOW, NOW, 2, HOSTILE),
            events=24,
            first_seen_at=NOW,
            last_seen_at=NOW,
            decision=1,
        ),
    )
    yield topics.SESSIONS, session(HOSTILE, 1, workspace, entry_url=HOSTILE)
    yield topics.SEGMENTS, SegmentChange(workspace, HOSTILE, ADAS, HOSTILE, "entered", NOW, HOSTILE, 1, (STRANGER,))
    yield topics.EVENTS_REJECTED, RejectedEvent(workspace, HOSTILE, HOSTILE, HOSTILE, HOSTILE, NOW, HOSTILE)
    for decision, (other, status) in enumerate(
        [(STRANGER, "active"), (SUBDIVIDED, "refused"), (tablet, "active"), (SUBDIVIDED, "waiting")], 1
    ):
        yield (
            topics.IDENTITY_LINKS,
            Link(workspace, ADA, other, HOSTILE, HOSTILE, NOW, HOSTILE, decision, status, HOSTILE, HOSTILE),  # type: ignore[arg-type]
        )
    claims = (Claimant(HOSTILE, (Claim(HOSTILE, HOSTILE, 1),)), Claimant(PHONES, (Claim(*ADA_PAIR),)))
    for decision, (kind, request) in enumerate(
        [("merged", ""), ("unmerged", REQUEST), ("shared", ""), ("attributed", HOSTILE), ("nothing", REQUEST)], 5
    ):
        yield (
            topics.IDENTITY_CHANGES,
            IdentityChange(
                workspace, decision, kind, NOW, request, HOSTILE, HOSTILE, HOSTILE, HOSTILE,  # type: ignore[arg-type]
                (tablet, ADA, STRANGER), (HOSTILE,), ADAS, claims,
            ),
        )  # fmt: skip


ADA_PAIR = ("user_id", "ada")


def _events(workspace: str) -> Iterator[Event]:
    body = json.dumps({HOSTILE: HOSTILE})
    for number, identifiers in enumerate([(ADA, STRANGER), (ADA, SUBDIVIDED), (STRANGER, SUBDIVIDED)]):
        name = f"{HOSTILE}{number}"
        yield Event(workspace, HOSTILE, name, "track", HOSTILE, NOW, NOW, NOW, identifiers, body, body, body)


def _arguments(name: str, environment: dict[str, str], rules: Path) -> list[str]:
    given = [argument.replace("{rules}", str(rules)) for argument in COMMANDS[name]]
    takes_workspace = given[0] in _OF_A_WORKSPACE and "--workspace" not in given
    more = ["--workspace", environment["WORKSPACE"]] if takes_workspace else []
    return [sys.executable, "-m", "onefold", *given, *more]


def _piped(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=60
    )


def _on_a_terminal(command: list[str], environment: dict[str, str]) -> bytes:
    """All that a terminal receives from a command. A dumb terminal: of `onefold` itself it gets no colours."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    received = b""
    try:
        while select.select([ours], [], [], 60)[0]:
            received += os.read(ours, 65_536)
    except OSError:  # Linux says so that the last process has closed its side
        pass
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return received.replace(b"\r\n", b"\n")


def _require_harmless(output: bytes, tabs: bool = False) -> None:
    text = output.decode()
    left = {one for one in text if not (one.isprintable() or one in "\n\u200c\u200d" or (tabs and one == "\t"))}
    assert not left, [line for line in text.splitlines() if not line.isprintable()]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_SHORT else pytest.mark.soak) for name in COMMANDS]
)
def test_nothing_that_a_sender_wrote_commands_the_terminal(name: str, environment: dict[str, str], rules: Path) -> None:
    command = _arguments(name, environment, rules)
    piped = _piped(command, environment)
    shown = _on_a_terminal(command, environment)
    assert b"Traceback" not in shown
    assert b"Traceback" not in piped.stderr
    _require_harmless(piped.stderr)
    _require_harmless(shown, tabs=name == "sql format")
    if name in RAW:
        assert b"\x1b]0;owned" in piped.stdout
        return
    _require_harmless(piped.stdout)
    assert name in TYPED or not any(line.startswith(FORGED) for line in shown.decode().splitlines())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in IN_SHORT else pytest.mark.soak) for name in WITH_JSON]
)
def test_json_is_valid_and_harmless_and_means_what_was_sent(
    name: str, environment: dict[str, str], rules: Path
) -> None:
    answer = _piped([*_arguments(name, environment, rules), "--json"], environment)
    _require_harmless(answer.stdout)
    assert answer.returncode == 0, answer.stderr
    json.loads(answer.stdout)
    if name == "profile":
        assert json.loads(answer.stdout)["traits"][HOSTILE] == HOSTILE
        assert LETTERS in answer.stdout.decode()


def test_letters_of_all_scripts_are_shown_as_they_are_and_markup_as_text(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "onefold", "profile", "user_id:ada", "--workspace", environment["WORKSPACE"]]
    shown = _piped(command, environment | {"COLUMNS": "400"}).stdout.decode()
    assert LETTERS in shown
    assert "[bold]y[/bold][link=evil]z[/link]" in shown
