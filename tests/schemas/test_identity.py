"""Which identifiers count, which is the strongest, and the profile ids that follow."""

import uuid
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import (
    MAX_IDENTIFIERS,
    MAX_VALUE_LENGTH,
    default_profile_id,
    identifier_key,
    profile_key,
    rank,
    split_profile_key,
    usable,
)
from schemas.records import Identifier

NAMESPACES = ["user_id", "email", "crm.contact", "idfa", "anonymous_id", "session_id", "é_id"]
identifiers = st.builds(Identifier, st.sampled_from(NAMESPACES), st.text(min_size=1, max_size=6))


@given(st.uuids(), st.text(), st.text())
def test_a_default_profile_id_is_the_uuid_of_rfc_9562(namespace: uuid.UUID, name: str, value: str) -> None:
    identifier = Identifier(name, value)

    assert default_profile_id(namespace, identifier) == str(uuid.uuid5(namespace, f"{name}:{value}"))


def test_profile_ids_never_change_between_releases() -> None:
    namespace = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")

    assert default_profile_id(namespace, Identifier("user_id", "u1")) == "4b9d3d82-ed48-5589-84d0-ff91158b9c7d"


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
def test_usable_is_settled_after_once(given_identifiers: list[Identifier]) -> None:
    once = usable(given_identifiers)

    assert usable(once) == once
    assert set(once) <= set(given_identifiers)
    assert list(once) == sorted(once, key=rank)


@pytest.mark.parametrize(
    "value", ["", " ", "\u3000\u00a0", "a\nb", "a\x00b", "\x7f", "\ud800", "\u200b", "x" * (MAX_VALUE_LENGTH + 1)]
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


@given(identifiers, identifiers)
def test_different_identifiers_have_different_keys(one: Identifier, other: Identifier) -> None:
    assert (identifier_key("main", one) == identifier_key("main", other)) == (one == other)


@given(st.text(min_size=1), st.uuids().map(str))
def test_a_profile_key_says_whose_it_is(workspace: str, profile_id: str) -> None:
    assert split_profile_key(profile_key(workspace, profile_id)) == (workspace, profile_id)


@pytest.mark.parametrize(
    "key", [None, b"", b"main", b"main|", b"main|short", b"|" + b"0" * 36, b"0" * 36, b"\xff|" + b"0" * 36]
)
def test_a_key_of_another_shape_is_refused(key: bytes | None) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a UnicodeDecodeError is a ValueError without words of ours
        split_profile_key(key)
