"""What belongs into a folder of definitions, and what several files say together."""

from pathlib import Path

import pytest

from definitions import DefinitionErrors, load
from tests.definitions.folders import errors_of, load_segment, write

A = "segment: a\nwhen: {event: Buy, within: 1d}\n"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionErrors, match="no such folder of definitions") as raised:
        load(tmp_path / "nowhere")
    assert raised.value.errors[0].file == tmp_path / "nowhere"


def test_an_empty_folder_defines_nothing(tmp_path: Path) -> None:
    definitions = load(tmp_path)
    assert (definitions.segments, definitions.destinations) == ((), ())


def test_what_comes_later_is_said_to_be_not_supported_yet(tmp_path: Path) -> None:
    errors = errors_of(tmp_path, {"tracking-plan/x.yaml": "x: 1"})
    assert len(errors) == 1
    assert errors[0].startswith("tracking-plan: tracking-plan is not supported yet")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("segmnts/a.yaml", "segmnts: no entry of a folder of definitions (did you mean 'segments'?)"),
        ("segments.yaml", "segments.yaml: no entry of a folder of definitions (did you mean 'segments'?)"),
        ("segment.yaml", "segment.yaml: no entry of a folder of definitions (did you mean 'segments'?)"),
        (
            "open_carts.yaml",
            "open_carts.yaml: no entry of a folder of definitions (definitions stand in traits/, segments/, triggers/,"
            " destinations/)",
        ),
        ("segments/a.yml", "segments/a.yml: not a file of definitions (only files named *.yaml belong into segments/)"),
        ("segments/deep/a.yaml", "segments/deep: not a file of definitions (only files named *.yaml belong"),
        ("segments", "segments: segments must be a folder"),
    ],
)
def test_what_does_not_belong_there_is_named(tmp_path: Path, path: str, says: str) -> None:
    errors = errors_of(tmp_path, {path: A})
    assert len(errors) == 1
    assert errors[0].startswith(says)


def test_a_part_of_a_folder_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    write(tmp_path, {"segments/a.yaml": A, "segments/b.yaml": A})
    with pytest.raises(DefinitionErrors) as refused:
        load(tmp_path / "segments")
    (error,) = refused.value.errors
    assert "a part of a folder of definitions (name the folder above it)" in str(error)


def test_notes_schemas_and_hidden_files_may_lie_beside_the_definitions(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "README.md": "notes",
            "definitions.schema.json": "{}",
            ".DS_Store": b"\x00",
            "segments/.a.yaml.swp": b"\xff",
            "segments/a.yaml": A,
        },
    )
    assert [segment.name for segment in load(tmp_path).segments] == ["a"]


def test_a_file_holds_one_segment_or_a_list(tmp_path: Path) -> None:
    write(tmp_path, {"segments/one.yaml": A})
    several = "- {segment: c, when: {page: '*', within: 1d}}\n- {segment: b, when: {trait: plan, equals: pro}}\n"
    assert [segment.name for segment in load_segment(tmp_path, several).segments] == ["a", "b", "c"]


def test_a_name_is_defined_once_over_all_files(tmp_path: Path) -> None:
    errors = errors_of(tmp_path, {"segments/x.yaml": A, "segments/y.yaml": f"# again\n{A}"})
    assert len(errors) == 1
    assert errors[0].startswith("segments/y.yaml:2:10: the segment 'a' is defined twice (first in ")
    assert errors[0].endswith("segments/x.yaml:1: rename or remove one)")


def test_a_destination_is_defined_once(tmp_path: Path) -> None:
    twice = "- destination: mail\n- destination: mail\n"
    errors = errors_of(tmp_path, {"destinations/x.yaml": twice})
    assert errors[0].startswith("destinations/x.yaml:2:16: the destination 'mail' is defined twice")


def test_a_wrong_destination_is_told_once_and_still_known(tmp_path: Path) -> None:
    files = {"destinations/mail.yaml": "destination: mail\nkey: 1", "segments/a.yaml": f"{A}destinations: [mail]"}
    assert [error.split(": ")[0] for error in errors_of(tmp_path, files)] == ["destinations/mail.yaml:2:1"]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, {"segments/a.yaml": A})
    (folder / "segments" / "b.yaml").symlink_to(folder / "gone.yaml")
    errors = errors_of(folder, {})
    assert len(errors) == 1
    assert errors[0].startswith("segments/b.yaml: ")


def test_a_destination_is_missed_where_none_is_defined(tmp_path: Path) -> None:
    files = {"segments/a.yaml": "segment: a\nwhen: {type: page, within: 1d}\ndestinations: [crm]"}
    (error,) = errors_of(tmp_path, files)
    assert "there is no destination 'crm' (none is defined yet; destinations/*.yaml define them)" in error
