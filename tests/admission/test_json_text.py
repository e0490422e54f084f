"""JSON in and out: what is sound comes out as it went in, what is odd is repaired, what is no JSON refused."""

import json
from contextlib import suppress
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.json_text import (
    MAX_DEPTH,
    JsonObject,
    excerpt,
    mended,
    parse,
    parse_text,
    without_trailing_commas,
    written,
)
from admission.rejection import Rejection
from admission.repairs import MAX_REPAIRS, Repairs

NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)
ODD_TEXT = st.text(st.characters())
ODD_LEAVES = st.sampled_from(["NaN", "-Infinity", "1e999", "7", '"\\ud83d"', '"a\\udc00b"', "null"]) | ODD_TEXT.map(
    json.dumps
)
ODD_VALUES = st.recursive(
    ODD_LEAVES,
    lambda inner: st.lists(inner).map(lambda listed: f"[{','.join(listed)}]")
    | st.lists(st.tuples(ODD_TEXT.map(json.dumps) | st.just('"k"'), inner)).map(
        lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
    ),
    max_leaves=20,
)  # fmt: skip


def exact(text: str) -> object:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def repaired(body: bytes) -> tuple[str, list[tuple[str, str]]]:
    """The text that becomes of an object, and its repairs."""
    repairs = Repairs()
    text = written(as_object(body), "p", repairs).text
    return text, [(repair.field, repair.reason) for repair in repairs.listed()]


def as_object(body: bytes) -> JsonObject:
    parsed = parse(body)
    assert isinstance(parsed, dict)
    return parsed


@given(st.dictionaries(TEXT, VALUES), st.booleans())
def test_sound_objects_come_out_as_they_went_in(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    out, repairs = repaired(text.encode())
    assert exact(out) == exact(text)
    assert repairs == []


@given(st.binary())
def test_any_bytes_are_a_value_or_a_rejection(body: bytes) -> None:
    with suppress(Rejection):
        assert excerpt(parse(body))


@given(ODD_VALUES)
def test_whatever_is_odd_becomes_an_object_that_every_reader_reads_alike(value: str) -> None:
    body = f'{{"x":{value}}}'.encode()
    out, repairs = repaired(body)
    strict = json.loads(out, parse_constant=pytest.fail)
    assert msgspec.json.decode(out) == strict
    assert repaired(out.encode()) == (out, [])
    if not repairs:
        assert exact(out) == exact(body.decode())


@pytest.mark.parametrize(
    ("body", "text", "repairs"),
    [
        (b'{"a":"pizza \\ud83d","b":7}', '{"a":"pizza \ufffd","b":7}', [("p.a", "broken_character")]),
        (b'{"a":["\\udc00 Sale"]}', '{"a":["\ufffd Sale"]}', [("p.a.0", "broken_character")]),
        (b'{"a\\ud83d":1}', '{"a\ufffd":1}', [("p.a?", "broken_character")]),
        (b'{"a":"\\ud83d\\ude00"}', '{"a":"\U0001f600"}', []),
        (b'{"a":"Mozilla \xe9"}', '{"a":"Mozilla \ufffd"}', [("p.a", "broken_character")]),
        (b'{"a":"caf\xc3"}', '{"a":"caf\ufffd"}', [("p.a", "broken_character")]),
        (b'{"\xff":{"b":1}}', '{"\ufffd":{"b":1}}', [("p.?", "broken_character")]),
        ('{"a":"\ufffd"}'.encode(), '{"a":"\ufffd"}', []),
        (b'{"a":"\\ufffd"}', '{"a":"\ufffd"}', []),
        (b'{"plan":"pro","score":NaN}', '{"plan":"pro"}', [("p.score", "invalid_number")]),
        (b'{"a":[1,-Infinity,2]}', '{"a":[1,null,2]}', [("p.a.1", "invalid_number")]),
        (b'{"a":1e999,"b":1e-999}', '{"b":1e-999}', [("p.a", "invalid_number")]),
        (b'{"a":1' + b"0" * 400 + b',"b":1e303}', '{"b":1e303}', [("p.a", "invalid_number")]),
        (b'{"a":1' + b"0" * 400 + b"}", "{}", [("p.a", "invalid_number")]),
        (b'{"a":1,"b":2,"a":3}', '{"a":3,"b":2}', [("p.a", "repeated_key")]),
        (b'{"x":[{"a":1,"a":NaN}]}', '{"x":[{}]}', [("p.x.0.a", "repeated_key"), ("p.x.0.a", "invalid_number")]),
        (b'{"a\\ud800":1,"a\\ud801":2}', '{"a\ufffd":2}', [("p.a?", "broken_character")]),
        (b'{"a":[-0,1.10,1E2,12345678901234567890.10]}', '{"a":[-0,1.10,1E2,12345678901234567890.10]}', []),
        (b'{"a":"one\ntwo\tthree\x00"}', '{"a":"one\\ntwo\\tthree\\u0000"}', []),
    ],
)  # fmt: skip
def test_an_odd_character_is_repaired_and_named(body: bytes, text: str, repairs: list[tuple[str, str]]) -> None:
    assert repaired(body) == (text, repairs)


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 90, 110, 5_000, 100_000])
def test_what_is_nested_too_deep_is_left_out(levels: int) -> None:
    inner = b'{"d":' * (levels - 2) + b'"]["' + b"}" * (levels - 2)
    text, repairs = repaired(b'{"a":[' + inner + b',"}"],"b":1}')
    assert json.loads(text)["b"] == 1
    assert json.loads(text)["a"][1] == "}"
    assert text.count("{") == MAX_DEPTH - 1
    assert repairs == [("p.a.0" + ".d" * (MAX_DEPTH - 2), "too_deep")]


def test_the_deepest_that_is_allowed_is_kept() -> None:
    body = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert repaired(body) == (body.decode(), [])


def test_no_more_repairs_are_named_than_a_few() -> None:
    text, repairs = repaired(b'{"a":[' + b",".join([b"NaN"] * 100) + b"]}")
    assert json.loads(text) == {"a": [None] * 100}
    assert repairs == [(f"p.a.{index}", "invalid_number") for index in range(MAX_REPAIRS)]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"a": 1,\n }', "line 2, column 2"),
        (b"", "the body is empty"),
        (b" \r\n", "the body is empty"),
        (b"plain", "line 1, column 1"),
        (b'{"a": \xff}', "line 1, column 7 (nor is it UTF-8: byte 6 is 0xff)"),
        ('{"a": 1}'.encode("utf-16"), "(nor is it UTF-8: byte 0 is 0xff)"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
        (b'{"a": "' + b"x" * 10, "not JSON"),
    ],
)
def test_what_is_no_json_is_refused_with_its_position(body: bytes, message: str) -> None:
    with pytest.raises(Rejection) as caught:
        parse(body)
    assert caught.value.code == "invalid_json"
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ('{"a": 1,}', '{"a": 1}'),
        ('{"a": [1, 2 ,\n ], }', '{"a": [1, 2 \n ] }'),
        ('{"a,}": ",]", "b": "\\",}"}', '{"a,}": ",]", "b": "\\",}"}'),
        ('{"a": 1,,}', '{"a": 1,}'),
        ('"' + '\\"' * 5 + ",}", '"' + '\\"' * 5 + ",}"),
    ],
)
def test_commas_before_an_end_go_outside_of_texts(text: str, without: str) -> None:
    assert without_trailing_commas(text) == without


@given(st.dictionaries(TEXT, VALUES))
def test_without_trailing_commas_json_stays_as_it_is(value: object) -> None:
    text = json.dumps(value)
    assert without_trailing_commas(text) == text


@given(ODD_TEXT)
def test_a_mended_text_can_be_encoded_and_only_halves_change(text: str) -> None:
    assert mended(text).encode().decode() == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") or any(
        "\ud800" <= character <= "\udfff" for character in text
    )
    assert len(mended(text)) == len(text)


def test_a_text_is_parsed_as_a_body_is() -> None:
    assert parse_text('{"a": [1, "\ud83d"]}') == {"a": [1, "\ud83d"]}
