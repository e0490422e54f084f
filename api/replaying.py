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
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.offsets import Offsets
from runtime.kafka.transactions import TransactionalProducer
from runtime.kafka.waiting import await_committed, ends_of
from schemas import topics
from schemas.codec import Codec
from schemas.groups import SINK
from schemas.identity import across_key, profile_key
from schemas.records import DeliveryAttempt, Trigger
from schemas.registry import Registry
from settings import Settings
from warehouse.client import Warehouse
from warehouse.queries.clock import server_time
from warehouse.queries.deliveries import REPLAYED, ChosenAttempts, DeliveryLog, Replayable

AT_ONCE = 500
WRITTEN_WITHIN_S = 60.0


class Replays:
    """Records of replays, encoded; for one thread."""

    def __init__(self, codec: Codec, workspace: str, destination: str) -> None:
        self._codec = codec
        self._encode = codec.encoder(DeliveryAttempt)
        self._workspace = workspace
        self._destination = destination

    def records(self, delivery: Replayable, now: int) -> Iterator[ProducerRecord]:
        """Yield the original record for the destination, and the attempt that says that it was replayed.

        Raises DecodeError for a trigger across persons that cannot be read.
        """
        key = self._key(delivery)
        yield ProducerRecord(topics.activation(self._destination), key, delivery.activation)
        yield ProducerRecord(topics.DELIVERIES, key, self._encode(self._attempt(delivery, now)))

    def _key(self, delivery: Replayable) -> bytes:
        """Return the key under which the record lay."""
        if delivery.profile_id:
            return profile_key(self._workspace, delivery.profile_id)
        trigger = self._codec.decode(Trigger, delivery.activation)
        return across_key(self._workspace, trigger.trigger, trigger.across or "")

    def _attempt(self, delivery: Replayable, now: int) -> DeliveryAttempt:
        return DeliveryAttempt(
            workspace=self._workspace,
            delivery_id=delivery.delivery_id,
            destination=self._destination,
            kind=delivery.kind,
            name=delivery.name,
            change=delivery.change,
            activation_id=delivery.activation_id,
            happened_at=delivery.happened_at,
            attempt=delivery.attempt,
            outcome="retry",
            attempted_at=max(now, delivery.attempted_at + 1),  # behind the attempt which it follows
            profile_id=delivery.profile_id or None,
            profile_kind=delivery.profile_kind or None,
            reason=REPLAYED,
            detail="an operator has had it queued once more",
            due_at=now,
            mapping=delivery.mapping,
            version=delivery.version,
            kept_as=delivery.kept_as,
        )


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
        replays = Replays(Codec(Registry(self._settings.registry)), self._workspace, destination)
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
