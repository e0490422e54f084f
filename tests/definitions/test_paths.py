"""Names with dots, quotes, brackets and backslashes can be named wherever a path is written, empty ones cannot."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions import Definitions, compile_program, load
from definitions.explaining.explain import explain_sent
from definitions.explaining.past import PastProfile
from definitions.explaining.wording import in_words
from definitions.model import Comparison, Operator, TraitComparison
from definitions.paths import MAX_PATH, path_of, path_text
from tests.definitions.explaining.test_explain import NOW, identify
from tests.definitions.folders import errors_of, write

NAMES = [
    "utm.source",
    "$current_url.host",
    "it's",
    '"a"',
    "a[0]",
    "['a.b']",
    "渠道.来源",
    "a\\b",
    "a\\.b",
    " ",
    ".",
    "\\",
]
WRONG = [".", "a..b", ".a", "a.", "a\\", "a\\b", "\\\\.", ".".join("a" * (MAX_PATH + 1))]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_text_that_leads_to_it(name: str) -> None:
    assert path_of(path_text((name,))) == (name,)
    assert path_of(path_text(("outer", name, "inner"))) == ("outer", name, "inner")


@given(st.lists(st.text(min_size=1), min_size=1, max_size=MAX_PATH).map(tuple))
def test_a_path_is_read_as_it_is_written(path: tuple[str, ...]) -> None:
    assert path_of(path_text(path)) == path


@pytest.mark.parametrize("text", WRONG)
def test_what_names_nothing_is_refused_wherever_a_path_is_written(tmp_path: Path, text: str) -> None:
    assert path_of(text) is None
    files = {
        "segments/s.yaml": f"- segment: a\n  when: {{event: Buy, within: 1d, where: {{'{text}': 1}}}}\n"
        f"- segment: b\n  when: {{event: Buy, sum: '{text}', within: 1d, greater_than: 1}}\n"
        f"- segment: c\n  when: {{trait: '{text}', exists: true}}\n",
        "traits/t.yaml": f"- trait: d\n  merge: first\n  attribute: '{text}'\n"
        f"- trait: e\n  value: |-\n    trait({text!r})\n",
        "triggers/g.yaml": f"trigger: f\nacross: {{event: Buy, within: 1m, at_least: 5, same: '{text}'}}",
    }
    errors = errors_of(tmp_path, files)
    assert len(errors) == 6
    assert all("is not a path (1 to 10 names joined by single dots: a.b.c; a dot of" in error for error in errors)


def test_a_backslash_in_double_quotes_is_refused_with_what_to_do(tmp_path: Path) -> None:
    text = 'segment: a\nwhen: {event: Buy, within: 1d, where: {"utm\\.source": google}}'
    (error,) = errors_of(tmp_path, {"segments/s.yaml": text})
    assert error.startswith("segments/s.yaml:2:")
    assert "a backslash is written twice in double quotes; in single quotes it stands as it is" in error


def test_a_trait_with_a_dot_in_its_name_is_sent_to_a_destination(tmp_path: Path) -> None:
    files = {"destinations/d.yaml": r"{destination: crm, traits: [utm\.source]}"}
    assert load(write(tmp_path, files)).destinations[0].traits == ("utm.source",)
    (error,) = errors_of(tmp_path, {"destinations/d.yaml": "{destination: crm, traits: [utm.source]}"})
    assert (
        r"leads into a trait: 'utm.source' (send the whole trait: utm; a dot of a name itself is written \.)" in error
    )


def test_a_name_with_a_dot_is_no_slip_of_a_defined_one(tmp_path: Path) -> None:
    files = {
        "traits/t.yaml": "trait: utm_source\nmerge: first",
        "segments/s.yaml": "segment: s\nwhen: {trait: utm\\.source, equals: google}",
    }
    assert load(write(tmp_path, files)).segments[0].when == TraitComparison(
        ("utm.source",), (Comparison(Operator.EQUALS, "google"),)
    )


def test_an_explanation_names_a_path_as_it_is_written() -> None:
    condition = TraitComparison(("utm.source", "x"), (Comparison(Operator.EXISTS, True),))
    assert in_words(condition) == r"trait utm\.source.x is there"
    sent: dict[str, object] = {"utm.source": {"x": 1}}
    subject = PastProfile("p", compile_program(Definitions()), [identify(1, **sent)], NOW, sent)
    for name, value in (("utm.source", {"x": 1}), (r"utm\.source.x", 1)):
        explained = explain_sent(name, subject)
        assert explained is not None
        assert explained.value == value
