"""What is one slip away from a name, found among many at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.reading.slips import NearNames, is_slip

names = st.text("ab1", min_size=3, max_size=6)


@pytest.mark.parametrize("name", ["spnet", "spentt", "pent", "spet", "sqent", "pspent", "Spent", "\uff53pent"])
def test_a_slip_is_found(name: str) -> None:
    assert NearNames(["other", "spent", "spend_more"]).near(name) == "spent"


@pytest.mark.parametrize("name", ["spen_t_", "tneps", "spent2", "spe", "plan", "spent_30d", "s"])
def test_another_name_is_none(name: str) -> None:
    assert NearNames(["other", "spent", "spent1", "spent_90d", "t"]).near(name) is None


@given(names, st.sets(names, max_size=5))
def test_what_is_near_is_found_as_by_comparing_with_all(name: str, defined: set[str]) -> None:
    if name not in defined:
        near = NearNames(sorted(defined)).near(name)
        assert (near is not None) == any(is_slip(name, other) for other in defined)
        assert near is None or is_slip(name, near)
