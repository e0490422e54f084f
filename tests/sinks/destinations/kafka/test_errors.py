"""What Kafka's errors mean, each by its code."""

import pytest
from confluent_kafka import KafkaError

from sinks.destinations.contract import Exchange, Refused, Retry, Unauthorised
from sinks.destinations.kafka.errors import outcome_of

NOTHING = Exchange()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (KafkaError.SASL_AUTHENTICATION_FAILED, Unauthorised),
        (KafkaError._AUTHENTICATION, Unauthorised),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, Unauthorised),
        (KafkaError.MSG_SIZE_TOO_LARGE, "too_large"),
        (KafkaError.POLICY_VIOLATION, "rejected"),
        (KafkaError.INVALID_RECORD, "rejected"),
        (KafkaError._ALL_BROKERS_DOWN, "network"),
        (KafkaError._RESOLVE, "network"),
        (KafkaError._MSG_TIMED_OUT, "timeout"),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, "unavailable"),
        (KafkaError.NOT_ENOUGH_REPLICAS, "unavailable"),
        (KafkaError._FATAL, "unavailable"),
    ],
)
def test_each_error_has_one_meaning(code: int, expected: type | str) -> None:
    outcome = outcome_of(KafkaError(code), None, NOTHING)
    if isinstance(expected, str):
        assert isinstance(outcome, Retry | Refused)
        assert outcome.reason == expected
    else:
        assert isinstance(outcome, expected)


def test_what_waited_in_vain_says_why_it_waited() -> None:
    waited = KafkaError(KafkaError._MSG_TIMED_OUT)
    refused = outcome_of(waited, KafkaError(KafkaError.SASL_AUTHENTICATION_FAILED), NOTHING)
    assert isinstance(refused, Unauthorised)
    unreachable = outcome_of(waited, KafkaError(KafkaError._TRANSPORT), NOTHING)
    assert isinstance(unreachable, Retry)
    assert unreachable.reason == "network"


def test_what_this_side_gave_up_is_not_the_clusters_trouble() -> None:
    outcome = outcome_of(KafkaError(KafkaError._PURGE_QUEUE), None, NOTHING)
    assert isinstance(outcome, Retry)
    assert not outcome.is_receivers
