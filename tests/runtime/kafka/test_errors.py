"""What Kafka reports is transient or terminal."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.errors import TerminalError, TransientError, UnreachableError
from runtime.kafka.errors import errors_sorted, sorted_error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._TRANSPORT, UnreachableError),
        (KafkaError._MSG_TIMED_OUT, UnreachableError),
        (KafkaError.NOT_ENOUGH_REPLICAS, TransientError),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, TransientError),
        (KafkaError.MSG_SIZE_TOO_LARGE, TerminalError),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, TerminalError),
        (KafkaError._FATAL, TerminalError),
    ],
)
def test_a_code_is_sorted(code: int, kind: type[Exception]) -> None:
    error = sorted_error(KafkaException(KafkaError(code)), "kafka:9092")
    assert type(error) is kind
    assert str(error).startswith("Kafka at kafka:9092 ")


def test_the_clients_exception_is_the_cause() -> None:
    raised = KafkaException(KafkaError(KafkaError._TRANSPORT))
    with pytest.raises(UnreachableError) as caught, errors_sorted("kafka:9092"):
        raise raised
    assert caught.value.__cause__ is raised
