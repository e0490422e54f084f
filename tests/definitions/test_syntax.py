"""Slips in the notation itself, YAML's, are told where they were made and with what to do: one for each."""

from pathlib import Path

import pytest

from definitions.reading.facts import CHANNELS, DEVICES
from tests.definitions.folders import errors_of, load_segment

WHEN = "when: {event: Buy, within: 1d}"
SLIPS = [
    ("segment: s\nwhen:\n  event: Buy\n within: 7d", "4:2", "begin in one column"),
    ("segment: s\nwhen:\n  all:\n    - event: Buy\n     within: 7d", "5:6", "begin in one column"),
    ("segment: s\nwhen:\n  event: Buy\n   within: 7d", "4:10", "check the indentation"),
    (f'segment: s\ntitle: "all\n{WHEN}', "2:8", "a quote that is never closed"),
    (f"segment: s\ntitle: 'all\n{WHEN}", "2:8", "a quote that is never closed"),
    ("segment: s\nwhen: {event: Buy, within: 7d\ntitle: x", "2:7", "close it by '}'"),
    ("segment: s\nwhen:\n  event: [Buy, Sell\n  within: 7d", "3:10", "close it by ']'"),
    ("segment: s\nwhen: {event: Buy within: 7d}", "2:25", "divide entries by ', '"),
    ("segment: s\nwhen: {page: *, within: 7d}", "2:15", 'quote a text that begins with * or &, such as "*"'),
    ("segment: s\nwhen: {event: Order #1, within: 7d}", "2:15", "what follows ` #` is a comment"),
    ("segment: s\nwhen:\n  event: Order #1\n  within: 7d", "3:10", "what follows ` #` is a comment"),
    ("segment: s\nwhen: {event: A #x, within: 7d}", "2:17", "what follows ` #` is a comment"),
    ("segment: s\nwhen: {event: @x, within: 7d}", "2:15", "quote a text that begins with @"),
    ("segment: s\nwhen: {event: %x, within: 7d}", "2:15", "quote a text that begins with %"),
    ("segment: s\nwhen: {trait: a, >: 5}", "2:18", "write greater_than"),
    ("segment: s\nwhen:\n  trait: a\n  >=: 5", "4:4", "write greater_than"),
    ("segment: s\nwhen: {event: Buy\uff0cwithin: 7d}", "2:18", "write `,` instead"),
    ("segment: s\nwhen:\n  event\uff1aBuy\n  within: 7d", "3:8", "write `: ` instead"),
    ("segment: s\nwhen: \uff5bevent: Buy, within: 7d\uff5d", "2:7", "write `{` instead"),
    ("segment: s\nwhen: {event: “Buy”, within: 7d}", "2:15", 'write "Buy"'),
    ("segment: s\nwhen:\n\u00a0\u00a0event: Buy\n  within: 7d", "3:1", "a plain space (U+0020)"),
    ("segment: s\nwhen:\n\u3000event: Buy\n  within: 7d", "3:1", "a plain space (U+0020)"),
    ("segment: s\nwhen: {event: Buy\u00a0, within: 7d}", "2:15", "a plain space (U+0020)"),
]


@pytest.mark.parametrize(("text", "position", "says"), SLIPS)
def test_a_slip_is_told_with_its_place_and_what_to_do(tmp_path: Path, text: str, position: str, says: str) -> None:
    errors = errors_of(tmp_path, {"segments/s.yaml": text})
    assert [error for error in errors if error.startswith(f"segments/s.yaml:{position}: ") and says in error], errors
    assert sum("not valid YAML" in error for error in errors) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "segment: s #note\n" + WHEN,
        "segment: s # 1\n" + WHEN,
        "segment: s\ntitle: 买家\uff1a常客\uff0c北京 “VIP” 1\n" + WHEN,
        'segment: s\ntitle: "“Achat” n° #1 : fini"\n' + WHEN,
        "segment: s\ntitle: Fidèles\u00a0! et “amis”\u00a0b\n" + WHEN,
        'segment: s\nwhen: {event: "Order #1", within: 1d}',
    ],
)
def test_what_looks_like_a_slip_and_is_none_is_read(tmp_path: Path, text: str) -> None:
    assert load_segment(tmp_path, text).segments


def test_what_an_unreadable_file_may_define_is_not_called_unknown(tmp_path: Path) -> None:
    files = {
        "segments/a.yaml": "segment: a\nwhen: {segment: b}\ndestinations: [mail]",
        "segments/b.yaml": "segment: b\nwhen: {event: Buy",
    }
    (error,) = errors_of(tmp_path, files)
    assert error.startswith("segments/b.yaml:2:18: not valid YAML")


def test_what_a_definition_without_a_name_may_be_is_not_called_unknown(tmp_path: Path) -> None:
    files = {"segments/a.yaml": "segment: a\nwhen: {segment: b}", "segments/b.yaml": f"segmnt: b\n{WHEN}"}
    assert all(error.startswith("segments/b.yaml") for error in errors_of(tmp_path, files))


@pytest.mark.parametrize(("fact", "values"), [("device", DEVICES), ("channel", CHANNELS), ("country", ("CN", "DE"))])
def test_what_facts_can_be_is_read(tmp_path: Path, fact: str, values: tuple[str, ...]) -> None:
    assert load_segment(
        tmp_path, f"segment: s\nwhen: {{session: last, {fact}: {{in: [{', '.join(values)}]}}}}"
    ).segments
