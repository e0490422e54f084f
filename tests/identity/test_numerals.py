"""A whole number has one notation, all its digits, and takes no longer than its text."""

import json
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.numerals import is_rounded, whole_number, without_point_zero

_EXACT = Context(prec=10_000)


@pytest.mark.parametrize(
    "number", ["55520", "55520.0", "55520.000", "5.552e4", "5552E1", "5552e+1", "555200e-1", "0.5552e5", "5.552e0004"]
)
def test_every_notation_of_a_whole_number_is_the_same(number: str) -> None:
    assert json.loads(number) == 55520
    assert whole_number(number) == "55520"


@pytest.mark.parametrize(
    ("number", "digits"),
    [
        ("9007199254740993.0", "9007199254740993"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1.2345678901234567890123e22", "12345678901234567890123"),
        ("1e308", "1" + "0" * 308),
        ("-42.0", "-42"),
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0.000e999999999999", "0"),
        ("1" + "0" * 600 + "e-600", "1"),
    ],
)
def test_all_digits_are_kept_and_zero_has_no_sign(number: str, digits: str) -> None:
    assert whole_number(number) == digits


@pytest.mark.parametrize(
    "number",
    ["1.5", "1e-1", "55521e-1", "1e400000", "1e-400000", f"1e{'9' * 10_000}", f"1e-{'9' * 10_000}", "1" * 513, "", "x"],
)
def test_what_is_not_whole_or_too_long_is_none(number: str) -> None:
    assert whole_number(number) is None


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_it_is_the_number_that_decimal_arithmetic_says(number: str) -> None:
    exact = _EXACT.create_decimal(number)
    digits = whole_number(number)
    assert (digits is not None) == (exact == exact.to_integral_value(context=_EXACT))
    assert digits is None or (Decimal(digits) == exact and digits == str(int(digits)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("55520.0", "55520"),
        ("-1.0", "-1"),
        ("0.0", "0"),
        ("-0.0", "0"),
        ("9007199254740993.0", "9007199254740993"),
        ("55520", "55520"),
        ("55520.00", "55520.00"),
        ("55520.5", "55520.5"),
        ("007.0", "007.0"),
        ("1.2.0", "1.2.0"),
        ("v1.0", "v1.0"),
        ("5.552e4", "5.552e4"),
        (".0", ".0"),
        ("५५.0", "५५.0"),
    ],
)
def test_a_text_loses_what_a_double_adds_and_nothing_else(text: str, expected: str) -> None:
    assert without_point_zero(text) == expected
    assert without_point_zero(expected) == expected


@pytest.mark.parametrize("text", ["1.23457E+11", "4,93012E+11", "5E+15", "1.2345678901234567e+17", "1.5e+300"])
def test_what_a_spreadsheet_has_rounded_is_known_by_its_form(text: str) -> None:
    assert is_rounded(text)


@pytest.mark.parametrize("text", ["1E5", "12E+11", "1.5E-11", "1.23457E+1", "u1E+11", "E+11", "0.5E+11", "1" * 600])
def test_other_texts_are_not_rounded_numbers(text: str) -> None:
    assert not is_rounded(text)
