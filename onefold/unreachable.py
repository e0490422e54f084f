"""What is said when a stack does not answer: first that, and how to start one."""

from confluent_kafka import KafkaError, KafkaException
from httpx2 import TransportError

from runtime.literal import literal
from settings import Settings, without_credentials

_AWAY = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE})


def failure(settings: Settings, error: Exception) -> str:
    """An error of Kafka or of the schema registry, for whoever typed the command."""
    if isinstance(error, KafkaException):
        reason = error.args[0]
        if not isinstance(reason, KafkaError):
            return f"Kafka at {settings.kafka}: {literal(reason)}"
        if reason.code() in _AWAY:
            return _no_stack(settings.kafka, f"Kafka: {literal(reason.str())}")
        return f"Kafka at {settings.kafka}: {literal(reason.str())}"
    if isinstance(error, TransportError):
        return _no_stack(without_credentials(settings.registry), f"schema registry: {literal(error)}")
    return f"schema registry at {without_credentials(settings.registry)}: {literal(error)}"


def _no_stack(place: str, detail: str) -> str:
    return f"no stack answers at {place}: 'onefold up' starts one ({detail})"
