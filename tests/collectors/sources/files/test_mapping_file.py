"""Mappings in YAML: what they become, and where an error is said to be."""

from pathlib import Path

import pytest

from collectors.sources.files.cdnow import MAPPING
from collectors.sources.files.mapping import FixedValue, Format, FromColumn, Time
from collectors.sources.files.mapping_file import read_mapping
from collectors.sources.files.problems import MappingError

ORDERS = """name: orders
workspace: main
source: erp
columns:
  customer: text
  at: text
  total: decimal
event: {column: at}
occurred_at: {column: at, zone: Europe/Berlin}
identifiers: {user_id: customer}
properties:
  total: total
  paid: {constant: true}
  currency: {constant: EUR}
"""


def test_the_shipped_mapping_of_cdnow() -> None:
    mapping = read_mapping(MAPPING)
    assert mapping.format == Format("spaces", ",", "skip", "ascii")
    assert mapping.event == "Order Completed"
    assert mapping.occurred_at == Time("date", "%Y%m%d", "UTC")
    assert mapping.properties["currency"] == FixedValue('"USD"')


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(ORDERS, encoding="utf-8")
    mapping = read_mapping(path)
    assert mapping.format == Format("csv", ",", "names", "utf-8")
    assert mapping.event == FromColumn("at")
    assert mapping.occurred_at == Time("at", "iso", "Europe/Berlin")
    assert mapping.properties == {
        "total": FromColumn("total"),
        "paid": FixedValue("true"),
        "currency": FixedValue('"EUR"'),
    }


@pytest.mark.parametrize(
    ("old", "new", "position", "message"),
    [
        ("name: orders", "name: a b", "1:7", "'a b'"),
        ("name: orders", "nome: orders", "1:1", "unknown entry 'nome'"),
        ("source: erp\n", "", "1:1", "'source' is missing"),
        ("total: decimal", "total: money", "7:10", "'money': expected one of text"),
        ("  total: decimal", "  at: decimal", "7:3", "'at' is there twice"),
        ("user_id: customer", "user_id: client", "10:24", "'client' is not under columns"),
        ("zone: Europe/Berlin", "zone: Berlin", "9:33", "no time zone"),
        ("zone: Europe/Berlin", "format: yesterday", "9:35", "'yesterday'"),
        ("identifiers: {user_id: customer}", "identifiers: {}", "10:14", "at least one identifier"),
        ("constant: true", "constant: [1]", "13:20", "a constant must be"),
        ("constant: true", "constant: .nan", "13:20", "no JSON value"),
        ("constant: true", 'constant: !!int "\\ud800"', "13:20", "no JSON value"),
        ("source: erp", "source: operator", "3:9", "'operator': that is what operators say by hand"),
        ("source: erp", "source: erp\nformat: {delimiter: ab}", "4:21", "one character"),
        ("zone: Europe/Berlin", "format: '%H:%M'", "9:35", "does not say the year"),
        ("source: erp", "source: erp\nformat: {encoding: klingon}", "4:20", "'klingon' is no known encoding"),
        ("source: erp", "source: erp\nformat: {encoding: rot13}", "4:20", "'rot13' is no known encoding"),
        ("source: erp", "source: erp\nformat: {decimal: ;}", "4:19", "expected one of ., ,"),
        ("source: erp", 'source: erp\nformat: {decimal: ",", thousands: ","}', "4:35", "another sign than that of"),
        ("source: erp", "source: erp\nformat: {thousands: x}", "4:21", "'x': expected one of ','"),
        ("source: erp", "source: erp\nformat: {missing: [[]]}", "4:20", "expected texts, such as [N/A, NULL"),
        ("source: erp", "source: [erp", "4:8", "expected ',' or ']'"),
        (ORDERS, "", "1:1", "empty"),
    ],
)
def test_an_error_names_its_line_and_column(tmp_path: Path, old: str, new: str, position: str, message: str) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(ORDERS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        read_mapping(path)
    assert str(caught.value).startswith(f"{path}:{position}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("written", "missing"),
    [
        ('[N/A, NULL, null, ~, NaN, "-", " - ", ""]', {"N/A", "NULL", "null", "~", "NaN", "-"}),
        ("N/A", {"N/A"}),
        ("[]", set()),
        ("[0, 1.50, no]", {"0", "1.50", "no"}),
    ],
)
def test_what_is_missing_is_named_as_the_cells_have_it(tmp_path: Path, written: str, missing: set[str]) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(ORDERS + f"format: {{missing: {written}}}\n", encoding="utf-8")
    assert read_mapping(path).format.missing == missing


def test_signs_of_numbers(tmp_path: Path) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(ORDERS + 'format: {decimal: ",", thousands: "\u00a0"}\n', encoding="utf-8")
    form = read_mapping(path).format
    assert (form.decimal, form.thousands) == (",", " ")


def test_a_missing_mapping_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="cannot be read"):
        read_mapping(tmp_path / "none.yaml")
