"""Requests that cannot be meant, or ask for nothing, are refused before anything is sent."""

import json

import click
import pytest

from onefold.commands.quarantine import accept, refuse
from onefold.commands.unmerge import unmerge
from tests.onefold.requests.given import run

pytestmark = pytest.mark.stack


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize(
    ("command", "arguments", "reason"),
    [
        (refuse, ["--all"], "nothing waits for a review"),
        (unmerge, ["--source", "shop"], "no pair of identifiers is tied by source 'shop'"),
    ],
)
def test_that_there_is_nothing_to_request_can_be_read_by_a_program(
    environment: dict[str, str], workspace: str, command: click.Command, arguments: list[str], reason: str
) -> None:
    answer = run(command, environment, workspace, *arguments, "--json")
    assert answer.exit_code == 1
    outcome = json.loads(answer.stdout)
    assert (outcome["state"], outcome["reasons"]) == ("unchanged", [reason])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a PROFILE with --split, or a --source"),
        (["user_id:ada", "--source", "crm"], "name a PROFILE with --split, or a --source"),
        (["user_id:ada"], "name at least one identifier to split off"),
        (["user_id:ada", "--split", "bob"], "expected NAMESPACE:VALUE"),
        (["ada", "--split", "user_id:bob"], "expected a profile id, or NAMESPACE:VALUE"),
        (["user_id:ada", "--split", "user_id:ada"], "cannot be split off from itself"),
        (["--source", "crm", "--split", "user_id:ada"], "--split belongs to a PROFILE"),
        (["user_id:ada", "--split", "user_id:bob", "--since", "2026-03-01"], "belong to --source"),
        (["--source", "crm", "--since", "yesterday"], "'yesterday' is no time in ISO 8601"),
        (["user_id:ada", "--split", "userid:bob"], "there is no namespace 'userid' (did you mean 'user_id'?)"),
        (["userid:ada", "--split", "user_id:bob"], "there is no namespace 'userid' (did you mean 'user_id'?)"),
        (["user_id:ada", "--split", "email:a@b.com"], "'email:a@b.com' names nobody: the rules block this value"),
        (["group_id:shop", "--split", "user_id:bob"], "group_id names an account, and no person"),
    ],
)
@pytest.mark.usefixtures("warehouse")
def test_a_request_that_cannot_be_meant_is_refused(
    arguments: list[str], said: str, environment: dict[str, str], workspace: str
) -> None:
    answer = run(unmerge, environment, workspace, *arguments)
    assert answer.exit_code == 2
    assert said in answer.output


@pytest.mark.usefixtures("warehouse")
def test_a_pair_of_an_unknown_namespace_is_refused(environment: dict[str, str], workspace: str) -> None:
    answer = run(accept, environment, workspace, "userid:a", "email:b@example.org")
    assert answer.exit_code == 2
    assert "there is no namespace 'userid' (did you mean 'user_id'?)" in answer.output


def test_a_pair_has_two_identifiers(environment: dict[str, str], workspace: str) -> None:
    for arguments in ([], ["a:b"], ["a:b", "c:d", "--all"], ["a:b", "c"]):
        assert run(accept, environment, workspace, *arguments).exit_code == 2
