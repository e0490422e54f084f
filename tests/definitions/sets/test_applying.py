"""What is said of a version that was applied."""

from pathlib import Path

import pytest

from definitions.model import Definitions, Segment, TraitComparison
from definitions.sets import DefinitionSet, next_set
from definitions.sets.applying import applied_text

FOLDER = Path("my-shop")


def numbered(number: int) -> Segment:
    return Segment(f"s{number:02}", TraitComparison(("plan",), ()))


def applied(former: DefinitionSet | None, *segments: Segment) -> DefinitionSet:
    return next_set(former, Definitions(segments), {}, 0, "")


@pytest.mark.parametrize(
    ("new", "changes"),
    [
        ((numbered(2),), "-s01, +s02"),
        ((Segment("s01", numbered(1).when, "A title"),), "nothing but titles, descriptions or comments"),
        (
            tuple(map(numbered, range(1, 15))),
            "+s02, +s03, +s04, +s05, +s06, +s07, +s08, +s09, +s10, +s11 and 3 more",
        ),
    ],
)
def test_a_version_is_said_with_what_it_changes(new: tuple[Segment, ...], changes: str) -> None:
    first = applied(None, numbered(1))
    assert applied_text(None, first, FOLDER) == "version 1 of the definitions applied, from my-shop"
    said = applied_text(first, applied(first, *new), FOLDER)
    assert said == f"version 2 of the definitions applied, from my-shop; what changed: {changes}"
