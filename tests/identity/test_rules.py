"""Which identifiers count, and which is the strongest."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.rules import DEFAULT_RULES, MAX_IDENTIFIERS, MAX_VALUE_LENGTH, IdentityRules, Namespace
from schemas.records import Identifier

NAMESPACES = ["user_id", "email", "crm.contact", "idfa", "anonymous_id", "session_id", "é_id"]
identifiers = st.builds(Identifier, st.sampled_from(NAMESPACES), st.text(min_size=1, max_size=6))
# The shipped order, with what a user may have put between persons and devices; no value is blocked.
AT = [namespace.name for namespace in DEFAULT_RULES.namespaces].index("idfa")
OWN = tuple(map(Namespace, ("crm.contact", "loyalty_card", "é_id")))
RULES = IdentityRules((*DEFAULT_RULES.namespaces[:AT], *OWN, *DEFAULT_RULES.namespaces[AT:]))
rank, usable = RULES.rank, RULES.usable


def test_the_strength_of_namespaces_is_part_of_the_contract() -> None:
    weakest_last = ["user_id", "id_card", "unionid", "phone", "email", "openid", "external_id", "loyalty_card"]
    weakest_last += ["idfa", "gaid", "push_token", "cookie", "anonymous_id", "session_id"]
    shuffled = sorted(Identifier(namespace, "1") for namespace in weakest_last)

    assert [identifier.namespace for identifier in sorted(shuffled, key=rank)] == weakest_last


@given(st.lists(identifiers, max_size=12), st.randoms(use_true_random=False))
def test_usable_identifiers_depend_on_neither_order_nor_repetition(
    given_identifiers: list[Identifier], random: Random
) -> None:
    shuffled = given_identifiers * 2
    random.shuffle(shuffled)

    assert usable(shuffled) == usable(given_identifiers)


@given(st.lists(identifiers, max_size=12))
def test_usable_is_idempotent(given_identifiers: list[Identifier]) -> None:
    once = usable(given_identifiers)

    assert usable(once) == once
    assert set(once) <= set(given_identifiers)
    assert list(once) == sorted(once, key=rank)


@pytest.mark.parametrize(
    "value",
    ["", " ", "\u3000\u00a0", "a\nb", "a\x00b", "\x7f", "\ud800", "\u200b", "a\ufffd", "x" * (MAX_VALUE_LENGTH + 1)],
)
def test_values_that_name_nobody_are_left_out(value: str) -> None:
    assert usable([Identifier("user_id", value), Identifier("email", "e")]) == (Identifier("email", "e"),)


@pytest.mark.parametrize("namespace", ["", " ", "user id", "user:id", "user|id", "1st", "a..\n", "x" * 65])
def test_namespaces_that_would_break_a_key_are_left_out(namespace: str) -> None:
    assert usable([Identifier(namespace, "1")]) == ()


@pytest.mark.parametrize("value", ["0", "u 1", "漢字", "a:b|c", "😀", "x" * MAX_VALUE_LENGTH])
def test_odd_values_are_kept(value: str) -> None:
    assert usable([Identifier("user_id", value)]) == (Identifier("user_id", value),)


def test_of_many_identifiers_the_strongest_count() -> None:
    many = [Identifier("cookie", f"{number:03}") for number in range(500)] + [Identifier("user_id", "u1")]

    assert usable(many) == (Identifier("user_id", "u1"), *many[: MAX_IDENTIFIERS - 1])
