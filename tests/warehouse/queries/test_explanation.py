"""Why identifiers are one person: links, what was not followed, and decisions, from the tables that the sink fills."""

import uuid
from collections.abc import Callable
from itertools import pairwise

import pytest

from identity.rules import DEFAULT_RULES
from schemas import topics
from schemas.records import Claimant, Identifier, IdentityChange
from tests.sinks.examples import NOW, insert, placed
from tests.sinks.history import FAMILY_RULES, History, family, named, profile_of, tie
from tests.support.kinds import one_is_enough
from tests.support.people import HOSTILE
from warehouse.client import Warehouse
from warehouse.queries.explanation import Explanation, explain

pytestmark = pytest.mark.stack

Ask = Callable[..., Explanation]


@pytest.fixture
def ask(warehouse: Warehouse, workspace: str) -> Ask:
    def ask(identifier: str, most: int = 2_000) -> Explanation:
        found = explain(warehouse, workspace, named(identifier), DEFAULT_RULES, most)
        assert found is not None
        return found

    return ask


def test_each_identifier_of_a_person_is_explained_by_the_same_evidence(ask: Ask, family_workspace: str) -> None:
    ada = ask("user_id:ada")
    assert ada.workspace == family_workspace
    assert ada.profile_id == profile_of("user_id:ada")
    assert [(one.namespace, one.kind, one.shared) for one in ada.identifiers] == [
        ("user_id", "person", False),
        ("email", "person", False),
        ("anonymous_id", "device", False),
    ]
    assert {one.profile_id for one in ada.identifiers} == {ada.profile_id}
    laptop = ask("anonymous_id:laptop")
    assert (laptop.identifiers, laptop.links, laptop.changes) == (ada.identifiers, ada.links, ada.changes)


def test_a_link_names_its_event_time_source_and_rules(ask: Ask, family_workspace: str) -> None:
    assert family_workspace
    (link,) = (one for one in ask("user_id:ada").links if one.right.namespace == "email")
    assert (link.message_id, link.type, link.event, link.source) == ("m1", "identify", None, "web")
    assert (link.occurred_at, link.rule_version, link.decision) == ("2026-03-01T08:01:00.000Z", FAMILY_RULES.version, 1)


def test_what_was_refused_and_taken_back_is_shown_with_its_reason_and_history(ask: Ask, family_workspace: str) -> None:
    assert family_workspace
    ada = ask("user_id:ada")
    assert [(one.left.value, one.reason) for one in ada.refused] == [("eve", "limit:user_id")]
    tablet, crm = ada.retracted
    assert (tablet.right.value, tablet.reason, tablet.event) == ("tablet", "shared", "Signed In")
    assert [(one.decision, one.status) for one in tablet.earlier] == [(2, "active")]
    assert (crm.right.value, crm.reason, crm.request_id) == ("crm-7", "unmerged", "r1")
    assert [(one.value, one.decision) for one in ada.shared] == [("tablet", 3)]


def test_decisions_about_a_person_are_shown_in_order_with_their_rebuilds(ask: Ask, family_workspace: str) -> None:
    assert family_workspace
    changes = ask("user_id:ada").changes
    assert [(one.decision, one.kind) for one in changes] == [
        (1, "merged"), (2, "merged"), (3, "shared"), (3, "rebuilt"),
        (5, "merged"), (6, "refused"), (7, "unmerged"), (7, "rebuilt"),
    ]  # fmt: skip
    split = changes[6]
    assert (split.request_id, split.reason) == ("r1", "shifted columns")
    assert [claimant.profile_id for claimant in split.claimants] == [
        profile_of("user_id:ada"),
        profile_of("external_id:crm-7"),
    ]


def test_what_another_persons_request_did_not_change_is_not_shown(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    history = family(workspace)
    history.unmerge("r2", "user_id:nobody", "cookie:none")
    history.unmerge("r3", "user_id:ada", "cookie:none")
    history.write(warehouse)
    assert [one.request_id for one in ask("user_id:ada").changes if one.kind == "nothing"] == ["r3"]


def test_a_request_without_effect_comes_after_the_rebuild_of_the_decision_before(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    profiles, pair = ("p1", "p2"), (named("user_id:ada"), named("cookie:c"))
    claims = tuple(Claimant(profile_id, ()) for profile_id in profiles)
    changes = [
        IdentityChange(workspace, 1, "unmerged", NOW, "r1", identifiers=pair, claimants=claims),
        IdentityChange(workspace, 1, "nothing", NOW + 1, "r2", identifiers=pair),
        IdentityChange(workspace, 1, "rebuilt", NOW + 2, "r1", claimants=claims),
    ]
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, change, at) for at, change in enumerate(changes)])
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), 0)])
    assert [one.kind for one in ask("user_id:ada").changes] == ["unmerged", "rebuilt", "nothing"]


def test_decisions_about_a_profile_that_was_merged_into_the_persons_are_shown(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    history = History(workspace)
    history.event("m1", "email:mei@example.com", "anonymous_id:phone")
    history.event("m2", "user_id:ben", "email:ben@example.com")
    history.event("m3", "user_id:mei", "anonymous_id:phone")
    history.event("m4", "user_id:ben", "anonymous_id:phone")
    history.event("m5", "phone:+4930123456", "email:mei@example.com")
    history.write(warehouse)
    changes = [(one.kind, [str(each) for each in one.identifiers]) for one in ask("email:mei@example.com").changes]
    assert ("shared", ["anonymous_id:phone", "user_id:ben"]) in changes
    assert changes[-1][0] == "merged"


def test_what_became_of_a_profile_after_it_was_unmerged_again_is_its_own_story(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    history = History(workspace)
    history.event("m1", "user_id:mei", "email:mei@example.com")
    history.event("m2", "user_id:mei", "external_id:7")
    history.unmerge("r", "user_id:mei", "external_id:7")
    history.event("m3", "external_id:7", "cookie:other")
    history.write(warehouse)
    assert [one.kind for one in ask("user_id:mei").changes] == ["merged", "merged", "unmerged", "rebuilt"]
    assert [one.kind for one in ask("cookie:other").changes][-1] == "merged"


def test_an_identifier_that_is_tied_to_nothing_stands_alone(ask: Ask, family_workspace: str) -> None:
    assert family_workspace
    found = ask("external_id:crm-7")
    assert (len(found.identifiers), found.links) == (1, ())
    assert [one.kind for one in found.changes] == ["merged", "unmerged", "rebuilt"]


def test_an_identifier_without_links_or_decisions_is_explained_by_its_profile(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    history = History(workspace)
    history.event("m1", "anonymous_id:new")
    history.write(warehouse)
    found = ask("anonymous_id:new")
    assert (found.profile_id, found.links, found.changes) == (profile_of("anonymous_id:new"), (), ())


def test_links_of_which_no_profile_tells_yet_are_walked_all_the_same(
    ask: Ask, warehouse: Warehouse, workspace: str
) -> None:
    chain = [Identifier("email", f"{at}@example.com") for at in range(12)]
    pairs = pairwise(chain)
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), at) for at, pair in enumerate(pairs)])
    found = ask(str(chain[5]))
    assert (found.profile_id, len(found.identifiers), len(found.links), found.cut) == (None, 12, 11, False)
    assert {(one.profile_id, one.kind) for one in found.identifiers} == {(None, "person")}


def test_the_walk_ends_at_its_bound_and_says_so(ask: Ask, warehouse: Warehouse, workspace: str) -> None:
    email = Identifier("email", "list@example.com")
    cookies = [Identifier("cookie", f"{at:04}") for at in range(2_100)]
    insert(
        warehouse,
        [placed(topics.IDENTITY_LINKS, tie(workspace, email, one, at), at) for at, one in enumerate(cookies)],
    )
    found = ask(str(email))
    assert (len(found.identifiers), len(found.links), found.cut) == (2_000, 1_999, True)
    few = ask(str(email), most=3)
    assert [one.value for one in few.identifiers] == ["list@example.com", "0000", "0001"]


def test_evidence_of_two_sources_is_two_links(ask: Ask, warehouse: Warehouse, workspace: str) -> None:
    history = History(workspace)
    history.event("m1", "user_id:ada", "email:ada@example.com", source="web")
    history.event("m2", "user_id:ada", "email:ada@example.com", source="crm")
    history.write(warehouse)
    assert [(one.source, one.message_id) for one in ask("user_id:ada").links] == [("web", "m1"), ("crm", "m2")]


def test_a_namespace_without_rules_is_shown_without_a_kind(ask: Ask, warehouse: Warehouse, workspace: str) -> None:
    pair = named("email:a@example.com"), named("loyalty_card:7")
    insert(warehouse, [placed(topics.IDENTITY_LINKS, tie(workspace, *pair), 0)])
    assert [one.kind for one in ask("loyalty_card:7").identifiers] == ["person", None]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_found_as_it_is(ask: Ask, warehouse: Warehouse, workspace: str, value: str) -> None:
    history = History(workspace)
    history.event(f"m {value}", "user_id:ada", f"external_id:{value}", name=value, source=value, kind="track")
    history.write(warehouse)
    (link,) = ask(f"external_id:{value}").links
    assert (link.right.value, link.event, link.source, link.message_id) == (value, value, value, f"m {value}")


@pytest.mark.parametrize("character", one_is_enough(["\\", "x", '"', "\U0001f642"]))
def test_the_longest_values_are_found(ask: Ask, warehouse: Warehouse, workspace: str, character: str) -> None:
    values = [f"{character * 509}{at:03}" for at in range(100)]
    email = Identifier("email", "list@example.com")
    links = [tie(workspace, email, Identifier("cookie", value)) for value in values]
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(links)])
    assert len(ask(f"cookie:{values[0]}").identifiers) == 101
    assert explain(warehouse, workspace, Identifier("cookie", character * 513), DEFAULT_RULES) is None


def test_workspaces_do_not_see_each_other(warehouse: Warehouse, family_workspace: str) -> None:
    assert family_workspace
    assert explain(warehouse, f"w{uuid.uuid4().hex}", named("user_id:ada"), DEFAULT_RULES) is None
