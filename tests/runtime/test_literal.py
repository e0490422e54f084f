"""What a stranger wrote, made harmless: ordinary text of every script stays, whatever does not show is escaped."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.literal import literal, printable

ORDINARY = [
    "plain ASCII ~",
    "Grüße, œuvre, ¿qué?",
    "买家 テスト 한국어",
    "全角\u3000空白",
    "prix\u202f: 5\u00a0€",
    "שלום עולם",
    "مرحبا",
    "می\u200cخواهم",  # noqa: RUF001 - Persian
    "क्\u200dष",
    "👩\u200d👩\u200d👧 ❤\ufe0f 🇩🇪 👍🏽",
    "e\u0301",
    "[bold]x[/bold] \\x1b",
]
HARMFUL = [
    "\x00",
    "\x07",
    "\x08",
    "\r",
    "\x1b]0;owned\x07",
    "\x7f",
    "\x9b31m",
    "\x85",
    "\u2028",
    "\u2029",
    "\u061c",
    "\u200b",
    "\u200e",
    "\u200f",
    *map(chr, range(0x202A, 0x202F)),
    *map(chr, range(0x2066, 0x206A)),
    "\ufeff",
    "\u00ad",
    "\U000e0041",
    "\ue000",
    "\U0003fffd",
    "\ud800",
]
KEPT_CATEGORIES = {"L", "M", "N", "P", "S"}


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert literal(text) == text
    assert printable(text) == text


@pytest.mark.parametrize("text", HARMFUL, ids=ascii)
def test_what_does_not_show_is_escaped(text: str) -> None:
    for escaped in (literal(f"a{text}b"), printable(f"a{text}b")):
        assert text[0] not in escaped
        assert escaped.startswith("a\\")
        assert escaped.endswith("b")


def test_line_breaks_stay_in_lines_and_not_in_a_name() -> None:
    assert literal("one\n\ttwo") == "one\\n\\ttwo"
    assert printable("one\n\ttwo") == "one\n\ttwo"


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_else_is_ever_left(text: str) -> None:
    for character in literal(text):
        category = unicodedata.category(character)
        assert category[0] in KEPT_CATEGORIES or category == "Zs" or character in "\u200c\u200d"
    assert set(printable(text)) <= set(literal(text)) | set("\n\t")
    assert len(literal(text).splitlines()) <= 1
