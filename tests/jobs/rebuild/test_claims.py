"""Which profiles are rebuilt, by which decision, from which events."""

import pytest

from jobs.rebuild.claims import Claims, WantedRebuild, wanted_rebuilds
from schemas.records import ChangeKind, Claim, Claimant, Identifier, IdentityChange

ADA = Identifier("user_id", "ada")
PHONE = Identifier("anonymous_id", "phone")


def change(
    decision: int, *profiles: str, kind: ChangeKind = "unmerged", workspace: str = "main", value: str = "x"
) -> IdentityChange:
    claims = tuple(Claimant(profile, (Claim("user_id", value),)) for profile in profiles)
    return IdentityChange(workspace, decision, kind, 0, claimants=claims)


def test_of_several_decisions_about_a_profile_the_highest_counts_in_whatever_order_they_come() -> None:
    first, second = change(3, "a", "b", value="old"), change(7, "b", "c", value="new")
    expected = {
        "a": ("main", 3, first.claimants[0]),
        "b": ("main", 7, second.claimants[0]),
        "c": ("main", 7, second.claimants[1]),
    }
    for order in ([first, second], [second, first]):
        assert {wanted.claimant.profile_id: tuple(wanted) for wanted in wanted_rebuilds(order)} == expected


def test_profiles_of_two_workspaces_have_nothing_to_do_with_each_other() -> None:
    assert wanted_rebuilds([change(3, "a"), change(2, "a", workspace="other")]) == (
        WantedRebuild("main", 3, Claimant("a", (Claim("user_id", "x"),))),
        WantedRebuild("other", 2, Claimant("a", (Claim("user_id", "x"),))),
    )


def test_a_rebuilt_asks_for_nothing_though_it_names_profiles() -> None:
    assert wanted_rebuilds([change(3, "a", kind="rebuilt")]) == ()


@pytest.mark.parametrize(
    ("primary", "occurred_at", "held"),
    [
        (ADA, 5, True),
        (PHONE, 5, False),
        (PHONE, 9, False),
        (PHONE, 10, True),
        (PHONE, 19, True),
        (PHONE, 20, False),
        (PHONE, 30, True),
        (Identifier("user_id", "bob"), 15, False),
        (Identifier("anonymous_id", "ada"), 5, False),
    ],
    ids=[
        "claimed for ever",
        "outside of its periods",
        "before since",
        "at since",
        "before until",
        "at until",
        "second period",
        "another person",
        "the value in another namespace",
    ],
)
def test_an_event_is_claimed_by_its_primary_identifier_at_its_time(
    primary: Identifier, occurred_at: int, held: bool
) -> None:
    claims = (
        Claim("user_id", "ada"),
        Claim("anonymous_id", "phone", since=10, until=20),
        Claim("anonymous_id", "phone", since=30),
    )
    assert Claims(claims).hold(primary, occurred_at) is held


def test_each_value_is_queried_once() -> None:
    claims = (Claim("user_id", "a"), Claim("email", "a"), Claim("email", "b", since=1))
    assert Claims(claims).values == ("a", "b")
