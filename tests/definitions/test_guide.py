"""The guide's examples are files that load, and its mistakes are told in the words it shows."""

import re
from pathlib import Path

import pytest

from definitions import compile_program, load
from tests.definitions.folders import errors_of, write

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "definitions.md"
BLOCKS = re.findall(r"^```(yaml|text)\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
FILES = {
    first.removeprefix("# "): text
    for kind, text in BLOCKS
    if kind == "yaml" and not (first := text.partition("\n")[0]).startswith("# mistaken: ")
}
MISTAKEN = [
    (text.partition("\n")[0].removeprefix("# mistaken: "), text) for _, text in BLOCKS if "# mistaken: " in text
]
TOLD = [text for kind, text in BLOCKS if kind == "text"]


def test_every_example_loads_and_all_of_them_together(tmp_path: Path) -> None:
    assert len(FILES) >= 6
    program = compile_program(load(write(tmp_path, FILES)))
    assert {"big_spenders", "frequent_visitors", "cart_abandoners"} <= {segment.name for segment in program.segments}
    assert program.destinations == ("webshop_mail",)


@pytest.mark.parametrize(("mistaken", "told"), list(zip(MISTAKEN, TOLD, strict=True)))
def test_every_mistake_is_told_as_shown(tmp_path: Path, mistaken: tuple[str, str], told: str) -> None:
    path, text = mistaken
    files = {"destinations/webshop_mail.yaml": FILES["destinations/webshop_mail.yaml"], path: text}
    assert errors_of(tmp_path, files) == told.splitlines()
