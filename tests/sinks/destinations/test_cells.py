"""A value fits its column or says which type it should be; it is never repeated in what is said."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.receivers.columns import ColumnType
from sinks.destinations.cells import Unfit, cell

TYPES: tuple[ColumnType, ...] = ("text", "integer", "number", "boolean", "time", "json")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("wanted", "value", "fitting"),
    [
        ("text", "李雷", "李雷"),
        ("text", 12, "12"),
        ("text", True, "true"),
        ("text", {"a": ["ü"]}, '{"a":["ü"]}'),
        ("integer", 12.0, 12),
        ("integer", "12", 12),
        ("number", "1.5", 1.5),
        ("boolean", "True", True),
        ("boolean", 0, False),
        ("time", "2026-11-28T04:00:00+08:00", datetime(2026, 11, 27, 20, tzinfo=UTC)),
        ("time", "2026-11-28", datetime(2026, 11, 28, tzinfo=UTC)),
        ("time", 1_000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("json", [1, "a"], '[1,"a"]'),
    ],
)
def test_a_value_becomes_what_the_column_holds(wanted: ColumnType, value: object, fitting: object) -> None:
    made = cell(value, wanted)
    assert made == fitting
    assert type(made) is type(fitting)


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        ("integer", "twelve-secret"),
        ("integer", 1.5),
        ("integer", 2**63),
        ("integer", float("inf")),
        ("number", [1]),
        ("boolean", 2),
        ("time", "yesterday"),
        ("time", 10**20),
        ("time", True),
        ("text", "\ud800"),
        ("text", ["\ud800"]),
    ],
)
def test_a_value_that_does_not_fit_is_told_without_repeating_it(wanted: ColumnType, value: object) -> None:
    with pytest.raises(Unfit) as raised:
        cell(value, wanted)
    assert "secret" not in str(raised.value)


@given(JSON, st.sampled_from(TYPES))
def test_whatever_json_holds_fits_or_is_refused(value: object, wanted: ColumnType) -> None:
    try:
        made = cell(value, wanted)
    except Unfit:
        return
    assert (made is None) == (value is None)
