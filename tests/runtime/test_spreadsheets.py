"""What a spreadsheet would compute, and what it would not."""

import pytest

from runtime.spreadsheets import without_formulas


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|'/c calc'!A0", "'+cmd|'/c calc'!A0"),
        ("-2+3", "'-2+3"),
        ("  =1", "'  =1"),
        ("\t=1", "'\t=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a;=1", "a;'=1"),
        ("-5", "-5"),
        ("+4930123456", "+4930123456"),
        ("-5;=1", "-5;'=1"),
        ("a=1", "a=1"),
        ("li@例子.cn", "li@例子.cn"),
        ("", ""),
    ],
)
def test_a_formula_has_a_mark_before_it(text: str, harmless: str) -> None:
    assert without_formulas(text) == harmless
