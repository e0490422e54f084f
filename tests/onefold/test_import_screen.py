"""What `onefold import` says of its progress where there is no terminal."""

import pytest

from onefold.commands.import_ import ImportScreen


def test_each_phase_ends_with_one_line_that_counts_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with ImportScreen() as screen:
        screen.checked(0, 100, 0)
        screen.checked(100, 100, 60)  # the file was read ahead of its rows
        screen.checked(100, 100, 69)
        for sent in (0, 30, 69, 69):
            screen.sent(sent, 69)
    lines = [line.rpartition(", ")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "Checking: 0 %, 0 events",
        "Checking: 100 %, 69 events",
        "Sending: 0 %, 0 events",
        "Sending: 100 %, 69 events",
    ]


def test_what_begins_at_its_end_has_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with ImportScreen() as screen:
        for _ in range(3):
            screen.sent(5, 5)
    assert capsys.readouterr().err.count("Sending: 100 %") == 1
