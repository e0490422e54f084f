"""Devices whose events are attributed by sign-in: who owns them, and whose profiles are rebuilt."""

import msgspec

from identity.rules import DEFAULT_RULES
from schemas.records import Attribute, Claim, Claimant, Disown, Identifier, Owner, Pair, Rebuild
from tests.identity.deciding import AT, Graph, device_profile_of, kinds, outcomes, profile_of, sent

RULES = msgspec.structs.replace(
    DEFAULT_RULES,
    namespaces=tuple(
        msgspec.structs.replace(rule, shared="last_login") if rule.name == "anonymous_id" else rule
        for rule in DEFAULT_RULES.namespaces
    ),
)
TILL, KIM, LEA = Identifier("anonymous_id", "till"), Identifier("user_id", "kim"), Identifier("user_id", "lea")
KIMS = Identifier("email", "kim@example.org")


def _two_at_the_till() -> Graph:
    graph = Graph(RULES)
    graph.sign_in(KIM, TILL, at=AT + 10)
    graph.sign_in(LEA, TILL, at=AT + 20)
    return graph


def test_one_person_has_the_device_as_any_other() -> None:
    graph = Graph(RULES)
    decision = graph.sign_in(KIM, TILL)
    assert kinds(decision) == ["merged"]
    assert graph.are_one(KIM, TILL)
    assert graph.sign_in(KIM, TILL, at=AT + 5).changes == []


def test_a_second_person_shares_the_device_and_each_gets_its_time() -> None:
    graph = _two_at_the_till()
    held = (Owner(AT + 10, "user_id", "kim"), Owner(AT + 20, "user_id", "lea"))
    rebuilds = dict(sent(graph.decisions[-1], Rebuild))
    assert rebuilds.keys() == {profile_of(KIM), profile_of(LEA), device_profile_of(TILL)}
    assert rebuilds[device_profile_of(TILL)].owners == held
    assert rebuilds[profile_of(KIM)].reattributed == rebuilds[profile_of(LEA)].reattributed == (TILL,)
    shared = next(change for change in graph.decisions[-1].changes if change.kind == "shared")
    assert set(shared.claimants) == {
        Claimant(profile_of(KIM), (Claim("user_id", "kim"), Claim("anonymous_id", "till", None, AT + 20))),
        Claimant(profile_of(LEA), (Claim("user_id", "lea"), Claim("anonymous_id", "till", AT + 20))),
        Claimant(device_profile_of(TILL), (Claim("anonymous_id", "till"),)),
    }
    assert not graph.are_one(KIM, TILL)
    assert not graph.are_one(LEA, TILL)


def test_the_next_change_of_the_owner_rebuilds_nobody() -> None:
    graph = _two_at_the_till()
    decision = graph.sign_in(KIM, TILL, at=AT + 30)
    assert kinds(decision) == ["refused", "attributed"]  # what tied Kim to the till before is not followed any more
    assert decision.changes[-1].identifiers == (TILL, KIM)
    [(_, attribute)] = sent(decision, Attribute)
    assert [(owner.since - AT, owner.value) for owner in attribute.owners] == [(10, "kim"), (20, "lea"), (30, "kim")]
    assert [profile_id for profile_id, _ in sent(decision, Disown)] == [profile_of(LEA)]
    assert sent(decision, Rebuild) == []


def test_a_sign_in_that_changes_no_owner_publishes_nothing() -> None:
    graph = _two_at_the_till()
    assert graph.sign_in(LEA, TILL, at=AT + 30).commands == []
    assert graph.together(LEA, TILL, at=AT + 40).commands == []


def test_a_late_sign_in_shows_what_was_hidden_by_a_repeated_one() -> None:
    graph = _two_at_the_till()
    graph.sign_in(LEA, TILL, at=AT + 40)
    attributed = graph.sign_in(KIM, TILL, at=AT + 30).changes[-1]
    assert attributed.identifiers == (TILL, KIM, LEA)
    assert [claimant.claims[0].since for claimant in attributed.claimants] == [AT + 30, AT + 40]


def test_an_earlier_first_sign_in_is_published_though_nobody_loses_an_event() -> None:
    graph = _two_at_the_till()
    decision = graph.sign_in(KIM, TILL, at=AT + 5)
    attributed = decision.changes[-1]
    assert attributed.identifiers == (TILL, KIM, KIM)
    assert [claimant.claims for claimant in attributed.claimants] == [
        (Claim("anonymous_id", "till", AT + 5),),
        (Claim("anonymous_id", "till", AT + 10, AT + 10),),  # changes the owner no more
    ]
    assert not sent(decision, Disown)
    assert not sent(decision, Rebuild)


def test_a_review_leaves_the_owners_of_a_shared_device() -> None:
    graph = Graph(msgspec.structs.replace(RULES, max_fan_in=1))
    graph.together(KIM, TILL)
    assert outcomes(graph.sign_in(KIMS, TILL, at=AT + 5)) == [(TILL, "waiting", "fan_in")]
    graph.sign_in(LEA, TILL, at=AT + 20)
    held = graph.ledger.devices.sign_ins(TILL)
    assert KIMS in {sign_in.identifier for sign_in in held}
    graph.retract(Pair(KIMS, TILL))
    assert graph.ledger.devices.sign_ins(TILL) == held


def test_a_device_that_is_unshared_has_no_owner_any_more() -> None:
    graph = _two_at_the_till()
    change = graph.by_operator("unshare", (TILL,)).changes[1]
    assert (change.kind, change.identifiers) == ("attributed", (TILL, KIM, LEA))
    assert [claimant.claims[0].until for claimant in change.claimants] == [AT + 10, AT + 20]


def test_whoever_has_signed_in_is_rebuilt_when_the_device_is_unshared_also_who_owns_it_no_more() -> None:
    graph = _two_at_the_till()
    mia = Identifier("user_id", "mia")
    graph.sign_in(mia, TILL, at=AT + 10)  # Kim's events of it are hers: that Kim is rebuilt was not requested yet
    decision = graph.by_operator("unshare", (TILL,))
    assert {profile_of(person) for person in (KIM, LEA, mia)} <= {to for to, _ in sent(decision, Rebuild)}
    assert kinds(graph.by_operator("reattribute", (TILL, KIM))) == ["nothing"]


def test_persons_are_rebuilt_when_the_device_requests_it() -> None:
    graph = _two_at_the_till()
    graph.together(KIM, KIMS)
    decision = graph.by_operator("reattribute", (TILL, KIM))
    assert kinds(decision) == ["reattributed"]
    [(profile_id, rebuild)] = sent(decision, Rebuild)
    assert (profile_id, rebuild.identifiers) == (profile_of(KIM), (KIM, KIMS))
    assert [profile_id for profile_id, _ in sent(decision, Attribute)] == [device_profile_of(TILL)]


def test_a_person_that_comes_apart_keeps_its_time_on_the_device() -> None:
    graph = _two_at_the_till()
    graph.together(KIM, KIMS)
    decision = graph.unmerge(KIM, KIMS)
    claims = {claimant.profile_id: claimant.claims for claimant in decision.changes[0].claimants}
    assert Claim("anonymous_id", "till", None, AT + 20) in claims[profile_of(KIM)]
    assert claims[profile_of(KIMS)] == (Claim("email", "kim@example.org"),)


def test_sign_ins_whose_evidence_is_taken_back_do_not_count_later() -> None:
    graph = Graph(RULES)
    graph.sign_in(KIM, TILL, at=AT + 10)
    graph.retract(Pair(KIM, TILL), forbid=True)
    graph.sign_in(LEA, TILL, at=AT + 20)
    assert graph.are_one(LEA, TILL)
    assert [owner.value for owner in graph.ledger.devices.sign_ins(TILL)] == ["lea"]


def test_whoever_an_operator_keeps_apart_from_a_device_never_owns_it() -> None:
    graph = Graph(RULES)
    graph.sign_in(KIM, TILL, at=AT + 10)
    graph.retract(Pair(KIM, TILL), forbid=True)
    graph.sign_in(KIM, TILL, at=AT + 15)
    assert graph.ledger.devices.sign_ins(TILL) == ()


def test_a_device_that_stood_alone_is_attributed_once_the_policy_says_so() -> None:
    before = Graph(DEFAULT_RULES)
    before.together(KIM, TILL)
    before.together(LEA, TILL)
    assert before.ledger.devices.is_shared(TILL)
    graph = Graph(RULES, table=before.table)
    decision = graph.sign_in(LEA, TILL, at=AT + 20)
    assert kinds(decision) == ["shared", "attributed"]
    assert graph.ledger.devices.is_attributed(TILL)


def test_a_device_that_was_shared_without_a_sign_in_that_counts_is_attributed_from_the_first_one_on() -> None:
    before = Graph(DEFAULT_RULES)
    before.together(KIM, TILL)
    before.retract(Pair(KIM, TILL), forbid=True)
    before.together(LEA, TILL)
    graph = Graph(RULES, table=before.table)
    graph.sign_in(KIM, TILL)
    assert graph.ledger.devices.is_attributed(TILL)
    assert graph.ledger.devices.sign_ins(TILL) == ()

    decision = graph.sign_in(LEA, TILL, at=AT + 20)
    assert kinds(decision) == ["refused", "shared", "attributed"]
    assert {profile_id for profile_id, _ in sent(decision, Rebuild)} == {device_profile_of(TILL), profile_of(LEA)}
