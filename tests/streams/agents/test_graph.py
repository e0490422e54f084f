"""What GRAPH makes of requests that cannot be decided: an answer if somebody waits for it, else a dead letter."""

import pytest

from identity.rules import IdentityRules, Namespace
from schemas.records import Identifier, IdentityChange, IdentityRequest, Pair, RequestKind
from schemas.topics import EVENTS_DEAD, IDENTITY_CHANGES, IDENTITY_REQUESTS
from settings import Workspace
from state.view import StateView
from streams.agents.graph import MAX_PAIRS, GraphStage
from streams.phases import Effects, Received, Record, decode, fold
from tests.sinks.examples import codec
from tests.streams.world.world import NAMESPACE, NOW, WORKSPACE, Table

USER, LOYALTY = Namespace("user_id", limit=1, unique=True), Namespace("loyalty")
BEFORE = IdentityRules((USER, LOYALTY, Namespace("email"), Namespace("group_id", kind="account")))
AFTER = IdentityRules((USER, Namespace("email", blocked=frozenset({"a@b.de"}))))
MEI, CARD, EMAIL = Identifier("user_id", "mei"), Identifier("loyalty", "7"), Identifier("email", "a@b.de")
TYPO = Identifier("userid", "mei")


class Graph:
    """The stage over one store, under rules that may change."""

    def __init__(self) -> None:
        self.codec = codec()
        self._table = Table(self._stage(BEFORE))

    def _stage(self, rules: IdentityRules) -> GraphStage:
        return GraphStage({WORKSPACE: Workspace(WORKSPACE, NAMESPACE)}, rules, self.codec)

    def fold(self, request: IdentityRequest, rules: IdentityRules = BEFORE) -> Effects:
        record = Record(IDENTITY_REQUESTS, 0, 0, request.workspace.encode(), self._encoded(request))
        stage = self._stage(rules)
        received = Received([record], {IDENTITY_REQUESTS: 1}, NOW)
        folded = fold(stage, decode(stage, received), StateView(self._table)).effects
        for key, value in folded.view.changes.items():
            self._table.put(key, value)
        return folded

    def changes(self, request: IdentityRequest, rules: IdentityRules = BEFORE) -> list[IdentityChange]:
        outputs = self.fold(request, rules).outputs
        assert EVENTS_DEAD not in {output.topic for output in outputs}
        return [
            self.codec.decode(IdentityChange, output.value) for output in outputs if output.topic == IDENTITY_CHANGES
        ]

    def _encoded(self, request: IdentityRequest) -> bytes:
        return self.codec.encoder(IdentityRequest)(request)


def by_operator(
    kind: RequestKind, *identifiers: Identifier, pairs: tuple[Pair, ...] = (), request_id: str = "r"
) -> IdentityRequest:
    return IdentityRequest(WORKSPACE, "", "operator", NOW, identifiers, kind, request_id, "my words", pairs=pairs)


def seen_together(*identifiers: Identifier) -> IdentityRequest:
    return IdentityRequest(WORKSPACE, "m", "shop", NOW, identifiers)


@pytest.mark.parametrize(
    ("request_", "rules", "reason"),
    [
        (
            by_operator("accept", pairs=(Pair(TYPO, EMAIL),)),
            BEFORE,
            "there is no namespace 'userid' (did you mean 'user_id'?)",
        ),
        (
            by_operator("accept", pairs=(Pair(MEI, EMAIL),)),
            AFTER,
            "'email:a@b.de' names nobody: the rules block this value",
        ),
        (
            by_operator("accept", pairs=(Pair(MEI, Identifier("group_id", "g")),)),
            BEFORE,
            "group_id names an account, and no person",
        ),
        (
            by_operator("unmerge", MEI, Identifier("email", "")),
            BEFORE,
            "the request holds a value that cannot name anybody",
        ),
        (by_operator("retract", pairs=(Pair(MEI, EMAIL),) * (MAX_PAIRS + 1)), BEFORE, "more than 10000 pairs"),
        (by_operator("unmerge", TYPO, MEI), BEFORE, "user_id:mei and userid:mei are not one person"),
        (by_operator("link"), BEFORE, "the request has no usable identifier"),
    ],
)
def test_a_request_that_cannot_be_decided_is_answered_with_the_reason(
    request_: IdentityRequest, rules: IdentityRules, reason: str
) -> None:
    graph = Graph()
    graph.fold(seen_together(MEI, EMAIL))
    (change,) = graph.changes(request_, rules)
    assert (change.kind, change.request_id, change.decision) == ("nothing", "r", 1)
    assert reason in change.reason
    assert change.identifiers == request_.identifiers


def test_a_request_of_an_unknown_workspace_is_answered_too() -> None:
    request = IdentityRequest("nowhere", "", "operator", NOW, (MEI, EMAIL), "unmerge", "r")
    (change,) = Graph().changes(request)
    assert (change.workspace, change.kind, change.decision) == ("nowhere", "nothing", 0)


def test_where_nobody_waits_for_an_answer_it_is_a_dead_letter() -> None:
    (output,) = Graph().fold(by_operator("accept", pairs=(Pair(TYPO, EMAIL),), request_id="")).outputs
    assert output.topic == EVENTS_DEAD


@pytest.mark.parametrize("unmerged", [CARD, EMAIL])
def test_what_the_rules_no_longer_let_name_anybody_can_be_unmerged(unmerged: Identifier) -> None:
    graph = Graph()
    graph.fold(seen_together(MEI, CARD, EMAIL))
    (change,) = graph.changes(by_operator("unmerge", MEI, unmerged), AFTER)
    assert (change.kind, len(change.claimants)) == ("unmerged", 2)
