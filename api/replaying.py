"""Puts deliveries on the topic of their destination once more: those that were refused or suppressed.

Every check meets them there again. Of each, the record and an attempt that says that it was replayed are appended in
one transaction, so that nothing is replayed twice, whenever a replay is stopped and begun once more.
"""

import time
from collections.abc import Iterator

import msgspec

from api.deliveries import why_unknown
from api.pausing import check_receiving, destinations_in_force, names_of
from api.requests import UnknownDefinition
from runtime.errors import TerminalError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.offsets import Offsets
from runtime.kafka.transactions import TransactionalProducer
from runtime.kafka.waiting import await_committed, ends_of
from schemas import topics
from schemas.activation_reader import ActivationReader
from schemas.activations import Activation
from schemas.attempts import Saying, Whose, delivery_attempt
from schemas.codec import Codec, DecodeError
from schemas.groups import SINK
from schemas.identity import across_key, profile_key
from schemas.records import DeliveryAttempt
from schemas.records.deliveries import REPLAYED
from schemas.registry import Registry
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.clock import server_time
from warehouse.queries.deliveries import ChosenAttempts, DeliveryLog, Replayable

AT_ONCE = 500
WRITTEN_WITHIN_S = 60.0


class Replays:
    """Records of replays, encoded; for one thread."""

    def __init__(self, codec: Codec, destination: str) -> None:
        self._activations = ActivationReader(codec)
        self._encode = codec.encoder(DeliveryAttempt)
        self._destination = destination

    def records(self, delivery: Replayable, now: int) -> Iterator[ProducerRecord]:
        """Yield the original record for the destination, and the attempt that says that it was replayed.

        Raises TerminalError for a record that cannot be read.
        """
        try:
            activation = self._activations.read(delivery.activation)
        except DecodeError as error:
            raise TerminalError(
                f"what delivery {delivery.delivery_id} is about cannot be read: {error.reason}"
            ) from error
        whose = Whose(self._destination, delivery.kept_as, delivery.mapping)
        saying = Saying(
            "retry",
            REPLAYED,
            "an operator has had it queued once more",
            delivery.attempt,
            due_at=now,
            key=delivery.delivery_id,
        )
        attempted_at = max(now, delivery.attempted_at + 1)  # behind the attempt which it follows
        attempt = delivery_attempt(whose, activation, saying, attempted_at)
        yield ProducerRecord(topics.activation(self._destination), _key(activation), delivery.activation)
        yield ProducerRecord(topics.DELIVERIES, _key(activation), self._encode(attempt))


class DeliveryReplay:
    """One replay: what is chosen of one destination. Raises TransientError and TerminalError.

    It begins once ClickHouse has all that was said of deliveries before; who replays the same destination at the same
    time is fenced.
    """

    def __init__(self, settings: Settings, workspace: str, chosen: ChosenAttempts) -> None:
        self._settings = settings
        self._workspace = workspace
        self._chosen = msgspec.structs.replace(chosen, kept_as=names_of(settings, chosen.destination)[0])
        self._warehouse = Warehouse(settings.clickhouse, answer_timeout_s=None)
        self._deliveries = DeliveryLog(self._warehouse, workspace)

    def count(self) -> int:
        """Count what would be replayed. Raises UnknownDefinition for a destination that nobody delivers to now.

        What was put on its topic would wait there for ever, and be said to.
        """
        name, number = self._chosen.destination, self._deliveries.replayable_count(self._chosen)
        reason = None if number else why_unknown(self._settings, self._deliveries, name)
        if reason is not None:
            raise UnknownDefinition("destination", reason)
        check_receiving(destinations_in_force(self._settings), name)
        return number

    def run(self, most: int) -> Iterator[int]:
        """Replay so many at most; yield how many after each transaction. Whoever stops asking stops it."""
        destination = self._chosen.destination
        replays = Replays(Codec(Registry(self._settings.registry)), destination)
        with TransactionalProducer(self._settings.kafka, f"onefold-replay-{self._workspace}-{destination}") as producer:
            await_written(self._settings.kafka)
            left = most
            for chunk in self._deliveries.replayable(self._chosen, AT_ONCE):
                # Not by the clock of this machine: one that is ahead would have it follow what comes of the replay.
                some, now = chunk[:left], server_time(self._warehouse)
                producer.send([record for delivery in some for record in replays.records(delivery, now)])
                left -= len(some)
                yield len(some)
                if not left:
                    return

    def close(self) -> None:
        """Let go of connections."""
        self._warehouse.close()


def await_written(kafka: str, within_s: float = WRITTEN_WITHIN_S) -> None:
    """Return once ClickHouse has what was said of deliveries so far. Raises TransientError if that takes too long."""
    offsets = Offsets(kafka)
    await_committed(offsets, SINK.name, ends_of(offsets, [topics.DELIVERIES]), time.monotonic() + within_s)


def _key(activation: Activation) -> bytes:
    """Return the key under which the record lay."""
    if activation.profile_id is not None:
        return profile_key(activation.workspace, activation.profile_id)
    return across_key(activation.workspace, activation.name, activation.across or "")
