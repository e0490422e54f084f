"""What Kafka's client reports, sorted once: worth another attempt, or a reason to stop."""

from confluent_kafka import KafkaError, KafkaException

from runtime.errors import TerminalError, TransientError, UnreachableError

_UNREACHABLE = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,
    }
)
# https://kafka.apache.org/protocol#protocol_error_codes: the record or the configuration is wrong, and stays so.
_TERMINAL = frozenset(
    {
        KafkaError._FATAL,  # as an event it does not call itself fatal
        KafkaError._FENCED,
        KafkaError._AUTHENTICATION,
        KafkaError._INVALID_ARG,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.TOPIC_EXCEPTION,  # its name is none
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)


def sorted_error(error: KafkaException | KafkaError) -> TransientError | TerminalError:
    """The error to raise for what the client reported or raised; its message begins with `Kafka`."""
    reason = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(reason, KafkaError):
        return TransientError(f"Kafka: {reason}")
    if is_terminal(reason):
        return TerminalError(f"Kafka refuses: {reason.str()}")
    if reason.code() in _UNREACHABLE:
        return UnreachableError(f"Kafka does not answer: {reason.str()}")
    return TransientError(f"Kafka cannot do it now: {reason.str()}")


def is_terminal(error: KafkaError) -> bool:
    """Whether no other attempt of this process can end differently."""
    return error.fatal() or error.code() in _TERMINAL
