"""Requests about who is who on the command line: how they are waited for and looked at. GRAPH is a stand-in."""

import json
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from embedded.stack import Stack
from embedded.workspaces import write_local_workspaces
from onefold.commands.identity_status import status
from onefold.commands.merge import merge
from onefold.commands.quarantine import accept, refuse
from onefold.commands.unmerge import unmerge
from onefold.commands.ways_back import allow, unshare
from schemas.records import Claim, Claimant, IdentityChange, IdentityRequest
from tests.onefold.requests.given import BOBS, run, undecided
from tests.onefold.stand_in_graph import StandInGraph
from tests.sinks.examples import ADAS
from tests.support import plain
from tests.support.waiting import wait_until
from warehouse.queries.values import literal

pytestmark = pytest.mark.stack


def test_out_of_time_it_says_what_it_waited_for_and_how_to_look(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    with StandInGraph(stack, workspace, undecided) as graph:
        answer = run(unmerge, environment, workspace, "user_id:ada", "--split", "user_id:bob", "--timeout", "1")
    assert answer.exit_code == 1
    assert "still waiting for the worker to decide after 1 s" in answer.output
    assert f"onefold identity status {graph.requests[0].request_id}" in answer.output


def test_without_waiting_it_returns_at_once(stack: Stack, environment: dict[str, str], workspace: str) -> None:
    with StandInGraph(stack, workspace, undecided) as graph:
        answer = run(unmerge, environment, workspace, "user_id:ada", "--split", "user_id:bob", "--no-wait")
        assert answer.exit_code == 0
        (request_id,) = re.findall(r"onefold identity status (\w+)", answer.output)
        wait_until(lambda: bool(graph.requests), "the request")
    assert graph.requests[0].request_id == request_id


def test_interrupted_it_says_that_it_goes_on(stack: Stack, environment: dict[str, str], workspace: str) -> None:
    command = [sys.executable, "-m", "onefold", "unmerge", "user_id:ada", "--split", "user_id:bob"]
    with StandInGraph(stack, workspace, undecided) as graph:
        process = subprocess.Popen(
            [*command, "--workspace", workspace], env=environment, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: bool(graph.requests), "the request")
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.strip() == (
        f"The request is accepted and goes on by itself: onefold identity status {graph.requests[0].request_id}"
    )


def test_what_is_decided_of_a_request_is_read_as_a_whole(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    def decided(request: IdentityRequest) -> Sequence[IdentityChange]:
        return (
            IdentityChange(workspace, 1, "nothing", 0, request_id=request.request_id, reason="nothing is forbidden"),
            IdentityChange(workspace, 2, "allowed", 0, request_id=request.request_id),
        )

    with StandInGraph(stack, workspace, decided):
        answer = run(allow, environment, workspace, "user_id:ada", "email:a@b.org", "user_id:bob", "email:c@d.org")
    assert (answer.exit_code, answer.output) == (0, "1 pair allowed\nnothing is forbidden\n")


@pytest.mark.usefixtures("warehouse")
def test_what_became_of_a_request_is_read_from_the_warehouse(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    def write(
        kind: str, request_id: str, claimants: tuple[Claimant, ...] = (), reason: str = "", events: int = 0
    ) -> None:
        columns = "workspace, decision, kind, request_id, occurred_at, reason, claimants, events, milliseconds, version"
        encoded = literal(msgspec.json.encode(claimants).decode())
        counts = f"{events}, 1500, {events + 1}"
        row = f"({literal(workspace)}, 3, '{kind}', '{request_id}', 0, '{reason}', {encoded}, {counts})"
        statement = f"INSERT INTO onefold.identity_changes ({columns}) VALUES {row}"
        plain.post(stack.addresses.clickhouse, content=statement).raise_for_status()

    def said(request_id: str, *options: str) -> str:
        answer = run(status, environment, workspace, request_id, *options)
        assert answer.exit_code == 0, answer.output
        return answer.output

    assert said(uuid.uuid4().hex) == "unanswered: not decided yet, or no such request\n"
    nonsense = run(status, environment, workspace, "nonsense")
    assert nonsense.exit_code == 1
    assert "there is no request 'nonsense'" in nonsense.output
    write("unmerged", "r", (Claimant(ADAS, (Claim("user_id", "ada"),)), Claimant(BOBS, ())))
    profiles = f"profile {ADAS}   1 identifier\nprofile {BOBS}   0 identifiers\n"
    assert said("r") == f"decided: the profiles concerned are being rebuilt\n{profiles}"
    write("rebuilt", "r", events=12)
    assert said("r") == f"done\n{profiles}12 events replayed in 1.5 s\n"
    assert json.loads(said("r", "--json"))["state"] == "done"
    write("nothing", "q", reason="they are not one person")
    assert said("q") == "decided: nothing was changed: they are not one person\n"
    write("unmerged", "y-1of2")
    write("nothing", "y-2of2", reason="no such evidence is in force")
    assert said("y") == "done\n"
    write("nothing", "x-1of2", reason="unknown")
    assert said("x").startswith("unanswered")


def test_nobody_to_send_it_to_is_one_line(tmp_path: Path) -> None:
    write_local_workspaces(tmp_path / "onefold.yaml", "wall")
    nobody = {
        "ONEFOLD_CONFIG": str(tmp_path / "onefold.yaml"),
        "ONEFOLD_DATA_DIR": str(tmp_path),
        "ONEFOLD_CLICKHOUSE": "http://user:secret@127.0.0.1:1",
        "ONEFOLD_KAFKA": "127.0.0.1:1",
        "ONEFOLD_REGISTRY": "http://127.0.0.1:1",
    }
    for command, arguments in ((unmerge, ["user_id:a", "--split", "user_id:b"]), (status, ["r"])):
        answer = run(command, nobody, "main", *arguments)
        assert answer.exit_code == 1
        assert "secret" not in answer.output
        assert len(answer.output.splitlines()) == 1
        assert "127.0.0.1:1" in answer.output
        assert "'onefold up' starts one" in answer.output


def test_every_command_shows_examples() -> None:
    for command in (unmerge, status, accept, refuse, merge, allow, unshare):
        text = CliRunner().invoke(command, ["--help"]).output
        assert "Example" in text
        assert "--json" in text
        assert "--data-dir" in text
