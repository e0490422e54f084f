"""Characters that no text can hold are refused at their position, however YAML lets them be written."""

from pathlib import Path

import pytest

from tests.definitions.folders import errors_of, load_segment


@pytest.mark.parametrize("text", ["\\ud800", "a\\uDFFF", "\\U0000d800"])
@pytest.mark.parametrize(
    ("template", "position"),
    [
        ('segment: a\ntitle: "{}"\nwhen: {{type: page, within: 1d}}', "2:8"),
        ('segment: a\nwhen: {{trait: plan, equals: "{}"}}', "2:29"),
        ('segment: a\nwhen: {{trait: plan, "{}": pro}}', "2:21"),
    ],
)
def test_half_a_character_is_refused(tmp_path: Path, template: str, position: str, text: str) -> None:
    (error,) = errors_of(tmp_path, {"segments/a.yaml": template.format(text)})
    assert error.startswith(f"segments/a.yaml:{position}: half a character")


@pytest.mark.parametrize("text", ["\\U00110000", "\\UFFFFFFFF"])
def test_an_escape_beyond_unicode_is_refused(tmp_path: Path, text: str) -> None:
    files = {"segments/a.yaml": f'segment: a\ntitle: "ab{text}"\nwhen: {{type: page, within: 1d}}'}
    (error,) = errors_of(tmp_path, files)
    assert error.startswith("segments/a.yaml:2:11: not valid YAML")


def test_escapes_of_whole_characters_are_read(tmp_path: Path) -> None:
    text = 'segment: a\ntitle: "\\U0010FFFF \\u52a0 \\U0001F600"\nwhen: {type: page, within: 1d}'
    (segment,) = load_segment(tmp_path, text).segments
    assert segment.title == "\U0010ffff 加 \U0001f600"
