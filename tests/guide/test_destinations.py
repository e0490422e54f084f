"""The chapter's files load, its mapping makes what it shows, and its mistakes are told in its words."""

import json
from pathlib import Path

import msgspec
import pytest

from definitions import load
from definitions.mapping import fields_of
from schemas.activations import Activation
from tests.definitions.folders import errors_of, write
from tests.guide.chapter import blocks
from tests.guide.test_definitions import examples, mistakes

FILES = dict(examples("destinations"))
ACTIVATION, FIELDS = (block.text for block in blocks("destinations", "json"))


def test_every_file_loads_and_all_of_them_together(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, FILES))
    assert [each.name for each in loaded.destinations] == ["crm", "newsletter", "shop_hook"]
    assert loaded.segments[0].destinations == ("shop_hook",)


def test_the_mapping_makes_what_is_shown(tmp_path: Path) -> None:
    destinations = {each.name: each for each in load(write(tmp_path, FILES)).destinations}
    activation = msgspec.json.decode(ACTIVATION, type=Activation)
    fields = fields_of(destinations["crm"].mapping, activation, "key")
    assert json.loads(json.dumps(fields)) == json.loads(FIELDS)
    assert set(destinations["crm"].traits) == {"address", "birthday", "company", "first_name", "interests", "level"}


@pytest.mark.parametrize(("path", "yaml", "problems"), mistakes("destinations"))
def test_every_mistake_is_told_as_shown(tmp_path: Path, path: str, yaml: str, problems: str) -> None:
    assert errors_of(tmp_path, {path: yaml}) == problems.splitlines()
