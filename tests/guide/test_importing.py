"""The guide's mappings read its files as it shows, by the importer's own code."""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest

from collectors.sources.files.load import Tally, check, numbered
from collectors.sources.files.mapping import ColumnKind, Format
from collectors.sources.files.mapping_file import read_mapping
from collectors.sources.files.problems import FileProblems
from collectors.sources.files.sorting import TimeSorter
from collectors.sources.files.time_formats import EPOCHS
from identity.rules import DEFAULT_RULES
from schemas.records import Event
from tests.guide.chapter import blocks, text

TEXT = text("importing")
EXAMPLES = [
    (mapping.text, file.text, file.answer.splitlines())
    for mapping, file in zip(blocks("importing", "yaml"), blocks("importing", "csv"), strict=True)
]


class Silent:
    def checked(self, read_bytes: int, size: int, events: int) -> None:
        """Nobody watches."""

    def sent(self, events: int, total: int) -> None:
        """Nobody watches."""


def shown(event: Event) -> str:
    at = datetime.fromtimestamp(event.occurred_at / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{at} {event.event} {' '.join(map(str, event.identifiers))} {event.properties}"


@pytest.mark.parametrize(("mapping_text", "content", "answer"), EXAMPLES)
def test_every_file_becomes_what_is_shown(tmp_path: Path, mapping_text: str, content: str, answer: list[str]) -> None:
    mapping_path, path = tmp_path / "mapping.yaml", tmp_path / "file.csv"
    mapping_path.write_text(mapping_text, encoding="utf-8")
    path.write_text(content, encoding="utf-8")
    mapping = read_mapping(mapping_path)
    sorter = TimeSorter(tmp_path)
    try:
        check(path, mapping, DEFAULT_RULES, sorter, Silent())
    except FileProblems as problems:
        found = [problem.removeprefix(f"{path}:") for problem in problems.problems]
    else:
        found = [shown(event) for event in numbered(sorter.in_order(), mapping.name, Tally())]
    assert found == answer


def test_the_tables_are_complete() -> None:
    assert len(EXAMPLES) == 4
    for field in Format.__struct_fields__:
        assert f"| `{ {'kind': 'type'}.get(field, field) }:" in TEXT, field
    for kind in get_args(ColumnKind):
        assert f"| `{kind}` |" in TEXT
    for form in EPOCHS:
        assert f"`{form}`" in TEXT
