"""Requests about who is who on the command line: what is sent, waited for and said. GRAPH is a stand-in."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from api.requests import PAIRS_PER_REQUEST
from embedded.stack import Stack
from embedded.workspaces import write_local_workspaces
from onefold.commands.identity_status import status
from onefold.commands.merge import merge
from onefold.commands.quarantine import accept, refuse
from onefold.commands.unmerge import unmerge
from onefold.commands.ways_back import allow, unshare
from schemas import topics
from schemas.records import Claim, Claimant, Identifier, IdentityChange, IdentityRequest, Pair
from settings import Workspace
from settings.workspaces import WorkspacesFile
from tests.onefold.stand_in_graph import StandInGraph
from tests.sinks.examples import ADA, ADAS, PHONE, insert, placed, profile
from tests.sinks.history import History
from tests.support.waiting import wait_until
from warehouse.client import Warehouse
from warehouse.migrate import migrate
from warehouse.queries.values import literal

pytestmark = pytest.mark.stack

BOB = Identifier("user_id", "bob")
BOBS = "00000000-0000-5000-8000-000000000b0b"


@pytest.fixture(scope="module")
def warehouse(stack: Stack) -> Iterator[Warehouse]:
    client = Warehouse(stack.addresses.clickhouse)
    migrate(client)
    yield client
    client.close()


@pytest.fixture
def environment(stack: Stack, workspace: str, tmp_path: Path) -> dict[str, str]:
    """What a command of this installation reads, with a workspace of this test alone."""
    file = WorkspacesFile((Workspace(workspace, uuid.uuid4()),))
    (tmp_path / "own.yaml").write_bytes(msgspec.json.encode(file))
    return dict(stack.environment) | {"ONEFOLD_CONFIG": str(tmp_path / "own.yaml")}


@pytest.fixture
def workspace() -> str:
    """A name that no other test writes under."""
    return f"w{os.urandom(8).hex()}"


def run(command: click.Command, environment: dict[str, str], workspace: str, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--workspace", workspace], env=environment)


def unmerged(request: IdentityRequest) -> Sequence[IdentityChange]:
    """Bob is taken out of Ada's profile, and both are rebuilt at once."""
    claims = (
        Claimant(ADAS, (Claim("user_id", "ada"), Claim("anonymous_id", "phone", until=5))),
        Claimant(BOBS, (Claim("user_id", "bob"),)),
    )
    own = IdentityChange(request.workspace, 7, "unmerged", 0, request_id=request.request_id, claimants=claims)
    other = IdentityChange(request.workspace, 6, "nothing", 0, request_id="another's", reason="not yours")
    rebuilt = IdentityChange(
        request.workspace, 7, "rebuilt", 0, request_id=request.request_id, events=1_204, milliseconds=1_520
    )
    return other, own, rebuilt


def unchanged(request: IdentityRequest) -> Sequence[IdentityChange]:
    reason = "they are not one person"
    return (IdentityChange(request.workspace, 7, "nothing", 0, request_id=request.request_id, reason=reason),)


def undecided(_request: IdentityRequest) -> Sequence[IdentityChange]:
    return ()


def test_an_unmerge_is_sent_followed_and_summed_up(stack: Stack, environment: dict[str, str], workspace: str) -> None:
    with StandInGraph(stack, workspace, unmerged) as graph:
        answer = run(
            unmerge, environment, workspace, "user_id:ada", "--split", "user_id:bob", "--reason", "two", "--forbid"
        )
    assert answer.exit_code == 0, answer.output
    assert answer.output == (
        f"profile {ADAS}   2 identifiers\nprofile {BOBS}   1 identifier\n1,204 events replayed in 1.5 s\n"
    )
    (request,) = graph.requests
    assert (request.kind, request.identifiers) == ("unmerge", (ADA, BOB))
    assert (request.reason, request.forbid, request.source, request.message_id) == ("two", True, "operator", "")
    assert abs(request.occurred_at / 1000 - time.time()) < 60


def test_its_outcome_can_be_read_by_a_program(stack: Stack, environment: dict[str, str], workspace: str) -> None:
    with StandInGraph(stack, workspace, unmerged) as graph:
        answer = run(unmerge, environment, workspace, "user_id:ada", "--split", "user_id:bob", "--json")
    assert json.loads(answer.output) == {
        "request_id": graph.requests[0].request_id,
        "state": "done",
        "decisions": [7],
        "profiles": [{"profile_id": ADAS, "identifiers": 2}, {"profile_id": BOBS, "identifiers": 1}],
        "events": 1204,
        "milliseconds": 1520,
        "dropped_before": "",
        "reasons": [],
        "merged": [],
        "refused": [],
    }


def test_an_unmerge_of_what_is_not_merged_says_so(stack: Stack, environment: dict[str, str], workspace: str) -> None:
    with StandInGraph(stack, workspace, unchanged):
        answer = run(unmerge, environment, workspace, "user_id:ada", "--split", "user_id:bob")
    assert answer.exit_code == 1
    assert answer.output == "Error: nothing was changed: they are not one person\n"


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


def test_a_profile_named_by_its_id_is_asked_for_by_an_identifier_that_stays(
    stack: Stack, environment: dict[str, str], workspace: str, warehouse: Warehouse
) -> None:
    whole = profile(ADAS, 6, workspace, identifiers=(BOB, PHONE, ADA))
    insert(warehouse, [placed(topics.PROFILES, whole, 1)])
    with StandInGraph(stack, workspace, unmerged) as graph:
        answer = run(unmerge, environment, workspace, ADAS.upper(), "--split", "user_id:bob")
    assert answer.exit_code == 0, answer.output
    assert graph.requests[0].identifiers == (PHONE, BOB)
    everything = [argument for one in (BOB, PHONE, ADA) for argument in ("--split", str(one))]
    refused = run(unmerge, environment, workspace, ADAS, *everything)
    assert refused.exit_code == 2
    assert "all identifiers of profile" in refused.output
    unknown = run(unmerge, environment, workspace, BOBS, "--split", "user_id:bob")
    assert unknown.exit_code == 1
    assert unknown.output == f"Error: workspace {workspace!r} has no profile {BOBS}\n"


def link(workspace: str, number: int, source: str, status: str = "active", day: int = 1) -> str:
    return (
        f"({literal(workspace)}, 'user_id', 'u{number}', 'email', 'e{number}@x.org', '{status}', '{source}',"
        f" '2026-03-{day:02} 00:00:00', 1)"
    )


def write_links(stack: Stack, *links: str) -> None:
    columns = (
        "workspace, left_namespace, left_value, right_namespace, right_value, status, source, occurred_at, version"
    )
    statement = f"INSERT INTO onefold.links ({columns}) VALUES {', '.join(links)}"
    httpx.post(stack.addresses.clickhouse, content=statement).raise_for_status()


def pair(number: int, source: str = "") -> Pair:
    return Pair(Identifier("user_id", f"u{number}"), Identifier("email", f"e{number}@x.org"), source)


@pytest.mark.usefixtures("warehouse")
def test_all_that_a_wrong_source_said_is_taken_back_in_requests_that_are_counted(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    count = PAIRS_PER_REQUEST + 1
    mine = [link(workspace, 10_000 + number, "crm") for number in range(count)]
    others = [link(workspace, 1, "web"), link(workspace, 2, "crm", "retracted")]
    write_links(stack, *mine, *others)
    with StandInGraph(stack, workspace, unchanged) as graph:
        declined = CliRunner().invoke(
            unmerge, ["--source", "crm", "--workspace", workspace], env=environment, input="n\n"
        )
        assert declined.exit_code == 1
        assert f"{count:,} pairs of identifiers are tied by source 'crm'. Take its evidence back?" in declined.output
        answer = run(unmerge, environment, workspace, "--source", "crm", "--yes")
    assert answer.output == "Error: nothing was changed: they are not one person\n"
    ids = [request.request_id for request in graph.requests]
    assert [re.sub(r"^\w+-", "", request_id) for request_id in ids] == ["1of2", "2of2"]
    assert {request.kind for request in graph.requests} == {"retract"}
    assert [one for request in graph.requests for one in request.pairs] == [
        pair(10_000 + number, "crm") for number in range(count)
    ]


@pytest.mark.usefixtures("warehouse")
def test_a_source_may_be_wrong_since_a_time_and_one_that_ties_nobody_is_told(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    write_links(stack, link(workspace, 1, "crm", day=1), link(workspace, 2, "crm", day=2))
    with StandInGraph(stack, workspace, unmerged) as graph:
        answer = run(unmerge, environment, workspace, "--source", "crm", "--since", "2026-03-02", "--yes")
        assert answer.exit_code == 0, answer.output
        nobody = run(unmerge, environment, workspace, "--source", "shop", "--yes")
    assert nobody.exit_code == 1
    assert nobody.output == "Error: nothing was changed: no pair of identifiers is tied by source 'shop'\n"
    later = run(unmerge, environment, workspace, "--source", "crm", "--since", "2100-01-01", "--yes")
    assert later.output.endswith("no pair of identifiers is tied by source 'crm' since 2100-01-01\n")
    assert [request.pairs for request in graph.requests] == [(pair(2, "crm"),)]


@pytest.mark.usefixtures("warehouse")
def test_what_waits_of_a_wrong_source_is_taken_back_as_well(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    write_links(
        stack, link(workspace, 1, "crm"), link(workspace, 2, "crm", "waiting"), link(workspace, 3, "crm", "refused")
    )
    with StandInGraph(stack, workspace, unmerged) as graph:
        arguments = ["--source", "crm", "--workspace", workspace]
        answer = CliRunner().invoke(unmerge, arguments, env=environment, input="y\n")
    assert answer.exit_code == 0, answer.output
    assert "1 pair of identifiers is tied by source 'crm', 1 more waits for a review. Take" in answer.output
    assert [request.pairs for request in graph.requests] == [(pair(1, "crm"), pair(2, "crm"))]


@pytest.mark.usefixtures("warehouse")
def test_what_one_source_said_of_a_pair_can_be_taken_back_alone(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    with StandInGraph(stack, workspace, unmerged) as graph:
        arguments = ["user_id:ada", "--split", "user_id:bob", "--source", "operator"]
        answer = run(unmerge, environment, workspace, *arguments)
    assert answer.exit_code == 0, answer.output
    assert [(request.kind, request.pairs) for request in graph.requests] == [("retract", (Pair(ADA, BOB, "operator"),))]


@pytest.mark.usefixtures("warehouse")
def test_two_persons_are_merged_and_the_profile_that_stays_is_told(
    stack: Stack, environment: dict[str, str], workspace: str, warehouse: Warehouse
) -> None:
    def merged(request: IdentityRequest) -> Sequence[IdentityChange]:
        change = IdentityChange(
            request.workspace, 3, "merged", 0, request_id=request.request_id, retired=(BOBS,), profile_id=ADAS
        )
        return (change,)

    insert(warehouse, [placed(topics.PROFILES, profile(ADAS, 6, workspace, identifiers=(PHONE, ADA)), 1)])
    with StandInGraph(stack, workspace, merged) as graph:
        answer = run(merge, environment, workspace, "user_id:bob", ADAS, "--reason", "asked")
    assert (answer.exit_code, answer.output) == (0, f"profile {ADAS}   of several\n")
    (request,) = graph.requests
    assert (request.kind, request.pairs, request.source) == ("merge", (Pair(ADA, BOB),), "operator")
    assert request.reason == "asked"


@pytest.mark.usefixtures("warehouse")
def test_what_refuses_a_merge_is_told_in_words(stack: Stack, environment: dict[str, str], workspace: str) -> None:
    def refused(request: IdentityRequest) -> Sequence[IdentityChange]:
        return (
            IdentityChange(request.workspace, 3, "nothing", 0, request_id=request.request_id, reason="limit:user_id"),
        )

    with StandInGraph(stack, workspace, refused):
        answer = run(merge, environment, workspace, "user_id:bob", "user_id:ada")
    assert answer.exit_code == 1
    assert answer.output == ("Error: nothing was changed: limit:user_id (a profile may not have more of user_id)\n")


@pytest.mark.usefixtures("warehouse")
def test_persons_are_allowed_and_devices_unshared(stack: Stack, environment: dict[str, str], workspace: str) -> None:
    def done(request: IdentityRequest) -> Sequence[IdentityChange]:
        kind = "allowed" if request.kind == "allow" else "unshared"
        return (IdentityChange(request.workspace, 1, kind, 0, request_id=request.request_id),)  # type: ignore[arg-type]

    with StandInGraph(stack, workspace, done) as graph:
        allowed = run(allow, environment, workspace, "email:e7@x.org", "user_id:u7")
        unshared = run(unshare, environment, workspace, "anonymous_id:tablet", "--json")
    assert (allowed.exit_code, allowed.output) == (0, "1 pair allowed\n")
    assert json.loads(unshared.output)["state"] == "done"
    assert [(request.kind, request.pairs, request.identifiers) for request in graph.requests] == [
        ("allow", (pair(7),), ()),
        ("unshare", (), (Identifier("anonymous_id", "tablet"),)),
    ]


@pytest.mark.usefixtures("warehouse")
def test_an_unmerge_can_be_tried_and_nothing_is_requested(
    stack: Stack, environment: dict[str, str], workspace: str, warehouse: Warehouse
) -> None:
    history = History(workspace)
    history.event("m1", "user_id:ada", "email:ada@example.com")
    history.event("m2", "email:ada@example.com", "anonymous_id:tablet")
    history.event("m3", "anonymous_id:tablet", "cookie:c", source="crm")
    history.event("m4", "anonymous_id:tablet")
    history.write(warehouse)
    with StandInGraph(stack, workspace, unchanged) as graph:
        tried = run(unmerge, environment, workspace, "user_id:ada", "--split", "anonymous_id:tablet", "--dry-run")
        as_json = run(unmerge, environment, workspace, "--source", "crm", "--dry-run", "--json")
        nothing = run(unmerge, environment, workspace, "user_id:ada", "--split", "user_id:bob", "--dry-run")
    assert graph.requests == []
    shown = re.sub("[0-9a-f-]{36}", "ID", tried.output)
    assert shown == (
        "profile ID   2 identifiers, 2 events\n  user_id:ada\n  email:ada@example.com\n"
        "profile ID   2 identifiers, 2 events\n  cookie:c\n  anonymous_id:tablet\n"
        "Nothing was changed: this was a dry run.\n"
    ), tried.output
    outcome = json.loads(as_json.output)
    assert [(len(profile["identifiers"]), profile["events"]) for profile in outcome["profiles"]] == [(3, 4), (1, 0)]
    assert outcome["dry_run"] is True
    assert nothing.exit_code == 1
    assert nothing.output == ("Error: nothing would be changed: user_id:bob and user_id:ada are not one person\n")


@pytest.mark.usefixtures("warehouse")
def test_quarantine_is_answered_pair_by_pair_or_at_once(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    def done(request: IdentityRequest) -> Sequence[IdentityChange]:
        kind = "accepted" if request.kind == "accept" else "refused"
        return (IdentityChange(request.workspace, 1, kind, 0, request_id=request.request_id),)  # type: ignore[arg-type]

    write_links(stack, link(workspace, 1, "web", "waiting"), link(workspace, 2, "web"))
    with StandInGraph(stack, workspace, done) as graph:
        named = run(accept, environment, workspace, "email:e7@x.org", "user_id:u7")
        everything = run(refuse, environment, workspace, "--all", "--reason", "no")
    assert (named.exit_code, named.output) == (0, "1 pair accepted\n")
    assert (everything.exit_code, everything.output) == (0, "1 pair refused\n")
    assert [(request.kind, request.pairs) for request in graph.requests] == [
        ("accept", (pair(7),)),
        ("refuse", (pair(1),)),
    ]


@pytest.mark.usefixtures("warehouse")
def test_what_the_rules_refuse_is_not_told_as_accepted(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    def reviewed(request: IdentityRequest) -> Sequence[IdentityChange]:
        return (
            IdentityChange(workspace, 1, "accepted", 0, request_id=request.request_id),
            IdentityChange(workspace, 2, "refused", 0, request_id=request.request_id, reason="limit:user_id"),
            IdentityChange(workspace, 2, "nothing", 0, request_id=request.request_id, reason="no link of these waits"),
        )

    pairs = [name for number in range(3) for name in (f"email:e{number}@x.org", f"user_id:u{number}")]
    with StandInGraph(stack, workspace, reviewed):
        answer = run(accept, environment, workspace, *pairs)
    assert answer.exit_code == 0
    assert answer.output.splitlines() == [
        "1 pair accepted",
        "1 pair refused: limit:user_id (a profile may not have more of user_id)",
        "no link of these waits",
    ]


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
        httpx.post(stack.addresses.clickhouse, content=statement).raise_for_status()

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


@pytest.mark.usefixtures("warehouse")
def test_what_was_somebodys_before_the_rules_changed_can_be_unmerged(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    write_links(stack, link(workspace, 1, "web").replace("'email'", "'loyalty'"))
    with StandInGraph(stack, workspace, unmerged) as graph:
        answer = run(unmerge, environment, workspace, "user_id:u1", "--split", "loyalty:e1@x.org")
    assert answer.exit_code == 0, answer.output
    assert graph.requests[0].identifiers == (Identifier("user_id", "u1"), Identifier("loyalty", "e1@x.org"))


def test_a_pair_has_two_identifiers(environment: dict[str, str], workspace: str) -> None:
    for arguments in ([], ["a:b"], ["a:b", "c:d", "--all"], ["a:b", "c"]):
        assert run(accept, environment, workspace, *arguments).exit_code == 2


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
