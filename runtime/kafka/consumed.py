"""What a consumer hands over: records, and what its client reports between them."""

import logging
from collections.abc import Iterable, Iterator

from confluent_kafka import KafkaError, Message

from runtime.kafka.errors import is_terminal, sorted_error

log = logging.getLogger(__name__)


def records_of(messages: Iterable[Message], kafka: str, level: int = logging.DEBUG) -> Iterator[Message]:
    """Yield the records. Raises TerminalError where the client of this Kafka reports that no more can come.

    Whatever else it reports, such as a broker that is away, it mends by itself: that is logged at `level`.
    """
    for message in messages:
        error = message.error()
        if error is None:
            yield message
        elif is_terminal(error):
            raise sorted_error(error, kafka)
        elif not is_end(message):
            log.log(level, "Kafka at %s: %s", kafka, error.str())


def is_end(message: Message) -> bool:
    """Return whether a message says, of a consumer that wants to know, that a partition ends there for now."""
    error = message.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF
