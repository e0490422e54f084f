"""What Kafka's errors mean for a delivery, sorted once: another attempt, other credentials, or never. Pure."""

from confluent_kafka import KafkaError

from sinks.destinations.contract import Exchange, Refused, Retry, Unauthorised

_CREDENTIALS = frozenset({KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED})
_PERMISSIONS = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})
_UNREACHABLE = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE, KafkaError._SSL})
_TIMED_OUT = frozenset({KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT, KafkaError.REQUEST_TIMED_OUT})
_GIVEN_UP = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})
_REJECTED = frozenset({KafkaError.INVALID_RECORD, KafkaError.POLICY_VIOLATION, KafkaError.TOPIC_EXCEPTION})
_NO_TOPIC = frozenset({KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART})


def credentials_refused(error: KafkaError) -> bool:
    """Return whether the cluster does not let the client in, or not to the topic."""
    return error.code() in _CREDENTIALS or error.code() in _PERMISSIONS


def is_unusable(error: KafkaError) -> bool:
    """Return whether the client that reports it can send nothing more."""
    return error.fatal() or error.code() == KafkaError._FATAL or credentials_refused(error)


def outcome_of(error: KafkaError, trouble: KafkaError | None, exchange: Exchange) -> Retry | Unauthorised | Refused:
    """Return what became of a record. `trouble`: what the client has reported of its connections since all was well."""
    code = error.code()
    waited = code in _TIMED_OUT or code in _GIVEN_UP
    if waited and trouble is not None and (credentials_refused(trouble) or trouble.code() in _UNREACHABLE):
        error, code = trouble, trouble.code()
    if credentials_refused(error):
        return Unauthorised(f"Kafka does not let us in: {error.str()}", exchange)
    if code == KafkaError.MSG_SIZE_TOO_LARGE:
        return Refused("too_large", "the record is larger than the topic takes", exchange)
    if code in _REJECTED:
        return Refused("rejected", f"Kafka refuses the record: {error.str()}", exchange)
    return _retry(error, exchange)


def _retry(error: KafkaError, exchange: Exchange) -> Retry:
    code = error.code()
    if code in _UNREACHABLE:
        return Retry("network", f"Kafka cannot be reached: {error.str()}", exchange=exchange)
    if code in _TIMED_OUT:
        return Retry("timeout", "Kafka does not acknowledge the record in time", exchange=exchange)
    if code in _NO_TOPIC:
        return Retry("unavailable", "Kafka has no such topic: create it", exchange=exchange)
    is_receivers = code not in _GIVEN_UP and code != KafkaError._QUEUE_FULL
    return Retry(
        "unavailable", f"Kafka cannot take it now: {error.str()}", exchange=exchange, is_receivers=is_receivers
    )
