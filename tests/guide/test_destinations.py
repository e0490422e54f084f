"""The chapter's files load, its mapping makes what it shows, and its mistakes are told in its words."""

import json
from pathlib import Path

import msgspec
import pytest

from definitions import compile_program, load
from definitions.compiled_mapping import fields_of
from definitions.withdrawals import unasked_segments
from schemas.activations import Activation
from tests.definitions.folders import errors_of, write
from tests.definitions.streaming.subjects import Known
from tests.guide.chapter import blocks
from tests.guide.test_definitions import examples, mistakes

FILES = dict(examples("destinations"))
ACTIVATION, FIELDS = (block.text for block in blocks("destinations", "json"))


def test_every_file_loads_and_all_of_them_together(tmp_path: Path) -> None:
    loaded = load(write(tmp_path, FILES))
    assert [each.name for each in loaded.destinations] == ["crm", "loyal_ads", "newsletter", "shop_hook"]
    assert loaded.segments[0].destinations == ("shop_hook",)
    assert list(unasked_segments(loaded)) == []


def test_the_mapping_makes_what_is_shown(tmp_path: Path) -> None:
    destinations = {each.name: each for each in load(write(tmp_path, FILES)).destinations}
    activation = msgspec.json.decode(ACTIVATION, type=Activation)
    fields = fields_of(destinations["crm"].mapping, activation, "key")
    assert json.loads(json.dumps(fields)) == json.loads(FIELDS)
    assert set(destinations["crm"].traits) == {"address", "birthday", "company", "first_name", "interests", "level"}


@pytest.mark.parametrize(
    ("traits", "audience"),
    [
        ({"points": 1000, "orders": 3, "newsletter": True}, ["vips"]),
        ({"points": 999, "orders": 3, "newsletter": True}, ["regulars_but_no_vips"]),
        ({"orders": 2, "newsletter": True}, ["readers_of_neither"]),
        ({"orders": 2}, []),
    ],
)
def test_a_person_is_in_the_first_audience_alone(
    tmp_path: Path, traits: dict[str, object], audience: list[str]
) -> None:
    path = "segments/priorities.yaml"
    files = {path: FILES[path], "destinations/shop_hook.yaml": FILES["destinations/shop_hook.yaml"]}
    program = compile_program(load(write(tmp_path, files)))
    members: list[str] = []
    for segment in program.segments:  # in the order of what they read
        if segment.evaluate(Known(program, traits=traits, members=members), 0)[0]:
            members.append(segment.name)
    sent = {each.name for each in program.segments if each.destinations}
    assert [each for each in members if each in sent] == audience


@pytest.mark.parametrize(("path", "yaml", "problems"), mistakes("destinations"))
def test_every_mistake_is_told_as_shown(tmp_path: Path, path: str, yaml: str, problems: str) -> None:
    assert errors_of(tmp_path, {path: yaml}) == problems.splitlines()
