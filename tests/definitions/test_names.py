"""Names in any script, in one spelling; what cannot be told apart or does not show is refused."""

import unicodedata
from pathlib import Path

import pytest

from definitions import load
from tests.definitions.folders import errors_of, write

NAMES = [
    "a",
    "Big spenders",
    "高价值客户",
    "Käufer-2026",
    "покупатели",
    "العملاء",
    "क्रेता",
    "سلم\u200cشمس",
    "क्\u200dष",
    "ക്\u200cഷ",
    "90 days",
    "\uff36\uff29\uff30",
    "a" * 100,
]


@pytest.mark.parametrize("kind", ["segment", "trait", "trigger"])
@pytest.mark.parametrize("name", NAMES)
def test_letters_of_any_script_make_a_name(tmp_path: Path, kind: str, name: str) -> None:
    rest = {"segment": "when: {trait: x, exists: true}", "trait": "merge: first", "trigger": "on: {event: Buy}"}[kind]
    loaded = load(write(tmp_path, {f"{kind}s/x.yaml": f'{kind}: "{name}"\n{rest}'}))
    (defined,) = loaded.segments or loaded.traits or loaded.triggers
    assert (defined.name, defined.title) == (name, name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (" a", "spaces may stand between words only"),
        ("a ", "spaces may stand between words only"),
        ("a  b", "spaces may stand between words only"),
        ("a\\u00a0b", "it contains U+00A0"),
        ("a\\u3000b", "it contains U+3000"),
        ("a\\u200bb", "it contains U+200B"),
        ("a\\u202eb", "it contains U+202E"),
        ("a\\tb", "it contains U+0009"),
        ("a\\u3164", "it contains U+3164"),
        ("a\\u200db", "it contains U+200D (ZERO WIDTH JOINER)"),
        ("می\\u200c", "it contains U+200C"),
        ("م\\u200c\\u200cم", "it contains U+200C"),
        ("क\\u200dष", "it contains U+200D"),
        ("👩\\u200d💻", "it contains U+1F469"),
        ("a\\ufe0f", "it contains U+FE0F"),
        ("a.b", "it contains U+002E (FULL STOP)"),
        ("a/b", "it contains U+002F (SOLIDUS)"),
        ("\\u0301a", "it must begin with a letter or digit"),
        ("-a", "it must begin with a letter or digit"),
        ("\\ue000", "it contains U+E000"),
        ("a" * 101, "it is longer than 100 characters"),
    ],
)
def test_what_does_not_show_or_misleads_is_refused(tmp_path: Path, name: str, says: str) -> None:
    (error,) = errors_of(tmp_path, {"traits/t.yaml": f'trait: "{name}"\nmerge: first'})
    assert error.startswith("traits/t.yaml:1:8: ")
    assert says in error


def test_names_that_differ_by_a_joiner_alone_are_hardly_told_from_each_other(tmp_path: Path) -> None:
    text = '- {trait: "سلم\\u200cشمس", merge: first}\n- {trait: "سلمشمس", merge: first}'
    (error,) = errors_of(tmp_path, {"traits/t.yaml": text})
    assert "is hardly told from the trait" in error


def test_a_name_has_one_spelling_wherever_it_is_written(tmp_path: Path) -> None:
    composed, decomposed = unicodedata.normalize("NFC", "Käufer"), unicodedata.normalize("NFD", "Käufer")
    files = {
        "traits/t.yaml": f"- trait: {decomposed}\n  merge: first\n- trait: b\n  value: {decomposed}",
        "segments/s.yaml": f"- segment: {decomposed}\n  when: {{trait: {decomposed}, equals: x}}\n"
        f"- segment: b\n  when: {{segment: {decomposed}}}",
        "destinations/d.yaml": f"destination: mail\ntraits: [{decomposed}]",
    }
    loaded = load(write(tmp_path, files))
    assert {trait.name for trait in loaded.traits} == {composed, "b"}
    assert loaded.destinations[0].traits == (composed,)
    assert decomposed not in repr(loaded)


@pytest.mark.parametrize(("one", "other"), [("VIP", "vip"), ("VIP", "\uff36\uff29\uff30"), ("Strasse", "Straße")])
def test_names_that_differ_by_case_or_width_only_are_refused(tmp_path: Path, one: str, other: str) -> None:
    text = f"- {{trait: {one}, merge: first}}\n- {{trait: {other}, merge: first}}"
    (error,) = errors_of(tmp_path, {"traits/t.yaml": text})
    assert f"the trait {other!r} is hardly told from the trait {one!r}" in error


def test_names_of_different_kinds_do_not_meet(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": "trait: x\nmerge: first",
        "segments/s.yaml": "segment: x\nwhen: {trait: x, exists: true}",
        "triggers/g.yaml": "trigger: x\non: {event: Buy}",
        "destinations/d.yaml": "destination: x",
    }
    loaded = load(write(tmp_path, files))
    assert len((*loaded.traits, *loaded.segments, *loaded.triggers, *loaded.destinations)) == 4


@pytest.mark.parametrize("name", ["Mail", "mail box", "邮件", "a" * 64])
def test_a_destination_names_a_topic_and_so_has_a_narrow_name(tmp_path: Path, name: str) -> None:
    (error,) = errors_of(tmp_path, {"destinations/d.yaml": f"destination: {name}"})
    assert "lower-case letters, digits and _" in error
