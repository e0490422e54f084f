"""Cells: numbers are read with the signs of the file and keep their digits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sources.files.cells import json_writers, without_missing
from collectors.sources.files.mapping import ColumnKind, Format

PLAIN = Format()
GERMAN = Format(decimal=",", thousands=".")
ENGLISH = Format(thousands=",")
SWISS = Format(thousands="'")
FRENCH = Format(decimal=",", thousands=" ")


def test_missing_values_are_blank_as_they_are_written_alone() -> None:
    assert without_missing(["N/A", "n/a", "-", "-1", ""], frozenset({"N/A", "-"})) == ["", "n/a", "", "-1", ""]


@pytest.mark.parametrize(
    ("form", "text", "written"),
    [
        (PLAIN, "12.50", "12.50"),
        (PLAIN, "-0.5", "-0.5"),
        (PLAIN, "+12.5", "12.5"),
        (PLAIN, "\u221212.5", "-12.5"),
        (PLAIN, "007.50", "7.50"),
        (PLAIN, ".5", "0.5"),
        (PLAIN, "5.", "5"),
        (PLAIN, "1.5E+10", "1.5e+10"),
        (PLAIN, "2e-05", "2e-05"),
        (PLAIN, "１２.５", "12.5"),
        (PLAIN, "١٢٫٥", "12.5"),
        (PLAIN, "1234567890123456789012345678901.5", "1234567890123456789012345678901.5"),
        (GERMAN, "12,50", "12.50"),
        (GERMAN, "1.234.567,89", "1234567.89"),
        (GERMAN, "1.234", "1234"),
        (GERMAN, "-1.234,5", "-1234.5"),
        (ENGLISH, "1,234,567.89", "1234567.89"),
        (ENGLISH, "12,34,567.89", "1234567.89"),
        (ENGLISH, "1234567.89", "1234567.89"),
        (SWISS, "1'234.50", "1234.50"),
        (SWISS, "1\u2019234.50", "1234.50"),
        (FRENCH, "1 234,50", "1234.50"),
        (FRENCH, "1\u202f234\u00a0567,50", "1234567.50"),
    ],
)
def test_decimals_are_read_with_the_signs_of_the_file(form: Format, text: str, written: str) -> None:
    found = json_writers(form)["decimal"](text)
    assert found == written
    assert isinstance(json.loads(found), int | float)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (PLAIN, "1,5"),
        (PLAIN, "1,234.50"),
        (PLAIN, "1 234"),
        (PLAIN, "--5"),
        (PLAIN, "."),
        (PLAIN, "e5"),
        (PLAIN, "1e999"),
        (PLAIN, "NaN"),
        (PLAIN, "inf"),
        (PLAIN, "0x10"),
        (PLAIN, "12 %"),
        (PLAIN, "9" * 100_000),
        (GERMAN, "12.5"),
        (GERMAN, "1.23,5"),
        (GERMAN, "1,234.5"),
        (ENGLISH, "1,5"),
        (ENGLISH, ",123"),
        (ENGLISH, "1,23"),
        (FRENCH, "1  234,5,6"),
    ],
)
def test_what_has_other_signs_is_refused_and_not_guessed(form: Format, text: str) -> None:
    with pytest.raises(ValueError, match=f"is not a decimal number such as 12{form.decimal}50"):
        json_writers(form)["decimal"](text)


@pytest.mark.parametrize(
    ("form", "text", "written"),
    [
        (PLAIN, "12", "12"),
        (PLAIN, "-12", "-12"),
        (PLAIN, "+12", "12"),
        (PLAIN, "-0", "-0"),
        (PLAIN, "007", "7"),
        (PLAIN, "55520.0", "55520"),
        (PLAIN, "5.552e4", "55520"),
        (PLAIN, "999999999999999999", "999999999999999999"),
        (GERMAN, "55.520,00", "55520"),
    ],
)
def test_whole_numbers_may_be_written_as_spreadsheets_do(form: Format, text: str, written: str) -> None:
    assert json_writers(form)["integer"](text) == written


@pytest.mark.parametrize("text", ["1.5", "1e-1", "1000000000000000000", "1e18", "1e400", "one", "1,000"])
def test_other_numbers_are_not_whole(text: str) -> None:
    with pytest.raises(ValueError, match="is not a whole number of at most 18 digits"):
        json_writers(PLAIN)["integer"](text)


@pytest.mark.parametrize(
    ("text", "written"),
    [("TRUE", "true"), ("f", "false"), ("Yes", "true"), ("n", "false"), ("0", "false"), ("1", "true")],
)
def test_booleans(text: str, written: str) -> None:
    assert json_writers(PLAIN)["boolean"](text) == written


@given(
    st.text(min_size=1),
    st.sampled_from(("text", "integer", "decimal", "boolean")),
    st.sampled_from((PLAIN, GERMAN, FRENCH)),
)
def test_what_is_written_is_json(text: str, kind: ColumnKind, form: Format) -> None:
    try:
        written = json_writers(form)[kind](text)
    except ValueError:
        return
    json.loads(written)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_a_formatted_number_is_read_back(number: object) -> None:
    english = f"{number:,.4f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert json_writers(ENGLISH)["decimal"](english) == json_writers(GERMAN)["decimal"](german) == f"{number:.4f}"
