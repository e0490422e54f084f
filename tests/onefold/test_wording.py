"""Reasons in words, and values that anybody sent."""

import pytest
from rich.text import Text

from onefold.wording import in_words
from runtime.literal import literal


@pytest.mark.parametrize(
    "reason",
    [
        "limit:email",
        "veto:id_card",
        "cap:identifiers",
        "cap:merges",
        "fan_in",
        "shared",
        "first_owner",
        "forbidden",
        "unmerged",
        "retracted",
    ],
)
def test_every_reason_of_graph_is_told_in_words(reason: str) -> None:
    assert in_words(reason).startswith(f"{reason} (")


def test_a_reason_of_a_later_release_is_told_as_it_is() -> None:
    assert [in_words(reason) for reason in ("", "limit:", "new", "new:email")] == ["", "limit:", "new", "new:email"]


def test_literal_text_is_never_markup() -> None:
    assert Text(literal("[bold]x[/bold]")).plain == "[bold]x[/bold]"
    assert literal("\u202egnp.exe") == "\\u202egnp.exe"
