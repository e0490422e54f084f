"""Blanks around a value are no matter, whatever they look like."""

import pytest

from identity.blanks import stripped


@pytest.mark.parametrize(
    "blank", [" ", "\t", "\u00a0", "\u3000", "\u202f", "\ufeff", "\u200b", "\u2060", "\u200e", "\u202a"]
)
def test_a_blank_of_any_kind_goes_from_the_ends_alone(blank: str) -> None:
    assert stripped(f"{blank} a{blank}b {blank}") == f"a{blank}b"
    assert stripped(f"{blank}中{blank}") == "中"
    assert stripped(blank * 3) == ""
