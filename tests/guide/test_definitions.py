"""The guide's examples are files that load, and its mistakes are told in the words it shows."""

import re
from pathlib import Path

import pytest

from definitions import compile_program, load
from identity.rules import DEFAULT_RULES
from tests.definitions.folders import errors_of, write
from tests.guide.chapter import blocks, text

MISTAKEN = "mistaken: "


def examples(chapter: str) -> list[tuple[str, str]]:
    """The path and the text of each file that loads."""
    files = blocks(chapter, "yaml")
    return [(file.title, file.text) for file in files if not file.title.startswith(MISTAKEN)]


def mistakes(chapter: str) -> list[tuple[str, str, str]]:
    """The path and the text of each file that is wrong, and the problems that are shown."""
    files = [file for file in blocks(chapter, "yaml") if file.title.startswith(MISTAKEN)]
    return [(file.title.removeprefix(MISTAKEN), file.text, file.answer) for file in files]


FILES = dict(examples("definitions"))
IDENTITY = examples("identity-rules")


def test_every_example_loads_and_all_of_them_together(tmp_path: Path) -> None:
    assert len(FILES) >= 14
    loaded = load(write(tmp_path, FILES))
    assert {"big_spenders", "frequent_visitors", "cart_abandoners"} <= {segment.name for segment in loaded.segments}
    assert {"spent", "first_city", "level", "churn_risk"} <= {trait.name for trait in loaded.traits}
    assert len(loaded.triggers) == 3
    assert len(loaded.across) == 2
    assert len(compile_program(loaded).segments) == len(loaded.segments)
    assert [destination.name for destination in loaded.destinations] == ["crm", "webshop_mail"]


@pytest.mark.parametrize(("path", "yaml", "problems"), mistakes("definitions"))
def test_every_mistake_is_told_as_shown(tmp_path: Path, path: str, yaml: str, problems: str) -> None:
    files = {"destinations/webshop_mail.yaml": FILES["destinations/webshop_mail.yaml"], path: yaml}
    assert errors_of(tmp_path, files) == problems.splitlines()


@pytest.mark.parametrize(("path", "yaml"), IDENTITY)
def test_every_example_of_rules_loads_and_changes_them(tmp_path: Path, path: str, yaml: str) -> None:
    assert path == "identity.yaml"
    assert load(write(tmp_path, {path: yaml})).identity != DEFAULT_RULES


@pytest.mark.parametrize(("path", "yaml", "problems"), mistakes("identity-rules"))
def test_every_mistake_in_rules_is_told_as_shown(tmp_path: Path, path: str, yaml: str, problems: str) -> None:
    assert errors_of(tmp_path, {path: yaml}) == problems.splitlines()


def test_the_table_of_namespaces_is_what_is_shipped() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|.*\| (\w+) \| (\d*) \| (yes|) \| (\w*) \|$",
        text("identity-rules"),
        re.MULTILINE,
    )
    assert rows == [
        (one.name, one.kind, str(one.limit or ""), "yes" if one.unique else "", one.normaliser or "")
        for one in DEFAULT_RULES.namespaces
    ]
