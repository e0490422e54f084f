"""Records are told from what the client reports between them, and what ends all from what passes."""

import logging

import pytest
from confluent_kafka import KafkaError, Message

from runtime.errors import TerminalError
from runtime.kafka.consumed import is_end, records_of

KAFKA = "kafka:9092"
AWAY = Message(topic="said", error=KafkaError(KafkaError._TRANSPORT))
END = Message(topic="said", error=KafkaError(KafkaError._PARTITION_EOF))


def record(value: bytes) -> Message:
    return Message(topic="said", partition=0, offset=0, key=None, value=value)


def test_only_records_are_handed_on_and_what_passes_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    first, second = record(b"1"), record(b"2")
    with caplog.at_level(logging.WARNING, "runtime.kafka.consumed"):
        assert list(records_of([first, AWAY, END, second], KAFKA, logging.WARNING)) == [first, second]
    assert len(caplog.messages) == 1
    assert KAFKA in caplog.messages[0]


@pytest.mark.parametrize(
    "code", [KafkaError._FATAL, KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError._BAD_COMPRESSION]
)
def test_what_ends_all_is_raised_with_the_address(code: int) -> None:
    with pytest.raises(TerminalError, match=KAFKA):
        list(records_of([record(b"1"), Message(topic="said", error=KafkaError(code))], KAFKA))


def test_the_end_of_a_partition_is_told_from_records_and_from_failures() -> None:
    assert [is_end(each) for each in (record(b"1"), AWAY, END)] == [False, False, True]
