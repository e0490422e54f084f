"""The past and the present of who is who, as a plan reads them."""

from itertools import pairwise

import pytest

from identity.plan.simulation import Observed
from schemas import topics
from schemas.records import Claim, Claimant, Identifier, IdentityChange, Owner
from tests.sinks.examples import NOW, insert, placed
from tests.sinks.history import MINUTE_MS, START, device_profile_of, family, named, profile_of, tie
from tests.sinks.history import History as Told
from warehouse.client import Warehouse
from warehouse.queries.history import History

pytestmark = pytest.mark.stack


def test_what_was_seen_together_is_observed_first_and_last_by_source_in_order(
    warehouse: Warehouse, workspace: str
) -> None:
    told = Told(workspace)
    for at, source in enumerate(("web", "web", "crm", "web")):
        told.event(f"m{at}", "user_id:ada", "email:ada@example.com", source=source)
    told.event("alone", "user_id:ben")
    told.write(warehouse)
    together = (named("user_id:ada"), named("email:ada@example.com"))
    assert list(History(warehouse, workspace).observed()) == [
        Observed(together, "web", "m0", START + MINUTE_MS),
        Observed(together, "crm", "m2", START + 3 * MINUTE_MS),
        Observed(together, "web", "m3", START + 4 * MINUTE_MS),
    ]


def test_the_present_is_what_ties_now_and_what_operators_have_decided(
    warehouse: Warehouse, family_workspace: str
) -> None:
    present = History(warehouse, family_workspace).present()
    assert {(str(link.left), str(link.right)) for link in present.active() if link.source == "web"} == {
        ("user_id:ada", "email:ada@example.com"),
        ("user_id:ada", "anonymous_id:laptop"),
    }
    assert [(str(link.right), link.status) for link in present.operators()] == [("external_id:crm-7", "retracted")]
    assert (list(present.shared), list(present.unshared)) == ([named("anonymous_id:tablet")], [])


def test_a_device_that_was_unshared_is_told_apart(warehouse: Warehouse, workspace: str) -> None:
    told = family(workspace)
    told.operator("unshare", "r9", "anonymous_id:tablet")
    told.write(warehouse)
    present = History(warehouse, workspace).present()
    assert (list(present.shared), list(present.unshared)) == ([], [named("anonymous_id:tablet")])


def test_who_is_around_is_found_over_active_links_up_to_a_bound(warehouse: Warehouse, workspace: str) -> None:
    chain = [Identifier("email", f"{at}@example.com") for at in range(6)]
    links = [tie(workspace, left, right, at) for at, (left, right) in enumerate(pairwise(chain))]
    links.append(tie(workspace, chain[5], Identifier("email", "other@example.com"), 9, status="refused"))
    insert(warehouse, [placed(topics.IDENTITY_LINKS, link, at) for at, link in enumerate(links)])
    history = History(warehouse, workspace)
    found = history.around([chain[0]])
    assert found is not None
    assert len(found.links) == 6
    assert history.around([chain[0]], most=3) is None


def test_owners_of_devices_are_found_by_any_of_their_persons(warehouse: Warehouse, workspace: str) -> None:
    device, ada, ben = named("anonymous_id:till"), named("user_id:ada"), named("user_id:ben")
    claims = [(Claim("anonymous_id", "till", NOW + at),) for at in (0, 10)]
    claimants = (Claimant(profile_of("user_id:ada"), claims[0]), Claimant(profile_of("user_id:ben"), claims[1]))
    change = IdentityChange(
        workspace, 3, "attributed", NOW, identifiers=(device, ada, ben), claimants=claimants,
        profile_id=device_profile_of("anonymous_id:till"),
    )  # fmt: skip
    insert(warehouse, [placed(topics.IDENTITY_CHANGES, change, 0)])
    history = History(warehouse, workspace)
    owners = (Owner(NOW, *_named(ada)), Owner(NOW + 10, *_named(ben)))
    assert history.sign_ins_with([ben]) == {device: owners}
    assert history.sign_ins_with([named("user_id:eve")]) == history.sign_ins_with([]) == {}


def test_profiles_are_found_and_counted(warehouse: Warehouse, family_workspace: str) -> None:
    history = History(warehouse, family_workspace)
    identifiers = [named("user_id:ada"), named("email:ada@example.com"), named("user_id:nobody")]
    ada = profile_of("user_id:ada")
    assert history.profile_of(identifiers) == {identifiers[0]: ada, identifiers[1]: ada}
    assert history.profile_of([]) == {}
    assert history.profiles() == 7


def _named(identifier: Identifier) -> tuple[str, str]:
    return identifier.namespace, identifier.value
