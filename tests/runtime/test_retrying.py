"""Repeating what fails for now: until it works, or the process stops; nothing else is caught."""

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter

from runtime import retrying
from runtime.errors import TerminalError, TransientError
from runtime.retrying import Stopped, persist


@pytest.fixture
def retries() -> Counter:
    return Counter("retries", "Retries.", ["step"], registry=CollectorRegistry())


def failing(*errors: Exception) -> Callable[[], str]:
    """Raise each of these, then succeed."""
    left: Iterator[Exception] = iter(errors)

    def attempt() -> str:
        for error in left:
            raise error
        return "done"

    return attempt


def test_it_repeats_what_is_transient_and_says_so_once(
    retries: Counter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retrying, "FIRST_PAUSE_S", 0.001)
    attempt = failing(TransientError("away"), TransientError("away"), TransientError("away"))
    with caplog.at_level(logging.WARNING):
        assert persist("insert", attempt, threading.Event(), retries) == "done"
    assert [record.getMessage() for record in caplog.records] == [
        "insert: away; trying again until it works",
        "insert: works again",
    ]
    assert retries.labels("insert")._value.get() == 3


def test_what_is_terminal_passes(retries: Counter) -> None:
    with pytest.raises(TerminalError):
        persist("insert", failing(TerminalError("no such table")), threading.Event(), retries)


def test_a_process_that_stops_does_not_wait_out_its_pause(retries: Counter) -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stopped):
        persist("insert", failing(TransientError("away")), stopping, retries)
