"""What Kafka's client reports, sorted once: worth another attempt, or a reason to stop."""

from collections.abc import Iterator
from contextlib import contextmanager

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
_SAME_MEMBER = "same group.instance.id"
"""In what the client says of a member that is fenced; the fatal event has no code of its own."""
# https://kafka.apache.org/protocol#protocol_error_codes: the record or the configuration is wrong, and stays so.
_TERMINAL = frozenset(
    {
        KafkaError._FATAL,  # as an event it does not call itself fatal
        KafkaError._FENCED,
        KafkaError._AUTHENTICATION,
        KafkaError._INVALID_ARG,
        KafkaError._BAD_MSG,  # records that cannot be unpacked: whoever reads on leaves them out
        KafkaError._BAD_COMPRESSION,
        KafkaError.MSG_SIZE_TOO_LARGE,
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


def sorted_error(error: KafkaException | KafkaError, kafka: str) -> TransientError | TerminalError:
    """Return the error to raise for what the client of this Kafka reported or raised."""
    reason = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(reason, KafkaError):
        return TransientError(f"Kafka at {kafka}: {reason}")
    if is_terminal(reason) and _SAME_MEMBER in reason.str():
        return TerminalError(
            f"Kafka at {kafka} has given this process's place in its group to another: does a second one have the"
            " same ONEFOLD_WORKER? If not, start it again: a broker that was killed may say so once"
        )
    if is_terminal(reason):
        return TerminalError(f"Kafka at {kafka} refuses: {reason.str()}")
    if reason.code() in _UNREACHABLE:
        return UnreachableError(f"Kafka at {kafka} does not answer: {reason.str()}")
    return TransientError(f"Kafka at {kafka} cannot do it now: {reason.str()}")


@contextmanager
def errors_sorted(kafka: str) -> Iterator[None]:
    """Raise what the client of this Kafka raises within the block as TransientError or TerminalError."""
    try:
        yield
    except KafkaException as error:
        raise sorted_error(error, kafka) from error


def is_terminal(error: KafkaError) -> bool:
    """Return whether no other attempt of this process can end differently."""
    return error.fatal() or error.code() in _TERMINAL
