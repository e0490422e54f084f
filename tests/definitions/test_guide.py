"""The guide's examples are files that load, and its mistakes are told in the words it shows."""

import re
from pathlib import Path

import pytest

from definitions import compile_program, load
from identity.rules import DEFAULT_RULES
from tests.definitions.folders import errors_of, write

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
MISTAKEN = "mistaken: "


def blocks(chapter: str, kind: str) -> list[tuple[str, str]]:
    """The blocks of one kind, each with what its first line says after `# `, or an empty text."""
    found = re.findall(rf"^```{kind}\n(.*?)^```$", (GUIDE / chapter).read_text(), re.MULTILINE | re.DOTALL)
    return [(re.match(r"(# )?(.*)", text)[2], text) for text in found]  # type: ignore[index]


def examples(chapter: str) -> list[tuple[str, str]]:
    """The path and the text of each file that loads."""
    return [(name, text) for name, text in blocks(chapter, "yaml") if not name.startswith(MISTAKEN)]


def mistakes(chapter: str) -> list[tuple[str, str, str]]:
    """The path and the text of each file that is wrong, and what is told about it."""
    wrong = [(name, text) for name, text in blocks(chapter, "yaml") if name.startswith(MISTAKEN)]
    told = [text for _, text in blocks(chapter, "text")]
    return [(name.removeprefix(MISTAKEN), text, told) for (name, text), told in zip(wrong, told, strict=True)]


FILES = dict(examples("definitions.md"))
IDENTITY = examples("identity-rules.md")


def test_every_example_loads_and_all_of_them_together(tmp_path: Path) -> None:
    assert len(FILES) >= 6
    program = compile_program(load(write(tmp_path, FILES)))
    assert {"big_spenders", "frequent_visitors", "cart_abandoners"} <= {segment.name for segment in program.segments}
    assert program.destinations == ("webshop_mail",)


@pytest.mark.parametrize(("path", "text", "told"), mistakes("definitions.md"))
def test_every_mistake_is_told_as_shown(tmp_path: Path, path: str, text: str, told: str) -> None:
    files = {"destinations/webshop_mail.yaml": FILES["destinations/webshop_mail.yaml"], path: text}
    assert errors_of(tmp_path, files) == told.splitlines()


@pytest.mark.parametrize(("path", "text"), IDENTITY)
def test_every_example_of_rules_loads_and_changes_them(tmp_path: Path, path: str, text: str) -> None:
    assert path == "identity.yaml"
    assert load(write(tmp_path, {path: text})).identity != DEFAULT_RULES


@pytest.mark.parametrize(("path", "text", "told"), mistakes("identity-rules.md"))
def test_every_mistake_in_rules_is_told_as_shown(tmp_path: Path, path: str, text: str, told: str) -> None:
    assert errors_of(tmp_path, {path: text}) == told.splitlines()


def test_the_table_of_namespaces_is_what_is_shipped() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (\w+) \| (\d*) \| (yes|) \| (\w*) \|$",
        (GUIDE / "identity-rules.md").read_text(),
        re.MULTILINE,
    )
    assert rows == [
        (one.name, one.kind, str(one.limit or ""), "yes" if one.unique else "", one.normaliser or "")
        for one in DEFAULT_RULES.namespaces
    ]
