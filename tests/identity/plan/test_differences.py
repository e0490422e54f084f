"""Plans of changed rules, against a fresh run under those rules and against what GRAPH makes of their requests."""

import uuid
from collections.abc import Iterable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.decide import decide
from identity.decision import Decision
from identity.entries import IdentifierEntry
from identity.ledger import Ledger
from identity.plan.differences import RulesComparison, RulesPlan
from identity.plan.requests import PlannedRequests
from identity.plan.simulation import MemoryStore, Observed, Present, simulate
from identity.resolve import apply_route, resolve
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.changes import PLANS
from schemas.identity import default_profile_id
from schemas.records import Identifier, IdentityRequest, Link, Pair

NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
MAIN = "main"
POOL = [
    Identifier(namespace, f"v{n}") for namespace in ("user_id", "email", "cookie", "anonymous_id") for n in range(4)
]
MEI, BOB = Identifier("user_id", "mei"), Identifier("user_id", "bob")
MAIL, OTHER_MAIL = Identifier("email", "mei@example.org"), Identifier("email", "m@example.org")
TABLET = Identifier("cookie", "tablet")
SOURCES = ("web", "crm")


def seen(*identifiers: Identifier, source: str = "web") -> Observed:
    return Observed(identifiers, source, f"{source}-{'+'.join(map(str, identifiers))}", 17)


def changed(namespace: str, rules: IdentityRules = DEFAULT_RULES, **fields: object) -> IdentityRules:
    """Rules that differ in one namespace."""
    namespaces = tuple(
        msgspec.structs.replace(rule, **fields) if rule.name == namespace else rule for rule in rules.namespaces
    )
    return msgspec.structs.replace(rules, namespaces=namespaces)


events = st.builds(
    lambda identifiers, source: seen(*identifiers, source=source),
    st.lists(st.sampled_from(POOL), min_size=1, max_size=4, unique=True),
    st.sampled_from(SOURCES),
)
histories = st.lists(events, max_size=20)
STRICT = changed("email", limit=1)
all_rules = st.sampled_from(
    [
        DEFAULT_RULES,
        STRICT,
        changed("user_id", limit=None, unique=False),
        changed("user_id", limit=2, unique=False),
        changed("cookie", shared="first_owner"),
        changed("cookie", kind="person"),
        changed("anonymous_id", blocked=frozenset({"v0", "v1"})),
        changed("user_id", blocked=frozenset({"v0"})),
        msgspec.structs.replace(DEFAULT_RULES, max_identifiers=3),
        msgspec.structs.replace(DEFAULT_RULES, max_fan_in=1),
        msgspec.structs.replace(DEFAULT_RULES, namespaces=DEFAULT_RULES.namespaces[::-1]),
        msgspec.structs.replace(
            DEFAULT_RULES,
            namespaces=tuple(namespace for namespace in DEFAULT_RULES.namespaces if namespace.name != "email"),
        ),
    ]
)


class Installation:
    """RESOLVE and GRAPH as they run, and what the warehouse has of them."""

    def __init__(self, rules: IdentityRules) -> None:
        self.rules = rules
        self.store = MemoryStore()
        self.links: list[Link] = []
        self.shared: set[Identifier] = set()
        self.unshared: set[Identifier] = set()
        self._entries: dict[Identifier, IdentifierEntry] = {}

    def see(self, history: Iterable[Observed]) -> "Installation":
        for observed in history:
            identifiers = self.rules.usable(observed.identifiers)
            if not identifiers:
                continue
            resolved = resolve(self._entries.get(identifiers[0]), identifiers, observed.source, NAMESPACE)
            if resolved.changed is not None:
                self._entries[identifiers[0]] = resolved.changed
            if resolved.requested:
                named = (identifiers[0], *resolved.requested)
                self.decide(IdentityRequest(MAIN, observed.message_id, observed.source, observed.occurred_at, named))
        return self

    def decide(self, request: IdentityRequest) -> Decision:
        decision = decide(request, self.store, NAMESPACE, self.rules)
        self.links += decision.links
        for change in decision.changes:
            if change.kind in {"shared", "unshared"}:
                self.shared.discard(change.identifiers[0])
                self.unshared.discard(change.identifiers[0])
                (self.shared if change.kind == "shared" else self.unshared).add(change.identifiers[0])
        for route in decision.routes:
            identifier = Identifier(route.namespace, route.value)
            self._entries[identifier] = apply_route(self._entries.get(identifier), route)
        return decision

    def operator(self, kind: str, *identifiers: Identifier, pairs: Sequence[Pair] = (), forbid: bool = False) -> None:
        self.decide(
            IdentityRequest(MAIN, "", "operator", 0, identifiers, kind, f"by hand {kind}", "", forbid, tuple(pairs))  # type: ignore[arg-type]
        )

    @property
    def present(self) -> Present:
        return Present.of(self.links, self.shared, self.unshared)

    def planned(self, history: Sequence[Observed], rules: IdentityRules) -> RulesPlan:
        present = self.present
        comparison = RulesComparison(MAIN, present, simulate(MAIN, history, present, rules), rules)
        return comparison.plan(self.profiles(comparison.identifiers))

    def profiles(self, identifiers: Iterable[Identifier]) -> dict[Identifier, str]:
        components = Ledger(self.store, MAIN, self.rules.rank).components
        return {
            identifier: default_profile_id(NAMESPACE, components.canonical_of(identifier)) for identifier in identifiers
        }

    def apply(self, plan: RulesPlan) -> None:
        """As a stack that was started again with the rules of the plan."""
        for request in plan.requests.requests(MAIN, 0, "rules"):
            self.decide(
                msgspec.structs.replace(request, request_id=f"{PLANS}1") if request.kind == "retract" else request
            )

    def persons(self) -> set[frozenset[Identifier]]:
        components = Ledger(self.store, MAIN, self.rules.rank).components
        persons: dict[Identifier, set[Identifier]] = {}
        for identifier in POOL:
            persons.setdefault(components.canonical_of(identifier), set()).add(identifier)
        return set(map(frozenset, persons.values()))


@given(histories, all_rules)
def test_unchanged_rules_change_nothing(history: list[Observed], rules: IdentityRules) -> None:
    assert Installation(rules).see(history).planned(history, rules).is_empty


@given(histories, all_rules, all_rules)
def test_an_applied_plan_comes_to_what_a_fresh_run_under_the_rules_comes_to(
    history: list[Observed], before: IdentityRules, after: IdentityRules
) -> None:
    """But for devices that stay shared, which a fresh run would not have found."""
    installation = Installation(before).see(history)
    plan = installation.planned(history, after)
    installation.rules = after
    installation.apply(plan)
    fresh = Installation(after).see(history)
    if not (plan.uncertain or plan.stay_shared):
        assert installation.persons() == fresh.persons()
    if not plan.uncertain:
        assert installation.planned(history, after).is_empty


@given(histories, all_rules)
def test_what_it_says_is_the_difference_of_both_runs(history: list[Observed], after: IdentityRules) -> None:
    installation, fresh = Installation(DEFAULT_RULES).see(history), Installation(after).see(history)
    plan = installation.planned(history, after)
    if plan.stay_shared:
        return
    before, then = installation.persons(), fresh.persons()
    assert {frozenset(person) for unmerge in plan.unmerges for person in unmerge.persons} == {
        new for old in before for new in then if new & old and not old <= new
    }
    assert {frozenset(person) for merge in plan.merges for person in merge.persons} == {
        new for new in then if not any(new <= old for old in before)
    }


@given(histories, all_rules, st.data())
def test_what_operators_decided_stays(history: list[Observed], after: IdentityRules, data: st.DataObject) -> None:
    installation = Installation(DEFAULT_RULES).see(history)
    active = sorted({(link.left, link.right) for link in installation.present.active()})
    if not active:
        return
    left, right = data.draw(st.sampled_from(active))
    installation.operator("retract", pairs=[Pair(left, right)], forbid=True)
    plan = installation.planned(history, after)
    installation.rules = after
    installation.apply(plan)
    forbidden = [link for link in installation.present.operators() if link.reason == "forbidden"]
    assert {(link.left, link.right) for link in forbidden} == {(left, right)}
    # Where devices rank before persons, what comes with a shared one may take a second plan.
    if not plan.uncertain and after.namespaces[0].kind == "person":
        assert installation.planned(history, after).is_empty


def test_whom_an_operator_has_forbidden_within_one_person_stays_apart_once_the_rest_is_taken_back() -> None:
    user, mail, other_mail = Identifier("user_id", "v0"), Identifier("email", "v0"), Identifier("email", "v1")
    laptop, mobile = Identifier("cookie", "v0"), Identifier("cookie", "v3")
    history = [seen(user, other_mail, laptop), seen(user, laptop, mobile), seen(mail, other_mail, mobile)]
    installation = Installation(DEFAULT_RULES).see(history)
    installation.operator("retract", pairs=[Pair(mail, mobile)], forbid=True)
    blocked = changed("user_id", blocked=frozenset({"v0"}))
    plan = installation.planned(history, blocked)
    installation.rules = blocked
    installation.apply(plan)
    assert {mail, mobile} <= {*plan.uncertain}
    assert installation.persons() >= {frozenset({mail}), frozenset({other_mail, laptop, mobile})}
    assert installation.planned(history, blocked).is_empty


def test_a_stricter_limit_unmerges_and_says_why() -> None:
    history = [seen(MEI, MAIL), seen(MEI, OTHER_MAIL)]
    installation = Installation(DEFAULT_RULES).see(history)
    plan = installation.planned(history, STRICT)
    (unmerge,) = plan.unmerges
    assert unmerge.profiles == (default_profile_id(NAMESPACE, MEI),)
    assert set(map(frozenset, unmerge.persons)) == {frozenset({MEI, MAIL}), frozenset({OTHER_MAIL})}
    assert [(tie.left, tie.right, tie.reason) for tie in unmerge.ties] == [(MEI, OTHER_MAIL, "limit:email")]
    assert plan.requests.retract == (Pair(MEI, OTHER_MAIL),)
    assert (plan.requests.link, plan.merges, plan.identifiers, plan.profiles) == ((), (), 1, 1)


def test_a_looser_limit_merges_by_the_evidence_that_was_refused() -> None:
    history = [seen(MEI, MAIL), seen(MEI, OTHER_MAIL)]
    plan = Installation(STRICT).see(history).planned(history, DEFAULT_RULES)
    (merge,) = plan.merges
    assert len(merge.profiles) == 2
    assert [(tie.left, tie.right, tie.message_id) for tie in merge.ties] == [(MEI, OTHER_MAIL, history[1].message_id)]
    (link,) = plan.requests.link
    assert (link.left, link.right, link.message_id, link.source) == (MEI, OTHER_MAIL, history[1].message_id, "web")
    assert plan.largest == (tuple(sorted((MEI, MAIL, OTHER_MAIL))),)


def test_a_value_that_is_blocked_now_unmerges_whom_it_tied() -> None:
    history = [seen(MAIL, TABLET), seen(OTHER_MAIL, TABLET)]
    loose = changed("cookie", kind="person")
    plan = Installation(loose).see(history).planned(history, changed("cookie", loose, blocked=frozenset({"tablet"})))
    (unmerge,) = plan.unmerges
    assert len(unmerge.persons) == 3
    assert {tie.reason for tie in unmerge.ties} == {"blocked"}


def test_an_identifier_without_events_of_its_own_is_no_profile_that_merges() -> None:
    history = [seen(MEI, MAIL), seen(MEI, OTHER_MAIL)]
    installation = Installation(STRICT).see(history)
    present = installation.present
    comparison = RulesComparison(MAIN, present, simulate(MAIN, history, present, DEFAULT_RULES), DEFAULT_RULES)
    plan = comparison.plan(installation.profiles([MEI, MAIL]))
    assert (plan.merges, plan.identifiers) == ((), 1)
    assert len(plan.requests.link) == 1


def test_what_an_apply_took_back_is_no_operators_decision() -> None:
    history = [seen(MEI, MAIL), seen(MEI, OTHER_MAIL)]
    installation = Installation(DEFAULT_RULES).see(history)
    installation.apply(installation.planned(history, STRICT))
    installation.rules = STRICT
    assert installation.planned(history, STRICT).is_empty
    assert len(installation.planned(history, DEFAULT_RULES).requests.link) == 1


def test_a_pair_that_an_operator_accepted_stays_accepted() -> None:
    rules = msgspec.structs.replace(DEFAULT_RULES, max_identifiers=2)
    history = [seen(MEI, MAIL), seen(MEI, OTHER_MAIL)]
    installation = Installation(rules).see(history)
    installation.operator("accept", pairs=[Pair(MEI, OTHER_MAIL)])
    assert installation.planned(history, rules).is_empty
    assert installation.planned(history, msgspec.structs.replace(rules)).is_empty


def test_what_an_operator_merged_stays_merged_and_may_be_taken_back_and_merged_anew() -> None:
    history = [seen(MEI, MAIL), seen(MEI, OTHER_MAIL), seen(BOB, TABLET)]
    installation = Installation(DEFAULT_RULES).see(history)
    installation.operator("merge", pairs=[Pair(OTHER_MAIL, TABLET)])
    assert installation.planned(history, DEFAULT_RULES).is_empty
    installation.operator("unmerge", BOB, TABLET)
    installation.operator("merge", pairs=[Pair(OTHER_MAIL, TABLET)])
    assert len(set(installation.profiles([MEI, MAIL, OTHER_MAIL, TABLET]).values())) == 1
    assert installation.planned(history, DEFAULT_RULES).is_empty
    plan = installation.planned(history, STRICT)
    installation.rules = STRICT
    installation.apply(plan)
    assert [link.source for link in installation.present.merged_by_hand()] == ["operator"]
    assert installation.planned(history, STRICT).is_empty


def test_a_merge_that_other_rules_refuse_is_taken_back_with_the_reason() -> None:
    history = [seen(MEI, MAIL), seen(BOB, OTHER_MAIL)]
    loose = changed("user_id", limit=2, unique=False)
    installation = Installation(loose).see(history)
    installation.operator("merge", pairs=[Pair(MEI, BOB)])
    plan = installation.planned(history, DEFAULT_RULES)
    assert [(tie.left, tie.right, tie.reason) for unmerge in plan.unmerges for tie in unmerge.ties] == [
        (BOB, MEI, "limit:user_id")
    ]


def test_what_an_operator_allowed_is_the_rules_to_decide() -> None:
    history = [seen(MEI, MAIL)]
    installation = Installation(DEFAULT_RULES).see(history)
    installation.operator("unmerge", MEI, MAIL, forbid=True)
    installation.see([seen(MEI, MAIL, source="crm")])
    assert installation.planned([*history, seen(MEI, MAIL, source="crm")], DEFAULT_RULES).is_empty
    installation.operator("allow", pairs=[Pair(MEI, MAIL)])
    assert installation.planned(history, DEFAULT_RULES).is_empty  # that of the shop was taken back
    assert not installation.planned([*history, seen(MEI, MAIL, source="crm")], DEFAULT_RULES).is_empty


def test_a_device_that_an_operator_unshared_is_not_shared_by_a_plan() -> None:
    history = [seen(MEI, TABLET), seen(BOB, TABLET)]
    installation = Installation(DEFAULT_RULES).see(history)
    installation.operator("unshare", TABLET)
    plan = installation.planned(history, DEFAULT_RULES)
    assert (plan.is_empty, plan.newly_shared, plan.stay_shared) == (True, (), ())
    assert len(set(installation.profiles([MEI, TABLET]).values())) == 1


def test_a_device_that_becomes_shared_is_shared_by_the_requests() -> None:
    loose = changed("user_id", limit=None, unique=False)
    loose = changed("cookie", loose, kind="person")
    history = [seen(MEI, TABLET), seen(BOB, TABLET)]
    installation = Installation(loose).see(history)
    plan = installation.planned(history, DEFAULT_RULES)
    assert plan.newly_shared == (TABLET,)
    installation.rules = DEFAULT_RULES
    installation.apply(plan)
    assert installation.shared == {TABLET}
    assert installation.planned(history, DEFAULT_RULES).is_empty


@pytest.mark.parametrize("pairs", [0, 1, 1_000, 1_001, 2_500])
def test_requests_hold_at_most_a_thousand_pairs(pairs: int) -> None:
    planned = PlannedRequests(tuple(Pair(MEI, Identifier("email", str(n))) for n in range(pairs)))
    requests = list(planned.requests(MAIN, 5, "rules 2"))
    assert [pair for request in requests for pair in request.pairs] == list(planned.retract)
    assert all(0 < len(request.pairs) <= 1_000 for request in requests)
