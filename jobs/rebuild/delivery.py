"""What Kafka says of the records of one attempt; producing them is left to whoever sends them."""

from confluent_kafka import KafkaError, Message

from runtime.errors import TerminalError, TransientError


class Delivery:
    """`partition` and `offsets`: where the acknowledged records lie."""

    def __init__(self) -> None:
        self.partition = 0
        self.offsets: list[int] = []
        self._error: KafkaError | None = None

    def acknowledge(self, error: KafkaError | None, message: Message) -> None:
        """Called from within the producer's `poll` and `flush`."""
        if error is not None:
            self._error = error
            return
        self.partition = message.partition() or 0
        self.offsets.append(message.offset() or 0)

    def check(self, sent: int | None = None) -> None:
        """Raise what went wrong so far: TransientError, or TerminalError when only a new process can go on.

        `sent`: how many records must be acknowledged by now.
        """
        if self._error is not None:
            raise failure(self._error)
        if sent is not None and len(self.offsets) != sent:
            raise TransientError("Kafka did not acknowledge every record")


def failure(error: KafkaError) -> TransientError | TerminalError:
    """An error of the producer as whether to try again."""
    if error.fatal():
        return TerminalError(f"Kafka's client cannot go on: {error.str()}")
    return TransientError(f"Kafka did not take a record: {error.str()}")
