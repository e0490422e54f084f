"""What many clients say alike is said once; everything else is said."""

import logging

import pytest

from runtime.repeats import SeldomRepeated


def _record(message: str) -> logging.LogRecord:
    return logging.LogRecord("streams", logging.ERROR, __file__, 1, message, (), None)


def _refused(client: int, waited_ms: int) -> str:
    return (
        f"FAIL [rdkafka#consumer-{client}] [thrd:127.0.0.1:9092/1]: Connect to ipv4#127.0.0.1:9092 failed: "
        f"Connection refused (after {waited_ms}ms in state CONNECT)"
    )


def test_many_clients_that_say_the_same_are_heard_once() -> None:
    seldom = SeldomRepeated()

    assert [seldom.filter(_record(_refused(client, client * 3))) for client in range(24)] == [True] + 23 * [False]


def test_different_messages_pass() -> None:
    seldom = SeldomRepeated()

    assert seldom.filter(_record("profile-1: goes on at the start"))
    assert seldom.filter(_record("stopping: ProducerFenced: another worker has taken the partition"))


def test_after_a_while_it_is_said_again_with_the_number_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("runtime.repeats.time.monotonic", lambda: now)
    seldom = SeldomRepeated()
    for _ in range(5):
        seldom.filter(_record("refused"))
    now += 30

    again = _record("refused")

    assert seldom.filter(again)
    assert again.getMessage() == "refused (and 4 more like it)"
