"""Keys that open a look-up or an order: what is presented must be one of them, and nothing is none."""

import pytest

from runtime.http.callers import presents_key

KEY = "reader-0123456789abcdef"


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer  {KEY}", "Basic cmVhZGVyLTAxMjM0NTY3ODlhYmNkZWY6"])
def test_a_key_is_presented_as_bearer_or_as_user_name(header: str) -> None:
    assert presents_key(header, [KEY])


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer\t", "Basic", "Basic Og==", "Basic !", KEY])
@pytest.mark.parametrize("keys", [[], [""], [KEY], ["", KEY]])
def test_presenting_nothing_opens_nothing(header: str | None, keys: list[str]) -> None:
    assert not presents_key(header, keys)


def test_a_part_of_a_key_or_more_than_it_is_no_key() -> None:
    assert not presents_key(f"Bearer {KEY[:-1]}", [KEY])
    assert not presents_key(f"Bearer {KEY}x", [KEY])
    assert not presents_key(f"Bearer {KEY}ü", [KEY])
