"""What operators decide of pairs on the command line: merges, reviews, ways back. GRAPH is a stand-in."""

import json
from collections.abc import Sequence

import pytest

from embedded.stack import Stack
from onefold.commands.merge import merge
from onefold.commands.quarantine import accept, refuse
from onefold.commands.ways_back import allow, unshare
from schemas import topics
from schemas.records import Identifier, IdentityChange, IdentityRequest, Pair
from tests.onefold.requests.given import BOB, BOBS, link, pair, run, write_links
from tests.onefold.stand_in_graph import StandInGraph
from tests.sinks.examples import ADA, ADAS, PHONE, insert, placed, profile
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack


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
