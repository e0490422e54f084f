"""Judges say what is to be done, and write nothing: whoever applies their verdicts does."""

from hypothesis import given
from hypothesis import strategies as st

from identity.applying import apply
from identity.judging import JUDGES
from identity.judging.limits import ProposedMerge
from identity.judging.linking import SecondSignIn, judge_merge
from identity.judging.standing import Standing, standing
from identity.ledger import Component, ComponentMember, Ledger
from identity.profile_ids import ProfileIds
from identity.rules import DEFAULT_RULES
from identity.verdicts import ChangeNothing, LinkPairs, ShareDevice, Verdict
from schemas.records import Identifier, IdentityRequest, Pair, RequestKind
from tests.identity.deciding import AT, NAMESPACE, Graph, Table

ANN, BEN = Identifier("user_id", "ann"), Identifier("user_id", "ben")
MAIL, TABLET = Identifier("email", "ann@example.org"), Identifier("anonymous_id", "tablet")
POOL = (ANN, BEN, MAIL, TABLET)
KINDS: list[RequestKind] = ["link", "link", "unmerge", "retract", "accept", "refuse", "merge", "allow", "unshare"]
KINDS += ["reattribute", "unknown"]

requests = st.builds(
    lambda kind, ends: IdentityRequest(
        "main", "m", "shop", AT, DEFAULT_RULES.usable(ends), kind, pairs=(Pair(ends[0], ends[1]),)
    ),
    st.sampled_from(KINDS),
    st.lists(st.sampled_from(POOL), min_size=2, max_size=4, unique=True),
)


@given(st.lists(requests, max_size=15))
def test_only_applying_writes(history: list[IdentityRequest]) -> None:
    table = Table()
    ledger = Ledger(table, "main", DEFAULT_RULES.rank)
    for request in history:
        writes = table.writes
        for verdict in JUDGES[request.kind](request, ledger, DEFAULT_RULES):
            assert table.writes == writes
            apply(verdict, ledger, ProfileIds(NAMESPACE, ledger.devices))
            assert table.writes > writes or isinstance(verdict, ChangeNothing)
            writes = table.writes
        assert table.writes == writes


def _verdicts(graph: Graph, *identifiers: Identifier) -> list[Verdict]:
    """What is judged of an event, each applied before the next."""
    request = IdentityRequest("main", "m", "shop", AT, identifiers)
    verdicts = []
    for verdict in JUDGES["link"](request, graph.ledger, graph.rules):
        verdicts.append(verdict)
        apply(verdict, graph.ledger, ProfileIds(NAMESPACE, graph.ledger.devices))
    return verdicts


def test_a_shared_device_is_a_verdict_of_its_own_before_the_rest_is_linked() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, TABLET)
    share, link = _verdicts(graph, BEN, MAIL, TABLET)

    assert isinstance(share, ShareDevice)
    assert (share.device, share.persons, share.is_attributed) == (TABLET, (BEN,), False)
    assert isinstance(link, LinkPairs)
    assert [(pair.other, pair.evidence.status) for pair in link.pairs] == [(MAIL, "active"), (TABLET, "refused")]
    assert [component.canonical for component in link.components] == [BEN, MAIL]


def test_nothing_is_judged_of_what_is_known() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, MAIL)

    assert _verdicts(graph, ANN, MAIL) == []


def _alone(identifier: Identifier, *others: Identifier) -> Standing:
    members = tuple(ComponentMember(member.namespace, member.value, AT) for member in (identifier, *others))
    return Standing(identifier, Component(members), is_shared=False, fan_in=0, forbidden=frozenset())


def test_a_merge_is_judged_from_records_alone() -> None:
    primary, tablet = _alone(BEN), Standing(TABLET, _alone(ANN, TABLET).component, False, 1, frozenset())
    judged = judge_merge(ProposedMerge(primary, DEFAULT_RULES, AT), primary, [_alone(MAIL), tablet], DEFAULT_RULES)
    assert judged == SecondSignIn(tablet, (BEN,))

    shared = Standing(TABLET, _alone(TABLET).component, True, 0, frozenset())
    merge = ProposedMerge(primary, DEFAULT_RULES, AT)
    assert judge_merge(merge, primary, [_alone(MAIL), shared], DEFAULT_RULES) == {TABLET: "shared"}
    assert [component.canonical for component in merge.components] == [BEN, MAIL]


def test_a_standing_is_read_at_once() -> None:
    graph = Graph(DEFAULT_RULES)
    graph.together(ANN, MAIL)
    graph.unmerge(ANN, MAIL, forbid=True)
    graph.together(ANN, TABLET)

    assert standing(graph.ledger, MAIL, AT).forbidden == {ANN}
    assert standing(graph.ledger, TABLET, AT).fan_in == 1
