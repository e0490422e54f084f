"""Unmerges on the command line: what is sent, and what is said of it. GRAPH is a stand-in."""

import json
import re
import time

import pytest
from click.testing import CliRunner

from api.requests import PAIRS_PER_REQUEST
from embedded.stack import Stack
from onefold.commands.unmerge import unmerge
from schemas import topics
from schemas.records import Identifier, Pair
from tests.onefold.requests.given import BOB, BOBS, link, pair, run, unchanged, unmerged, write_links
from tests.onefold.stand_in_graph import StandInGraph
from tests.sinks.examples import ADA, ADAS, PHONE, insert, placed, profile
from tests.sinks.history import History
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack


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
def test_what_was_somebodys_before_the_rules_changed_can_be_unmerged(
    stack: Stack, environment: dict[str, str], workspace: str
) -> None:
    write_links(stack, link(workspace, 1, "web").replace("'email'", "'loyalty'"))
    with StandInGraph(stack, workspace, unmerged) as graph:
        answer = run(unmerge, environment, workspace, "user_id:u1", "--split", "loyalty:e1@x.org")
    assert answer.exit_code == 0, answer.output
    assert graph.requests[0].identifiers == (Identifier("user_id", "u1"), Identifier("loyalty", "e1@x.org"))
