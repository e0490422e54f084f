"""What can never hold is found in a time that grows with what is written, and only what is there is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.definitions.folders import errors_of, load_segment

LIMIT = 100  # conditions of one group


def _group(part: Callable[[int], str], groups: int = 20) -> str:
    """Conditions in groups of groups: together far more than one group may have."""
    inner = ("{all: [" + ", ".join(part(each) for each in range(n, n + LIMIT)) + "]}" for n in range(groups))
    return "{all: [" + ", ".join(inner) + "]}"


def _list(beginning: int, length: int) -> str:
    return "[" + ", ".join(f"v{number}" for number in range(beginning, beginning + length)) + "]"


@pytest.mark.parametrize(
    "when",
    [
        "{all: [" + ", ".join(f"{{trait: a, in: {_list(0, 300)}}}" for _ in range(90)) + "]}",
        "{any: [" + ", ".join(f"{{trait: a, in: {_list(0, 999)}, not_in: {_list(1, 999)}}}" for _ in range(12)) + "]}",
        _group(lambda number: f"{{trait: a, greater_than: {number}, less_than: 5000}}"),
        _group(lambda number: f"{{trait: a, not_equals: {number}}}"),
        _group(lambda number: f"{{event: A, within: 2d, at_least: {number + 2}}}"),
    ],
    ids=["lists", "pairs of lists", "numbers", "texts", "counts"],
)
def test_long_definitions_are_checked_before_the_test_is_given_up(tmp_path: Path, when: str) -> None:
    """Compared each with each, any of them takes minutes."""
    assert load_segment(tmp_path, f"segment: s\nwhen: {when}\n").segments


@pytest.mark.parametrize(
    "when",
    [
        "{all: [{trait: a, equals: true}, {not: {trait: a, equals: 1}}]}",
        "{all: [{trait: a, greater_than: 1}, {trait: a, greater_than: 5}, {trait: a, less_than: 6}]}",
        "{all: [{trait: a, in: [x, y]}, {trait: a, in: [y, z]}, {trait: a, starts_with: y}]}",
        "{all: [{trait: a, after: 2026-01-03}, {trait: a, after: 2026-01-01}, {trait: a, before: 2026-01-04}]}",
    ],
)
def test_what_can_hold_together_is_accepted(tmp_path: Path, when: str) -> None:
    assert load_segment(tmp_path, f"segment: s\nwhen: {when}").segments


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("{trait: a, in: [x, y]}, {trait: a, in: [y, z]}, {trait: a, not_equals: y}", "no value of in passes"),
        ("{trait: a, not_equals: y}, {trait: a, equals: y}", "no value of equals passes"),
        ("{trait: a, greater_than: 5}, {trait: a, greater_than: 1}, {trait: a, less_than: 5}", "greater_than 5 and"),
        ("{trait: a, after: 2026-01-03}, {trait: a, after: 2026-01-01}, {trait: a, before: 2026-01-02}", "no time"),
        ("{trait: a, starts_with: x}, {trait: a, not_equals: y}, {trait: a, greater_than: 1}", "is of numbers"),
        ("{trait: a, exists: true}, {trait: a, not_equals: y}, {trait: a, exists: false}", "exists: false"),
        ("{trait: a, not_equals: y}, {trait: a, exists: false}", "exists: false and not_equals"),
        ("{not: {sample: 30%, salt: w}}, {not: {sample: 5%, salt: w}}, {sample: 10%, salt: w}", "without a larger"),
    ],
)
def test_the_third_condition_is_compared_with_both_before_it(tmp_path: Path, when: str, reason: str) -> None:
    (error,) = errors_of(tmp_path, {"segments/s.yaml": f"segment: s\nwhen: {{all: [{when}]}}"})
    assert "this never holds beside what stands before it" in error
    assert reason in error
