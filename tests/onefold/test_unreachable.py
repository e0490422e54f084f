"""What is said when Kafka or the registry fails: that there is no stack only if nobody answers."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx2 import ConnectError

from onefold.unreachable import failure
from settings import Settings

SETTINGS = Settings(kafka="kafka:9092", registry="http://registry")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), "no stack answers at kafka:9092: 'onefold up' starts one"),
        (KafkaException(KafkaError(KafkaError._TIMED_OUT)), "no stack answers at kafka:9092: 'onefold up' starts one"),
        (KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)), "Kafka at kafka:9092: "),
        (KafkaException("no acknowledgement"), "Kafka at kafka:9092: no acknowledgement"),
        (ConnectError("refused"), "no stack answers at http://registry: 'onefold up' starts one"),
        (SchemaRegistryError(409, 409, "incompatible"), "schema registry at http://registry: incompatible"),
    ],
)
def test_a_failure_names_who_failed_and_what_to_do(error: Exception, said: str) -> None:
    assert failure(SETTINGS, error).startswith(said)
