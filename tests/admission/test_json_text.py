"""JSON in and out: what is accepted comes out as it went in, what is not is refused with its place."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.json_text import check, compact, excerpt, parse
from admission.rejection import Rejection

NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


def exact(text: str) -> object:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


@given(VALUES, st.booleans())
def test_values_come_out_as_they_went_in(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    parsed = parse(text.encode())
    check(parsed)
    assert exact(compact(parsed)) == exact(text)


@given(st.binary())
def test_any_bytes_are_a_value_or_a_rejection(body: bytes) -> None:
    with suppress(Rejection):
        assert excerpt(parse(body))


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b'{"a": 1,\n }', "invalid_json", "line 2, column 2"),
        (b"", "invalid_json", "line 1, column 1"),
        (b'{"a": "\xff"}', "invalid_json", "byte 7 is 0xff"),
        (b"[" * 100_000, "too_deep", "32 levels"),
        (b'{"a":' * 100_000, "too_deep", "32 levels"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(body: bytes, code: str, message: str) -> None:
    with pytest.raises(Rejection) as caught:
        parse(body)
    assert caught.value.code == code
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"a": {"b": 1, "b": 1}}', "duplicate_key"),
        (b'{"a": [NaN]}', "invalid_number"),
        (b'{"a": -Infinity}', "invalid_number"),
        (b'{"a": 1e400}', "invalid_number"),
        (b'{"a": 1' + b"0" * 400 + b"}", "invalid_number"),
    ],
)
def test_what_readers_disagree_about_is_refused(body: bytes, code: str) -> None:
    with pytest.raises(Rejection) as caught:
        check(parse(body))
    assert caught.value.code == code
    assert (caught.value.field or "").startswith("a")
