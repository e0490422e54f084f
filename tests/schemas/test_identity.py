"""Profile ids and keys, as they follow from identifiers."""

import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import (
    default_profile_id,
    device_profile_id,
    identifier_key,
    kind_of,
    profile_key,
    split_profile_key,
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


@given(identifiers, identifiers)
def test_different_identifiers_have_different_keys(one: Identifier, other: Identifier) -> None:
    assert (identifier_key("main", one) == identifier_key("main", other)) == (one == other)


@given(st.text(min_size=1), st.uuids(), identifiers, st.sampled_from([default_profile_id, device_profile_id]))
def test_a_profile_key_says_whose_it_is(
    workspace: str, namespace: uuid.UUID, identifier: Identifier, make: Callable[[uuid.UUID, Identifier], str]
) -> None:
    profile_id = make(namespace, identifier)
    assert split_profile_key(profile_key(workspace, profile_id)) == (workspace, profile_id)


@given(st.uuids(), identifiers)
def test_a_profile_id_says_of_what_kind_it_is_and_is_a_uuid(namespace: uuid.UUID, identifier: Identifier) -> None:
    person, device = default_profile_id(namespace, identifier), device_profile_id(namespace, identifier)
    assert (kind_of(person), kind_of(device)) == ("person", "device")
    assert (uuid.UUID(person).version, uuid.UUID(device).version) == (5, 8)
    assert uuid.UUID(device).variant == uuid.RFC_4122


PERSON, ACCOUNT = "4b9d3d82-ed48-5589-84d0-ff91158b9c7d", "4b9d3d82-ed48-8a89-84d0-ff91158b9c7d"


def test_accounts_have_ids_and_keys_of_their_own() -> None:
    assert kind_of(ACCOUNT) == "account"
    assert profile_key("main", ACCOUNT) == f"main|account|{ACCOUNT}".encode()


@pytest.mark.parametrize(
    "key",
    [
        None, b"", b"main", b"main|", b"main|short", b"main|person|short", PERSON.encode(),
        f"|person|{PERSON}".encode(),
        f"main|{PERSON}".encode(), f"main|device|{PERSON}".encode(), f"main|person|{ACCOUNT}".encode(),
        b"main|person|" + b"0" * 36, b"\xff|person|" + PERSON.encode(),
    ],
)  # fmt: skip
def test_a_key_of_another_shape_is_refused(key: bytes | None) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a UnicodeDecodeError is a ValueError without words of ours
        split_profile_key(key)
