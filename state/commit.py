"""The commit of a batch: one Kafka transaction, then one RocksDB write. See docs/decisions/0003.

1. outputs, changelog records and the input position become visible together, or not at all;
2. states, deadlines and the changelog offset are written locally.
The acknowledgement of the input comes after that and is only a hint: on start the position in the changelog decides.
"""

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime.errors import TerminalError
from runtime.failpoints import ignored
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.errors import is_terminal
from runtime.kafka.transactions import FENCED, TRANSACTION_TIMEOUT_MS, ProducerFenced
from state.outputs import Output, record_bytes
from state.store import META, StateStore
from state.view import StateView

log = logging.getLogger(__name__)

POSITION = b"position|"
# Then the client is called again, and goes on waiting, or says that the transaction has failed. In one long wait it
# would first let every record time out that it does not send any more after another was refused, 30 s later.
COMMIT_WAIT_S = 2.0
ATTEMPTS = 5
PRODUCE_BYTES = 512 * 1024  # of one request; a record above it travels alone, so a refusal is about that record

# What becomes of the other records of a transaction in which one was refused.
_BYSTANDERS = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})


class CommitFailed(TerminalError):
    """The broker refused the transaction for good; nothing of the batch has become visible."""


class RecordTooLarge(Exception):
    """One record of the batch is larger than its topic takes; nothing of the batch has become visible."""

    def __init__(self, topic: str, size: int) -> None:
        super().__init__(f"{topic} does not take a record of {size} bytes")
        self.topic = topic
        self.size = size


class _Refusal(NamedTuple):
    """What the broker said of one record."""

    topic: str
    size: int
    error: KafkaError


def stored_positions(store: StateStore) -> dict[str, int]:
    """Return the input positions in a store, as of its last commit: topic -> offset of the next record to read."""
    return {topic.decode(): int(offset) for topic, offset in store.meta(POSITION).items()}


class Committer:
    """The transactional producer of one task.

    Its id is the same wherever the partition lives, so that the broker fences the worker that held it before.
    """

    def __init__(
        self,
        kafka: str,
        transactional_id: str,
        changelog: str,
        partition: int,
        reached: Callable[[str], None] = ignored,
    ) -> None:
        self._reached = reached
        self.name = f"{changelog}-{partition}"
        self._changelog = changelog
        self._partition = partition
        self._last_offset: int | None = None
        self._failures: list[KafkaError] = []
        self._refusals: list[_Refusal] = []
        self._producer = Producer(
            {
                **PRODUCER_CONFIG,
                "bootstrap.servers": kafka,
                "transactional.id": transactional_id,
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "linger.ms": 1,
                # A transaction that follows at once meets the markers of the one before, and must come again.
                "retry.backoff.ms": 10,
                "socket.nagle.disable": True,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
                "queue.buffering.max.kbytes": 256 * 1024,
                "batch.size": PRODUCE_BYTES,
            },
            logger=log,
        )

    def fence(self, timeout_s: float = 60.0) -> None:
        """Lock out the previous worker and end its open transaction. Blocking; do it before recovery."""
        self._producer.init_transactions(timeout_s)

    def close(self) -> None:
        """Forget the producer; whatever was not committed is aborted by the next worker's `fence`."""
        with contextlib.suppress(KafkaException):  # what has become of a transaction was said where it failed
            self._producer.purge()
            self._producer.flush(1)

    def commit(
        self, outputs: Sequence[Output], view: StateView, positions: Mapping[str, int], store: StateStore
    ) -> None:
        """Make what a batch leads to durable: outputs, the view's changes, the positions behind it. Blocking.

        Raises ProducerFenced, CommitFailed or RecordTooLarge; then nothing of it is visible anywhere. Another batch may
        be tried after RecordTooLarge.
        """
        self._reached("before_transaction")
        offset = self._transact(outputs, view, positions)
        self._reached("after_commit")
        changes = dict(view.changes)
        changes.update({_position_key(topic): b"%d" % position for topic, position in positions.items()})
        store.write(changes, view.stored, offset)
        self._reached("after_store")

    def _transact(self, outputs: Sequence[Output], view: StateView, positions: Mapping[str, int]) -> int:
        """Repeat the transaction until the broker has it. Returns the offset of its last changelog record."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._producer.begin_transaction()
                self._reached("after_begin")
                self._send(outputs, view, positions, is_watched=attempt > 1)
                self._reached("before_commit")
                self._finish()
            except KafkaException as error:
                self._abort_after(error, attempt)
                self._raise_refusals()
                continue
            except RecordTooLarge:
                self._producer.abort_transaction()
                raise
            if self._failures or self._last_offset is None:
                raise CommitFailed(f"{self.name}: {self._failures[:1] or 'no offset returned'}")
            return self._last_offset
        raise CommitFailed(f"{self.name}: {ATTEMPTS} attempts were aborted")

    def _send(self, outputs: Sequence[Output], view: StateView, positions: Mapping[str, int], is_watched: bool) -> None:
        """Hand all records to the client; `is_watched`: note what the broker says of each, as something was refused."""
        self._last_offset, self._failures, self._refusals = None, [], []
        for output in outputs:
            options: dict[str, object] = {"headers": list(output.headers)} if output.headers else {}
            if is_watched:
                size = record_bytes(output.key, output.value)
                options["on_delivery"] = partial(self._on_refusal, output.topic, size)
            self._produce(output.topic, output.key, output.value, **options)
        self._reached("after_outputs")
        for key, value in view.changes.items():
            watch: dict[str, object] = {}
            if is_watched:
                watch["on_delivery"] = partial(self._on_refusal, self._changelog, record_bytes(key, value))
            self._produce(self._changelog, key, value, partition=self._partition, **watch)
        last = {_position_key(topic): b"%d" % position for topic, position in positions.items()}
        for key, value in (last or {META + b"sweep": b""}).items():
            self._produce(self._changelog, key, value, partition=self._partition, on_delivery=self._on_last)

    def _produce(self, topic: str, key: bytes, value: bytes | None, **options: object) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, **options)  # type: ignore[arg-type]
                return
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise
                raise RecordTooLarge(topic, record_bytes(key, value)) from error

    def _on_last(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(error)
        else:
            self._last_offset = message.offset()

    def _on_refusal(self, topic: str, size: int, error: KafkaError | None, _message: Message) -> None:
        if error is not None and error.code() not in _BYSTANDERS:
            self._refusals.append(_Refusal(topic, size, error))

    def _raise_refusals(self) -> None:
        """Raise what the broker has against one record or topic for good, if it said so of any."""
        for topic, size, error in sorted(self._refusals, key=lambda refusal: -refusal.size):
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and size > PRODUCE_BYTES:
                raise RecordTooLarge(topic, size)
            if is_terminal(error):
                raise CommitFailed(f"the broker refuses what {self.name} writes to {topic}: {error.str()}")

    def _finish(self) -> None:
        while True:
            try:
                self._producer.commit_transaction(COMMIT_WAIT_S)
                return
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                log.warning("commit of %s is being retried: %s", self.name, error.args[0].str())

    def _abort_after(self, failure: KafkaException, attempt: int) -> None:
        """Abort the transaction, so that another attempt can be made. Raises where none can."""
        error: KafkaError = failure.args[0]
        self._raise_if_fenced(failure)
        if error.fatal() or not (error.txn_requires_abort() or error.retriable()):
            raise CommitFailed(f"{self.name}: {error.str()}") from failure
        log.warning("transaction of %s is aborted, attempt %d of %d: %s", self.name, attempt, ATTEMPTS, error.str())
        try:
            self._producer.abort_transaction()
        except KafkaException as second:
            # Whoever was frozen may first learn that its records are too old to be sent.
            self._raise_if_fenced(second)
            raise CommitFailed(f"{self.name}: {error.str()}; abort: {second.args[0].str()}") from second

    def _raise_if_fenced(self, failure: KafkaException) -> None:
        if failure.args[0].code() in FENCED:
            raise ProducerFenced(f"{self.name}: another worker has taken the partition") from failure


def _position_key(topic: str) -> bytes:
    return META + POSITION + topic.encode()
