"""The board while the shop plays: a line now and then where there is no terminal, and nothing twice."""

import io

import msgspec

from embedded.terminal import Terminal
from onefold.demo.board import PLAIN_EVERY_S, Board
from onefold.demo.figures import Figures

NONE = Figures(0, 0, 0, 0, 0, 0, 0, 0, 0, [], {"resolve": 0, "graph": 0, "profile": 0, "sink": 0}, None, None)
WHO = "user_id:" + "m" * 100


def with_happenings(*seconds: int) -> Figures:
    return msgspec.structs.replace(
        NONE, happenings=[(f"12:00:0{second}", "buyers", "entered", WHO, "an event") for second in seconds]
    )


def test_without_a_terminal_each_happening_is_one_line_and_is_shown_once() -> None:
    written = io.StringIO()
    with Board(Terminal(file=written)) as board:
        board.show(with_happenings(2, 1), 0)
        board.show(with_happenings(3, 2, 1), 1)  # too soon for another line
        board.show(with_happenings(4, 3, 2, 1), PLAIN_EVERY_S)
    lines = written.getvalue().splitlines()
    assert [line[:7] for line in lines if line.startswith("[")] == ["[  0 s]", "[  5 s]"]
    happened = [line.strip() for line in lines if not line.startswith("[")]
    assert happened == [f"12:00:0{second} {WHO} entered buyers, because of an event" for second in (1, 2, 3, 4)]
