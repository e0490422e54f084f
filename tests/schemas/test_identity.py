"""Profile ids and keys, as they follow from identifiers."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import default_profile_id, identifier_key, profile_key, split_profile_key
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


@given(st.text(min_size=1), st.uuids().map(str))
def test_a_profile_key_says_whose_it_is(workspace: str, profile_id: str) -> None:
    assert split_profile_key(profile_key(workspace, profile_id)) == (workspace, profile_id)


@pytest.mark.parametrize(
    "key", [None, b"", b"main", b"main|", b"main|short", b"|" + b"0" * 36, b"0" * 36, b"\xff|" + b"0" * 36]
)
def test_a_key_of_another_shape_is_refused(key: bytes | None) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - a UnicodeDecodeError is a ValueError without words of ours
        split_profile_key(key)
