"""The table of what a profile does with a record: it is complete, and says what is buffered during a rebuild."""

from typing import get_args

from schemas.records import Advance
from streams.agents.profile.decoding import Content
from streams.agents.profile.handlers import HANDLERS


def test_whatever_can_be_decoded_has_a_row() -> None:
    assert set(HANDLERS) == set(get_args(Content)) - {Advance}


def test_under_rebuild_all_is_buffered_but_what_is_about_the_rebuild() -> None:
    at_once = {handlers.command for handlers in HANDLERS.values() if handlers.rebuilding is not None}

    assert at_once == {"rebuild", "replay", "disown", "outdate", "deny"}
