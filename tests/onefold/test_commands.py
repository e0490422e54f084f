"""What the commands say to somebody who has no stack, a typing error or a clock that cannot be moved."""

import json
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from embedded.workspaces import write_local_workspaces
from identity.rules import DEFAULT_RULES
from onefold.cli import onefold
from onefold.commands.clock import clock
from onefold.commands.definitions import check
from onefold.commands.drain import drain
from onefold.commands.explain import identity as explain_identity
from onefold.commands.identity import devices, list_waiting
from onefold.commands.identity_plan import plan
from onefold.commands.import_ import import_
from onefold.commands.profile import profile
from onefold.commands.sql import sql
from onefold.commands.unmerge import unmerge
from onefold.examples import SHOP

NOBODY = "127.0.0.1:1"
VISITS = """name: visits
workspace: main
source: dev
columns: {who: text, at: text}
event: Visited
occurred_at: {column: at, format: epoch_s}
identifiers: {user_id: who}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An installation of which nothing runs; `main` is on the wall clock."""
    write_local_workspaces(tmp_path / "onefold.yaml", "wall")
    return {
        "ONEFOLD_CONFIG": str(tmp_path / "onefold.yaml"),
        "ONEFOLD_DATA_DIR": str(tmp_path),
        "ONEFOLD_CLICKHOUSE": f"http://user:secret@{NOBODY}",
        "ONEFOLD_KAFKA": NOBODY,
        "ONEFOLD_REGISTRY": f"http://{NOBODY}",
    }


def run(command: click.Command, arguments: Sequence[str], environment: dict[str, str]) -> Result:
    return CliRunner().invoke(command, list(arguments), env=environment)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (sql, ["SELECT 1"]),
        (profile, ["user_id:42"]),
        (explain_identity, ["user_id:42"]),
        (devices, []),
        (list_waiting, []),
    ],
)
def test_no_clickhouse_is_one_line_that_says_what_to_do(
    command: click.Command, arguments: list[str], environment: dict[str, str]
) -> None:
    answer = run(command, arguments, environment)
    assert answer.exit_code == 1
    assert NOBODY in answer.output
    assert "onefold up" in answer.output
    assert "secret" not in answer.output
    assert len(answer.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        (profile, ["42"], "expected a profile id, or NAMESPACE:VALUE such as user_id:42, not '42'"),
        (profile, ["user_id:"], "or NAMESPACE:VALUE"),
        (explain_identity, ["42"], "expected NAMESPACE:VALUE"),
        (explain_identity, ["93e7a206-841d-5949-9051-80b50ebdd678"], "a profile id: the profile shows its identifiers"),
        (explain_identity, [f"user_id:{'x' * 50_000}"], "a value has at most 512 characters, not 50,000"),
        (devices, ["cookie:"], "expected NAMESPACE:VALUE"),
        (sql, ["  "], "the query is empty"),
        (clock, ["advance", "--to", "soon"], "'soon' is neither a time in ISO 8601 nor milliseconds"),
        (clock, ["advance", "--to", "9" * 20], "neither a time in ISO 8601 nor milliseconds"),
        (drain, ["--timeout", "-1"], "-1"),
    ],
)
def test_a_typing_error_is_named(
    command: click.Command, arguments: list[str], said: str, environment: dict[str, str]
) -> None:
    answer = run(command, arguments, environment)
    assert answer.exit_code == 2
    assert said in answer.output


def test_a_wall_clock_cannot_be_moved(environment: dict[str, str]) -> None:
    answer = run(clock, ["advance", "--to", "2026-01-01"], environment)
    assert answer.exit_code == 1
    assert "workspace 'main' lives on the wall clock, which cannot be moved" in answer.output


def test_an_unknown_workspace_is_answered_with_the_known(environment: dict[str, str]) -> None:
    answer = run(clock, ["advance", "--to", "2026-01-01", "--workspace", "mian"], environment)
    assert answer.exit_code == 1
    assert "there is no workspace 'mian'; there are: cdnow, main" in answer.output


@pytest.mark.parametrize(
    ("command", "arguments"),
    [(profile, ["user_id:42"]), (explain_identity, ["user_id:42"]), (devices, []), (list_waiting, [])],
)
def test_nothing_is_looked_up_in_a_workspace_that_there_is_not(
    command: click.Command, arguments: list[str], environment: dict[str, str]
) -> None:
    answer = run(command, [*arguments, "--workspace", "nix"], environment)
    assert answer.exit_code == 1
    assert "there is no workspace 'nix'; there are: cdnow, main" in answer.output


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (plan, []),
        (import_, ["visits.csv", "--mapping", "visits.yaml"]),
    ],
)
def test_a_stack_that_is_down_is_told_first_and_how_to_start_one(
    command: click.Command,
    arguments: list[str],
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("visits.yaml").write_text(VISITS)
    Path("visits.csv").write_text("who,at\nmei,1000000000\n")
    (said,) = run(command, arguments, environment).output.splitlines()[-1:]
    assert said.startswith("Error: no stack answers")
    assert "127.0.0.1:1" in said
    assert "'onefold up' starts one" in said


def test_where_no_stack_runs_that_is_said_and_not_that_a_workspace_is_missing(tmp_path: Path) -> None:
    answer = run(unmerge, ["user_id:a", "--split", "user_id:b"], {"ONEFOLD_DATA_DIR": str(tmp_path)})
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: no stack is running here: 'onefold up' starts one")


def test_a_folder_without_a_stack_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    for command, arguments in ((sql, ["SELECT 1"]), (drain, []), (profile, ["a:b"])):
        answer = run(command, [*arguments, "--data-dir", str(tmp_path)], environment)
        assert answer.exit_code == 1
        assert f"no stack is running on {tmp_path}" in answer.output


def test_definitions_are_checked_without_a_stack(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "segments").mkdir(parents=True)
    assert run(check, [str(folder)], environment).output == f"ok: 0 segments, rules {DEFAULT_RULES.version}\n"
    (folder / "destinations").mkdir()
    (folder / "destinations" / "crm.yaml").write_text("destination: crm\n")
    (folder / "consent.yaml").write_text(
        "purposes: [{purpose: news, default: opt_in}, {purpose: offers, default: opt_in}]\n"
    )
    assert run(check, [str(folder)], environment).output.startswith("ok: 0 segments, 1 destination, 2 purposes, rules")
    (folder / "destinations" / "own.yaml").write_text("destination: own\ntype: webhook\nurl: http://127.0.0.1:9/\n")
    answer = run(check, [str(folder)], environment)
    assert answer.exit_code == 0
    assert "destination own: url: 127.0.0.1 is not public (allow it by `allow_private: true`" in answer.stderr
    (folder / "segments" / "one.yaml").write_text("segment: one\nwen: {event: x}\n")
    (folder / "segments" / "two.yaml").write_text("segment: two\nwen: {event: x}\n")
    answer = run(check, [str(folder)], environment)
    assert answer.exit_code == 1
    assert "one.yaml:2:1: " in answer.stderr
    assert "two.yaml:2:1: " in answer.stderr
    in_use = environment | {"ONEFOLD_DEFINITIONS": str(SHOP)}
    assert run(check, [], in_use).output.startswith("ok: 4 segments, 2 destinations, rules ")
    assert "no definitions are in use here: name a folder" in run(check, [], environment).output


def test_mistakes_in_definitions_are_read_by_programs_as_well(environment: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "mine" / "segments" / "one.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("segment: one\nwen: {event: x}\n")
    answer = run(check, [str(tmp_path / "mine"), "--json"], environment)
    found = json.loads(answer.stdout)
    assert (answer.exit_code, found["ok"]) == (1, False)
    assert (str(file), 2) in [(error["file"], error["line"]) for error in found["errors"]]
    assert json.loads(run(check, [str(SHOP), "--json"], environment).stdout)["segments"] == 4


def test_every_command_shows_examples() -> None:
    for command in (sql, profile, explain_identity, devices, list_waiting, drain, clock.commands["advance"]):
        text = CliRunner().invoke(command, ["--help"]).output
        assert "Example" in text
        assert "--json" in text
        assert "--data-dir" in text


@pytest.mark.parametrize(
    ("group", "commands"),
    [
        (["definitions"], ["check", "defaults"]),
        (["explain"], ["identity"]),
        (["destination"], ["list", "check", "test", "sync"]),
        (["identity"], ["devices", "status", "quarantine"]),
        (["identity", "quarantine"], ["list", "accept", "refuse"]),
    ],
)
def test_a_group_names_its_commands_and_each_can_be_loaded(group: list[str], commands: list[str]) -> None:
    shown = CliRunner().invoke(onefold, [*group, "--help"]).output
    for command in commands:
        assert f"  {command} " in shown
        assert CliRunner().invoke(onefold, [*group, command, "--help"]).exit_code == 0
    unknown = CliRunner().invoke(onefold, [*group, "nonsense"])
    assert unknown.exit_code == 2
    assert "No such command 'nonsense'" in unknown.output


def test_what_the_commands_of_consent_do_is_said_whole() -> None:
    shown = CliRunner().invoke(onefold, ["consent", "--help"], env={"COLUMNS": "80"}).output
    assert "Say for a person what they want to be sent.\n" in shown
    assert "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("name", ["operator", ""])
def test_no_workspace_is_made_with_a_source_of_operators(name: str) -> None:
    answer = CliRunner().invoke(onefold, ["workspaces", "new", "main", "--source", "web", "--source", name])
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert f"Invalid value for --source: {name!r}: " in answer.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["aply", "x"], "No such command 'aply': did you mean 'apply'?"),
        (["definitions", "rolback", "1"], "No such command 'rolback': did you mean 'rollback'?"),
        (["import", "cdnw"], "there is no file cdnw: did you mean 'cdnow'?"),
    ],
)
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(
    typed: list[str], said: str, environment: dict[str, str]
) -> None:
    answer = run(onefold, typed, environment)
    assert answer.exit_code == 2
    assert said in answer.output
