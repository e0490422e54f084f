"""What a change asks for, and how the story of a request ends."""

import pytest

from schemas.changes import RequestState, numbered, requires_rebuild, state
from schemas.records import ChangeKind, Claimant, IdentityChange


def change(kind: ChangeKind, decision: int = 1, request_id: str = "r", claims: int = 1) -> IdentityChange:
    return IdentityChange("main", decision, kind, 0, request_id=request_id, claimants=(Claimant("p", ()),) * claims)


@pytest.mark.parametrize(
    ("kind", "asks"), [("unmerged", True), ("shared", True), ("merged", False), ("rebuilt", False), ("unknown", False)]
)
def test_only_what_parts_profiles_asks_for_a_rebuild(kind: ChangeKind, asks: bool) -> None:
    assert requires_rebuild(change(kind)) is asks
    assert not requires_rebuild(change(kind, claims=0))


def test_an_order_of_one_request_has_its_id_and_one_of_several_counts_them() -> None:
    assert numbered("r", 1) == ("r",)
    assert numbered("r", 3) == ("r-1of3", "r-2of3", "r-3of3")


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ([], "unanswered"),
        ([change("nothing")], "unchanged"),
        ([change("unmerged")], "rebuilding"),
        ([change("unmerged"), change("rebuilt")], "done"),
        ([change("unmerged"), change("unmerged", 2), change("rebuilt")], "rebuilding"),
        ([change("unmerged", claims=0)], "done"),
        ([change("accepted")], "done"),
        ([change("nothing", request_id="r-1of2")], "unanswered"),
        ([change("unmerged", request_id="r-1of2"), change("rebuilt", request_id="r-1of2")], "unanswered"),
        ([change("nothing", request_id=f"r-{number}of2") for number in (1, 2)], "unchanged"),
        ([change("nothing", request_id="rules-r")], "done"),
        ([change("nothing", request_id="rules-r-1of2")], "unanswered"),
        ([change("unmerged", 2, "r-1of2"), change("nothing", 2, "r-2of2")], "rebuilding"),
        ([change("unmerged", 2, "r-1of2"), change("nothing", 2, "r-2of2"), change("rebuilt", 2, "r-1of2")], "done"),
    ],
)
def test_the_state_of_a_request_follows_from_what_was_told(
    published: list[IdentityChange], expected: RequestState
) -> None:
    assert state(published) == expected
