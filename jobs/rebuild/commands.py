"""Sends replays to profiles over Kafka, and finds those that PROFILE could not take."""

from collections.abc import Callable, Iterable, Mapping

from jobs.rebuild.protocols import CommandPosition
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.offsets import Offsets, Partition
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from schemas import groups, topics
from schemas.dead_letters import dead_id
from schemas.identity import profile_key
from schemas.records import ProfileCommand, Replay

_STAGE = "profile"


class ProfileCommands:
    """`profile.commands` and `events.dead` of one Kafka, for one thread."""

    def __init__(self, kafka: str, encode: Callable[[ProfileCommand], bytes], offsets: Offsets) -> None:
        self._kafka = kafka
        self._encode = encode
        self._offsets = offsets
        self._producer = AcknowledgedProducer(kafka, groups.REBUILDER.name)
        self._watched_from: Mapping[Partition, int] = {}

    def send(self, workspace: str, profile_id: str, replays: Iterable[Replay]) -> tuple[CommandPosition, ...]:
        """See `Commands`. What `replays` raises passes."""
        key = profile_key(workspace, profile_id)
        positions = self._producer.send(
            ProducerRecord(topics.PROFILE_COMMANDS, key, self._encode(ProfileCommand.of(workspace, profile_id, replay)))
            for replay in replays
        )
        return tuple(CommandPosition(position.partition, position.offset) for position in positions)

    def watch_refusals(self) -> None:
        """See `Commands`: remember where `events.dead` ends."""
        extents = self._offsets.extents(self._offsets.partitions([topics.EVENTS_DEAD]))
        self._watched_from = {partition: extent.end for partition, extent in extents.items()}

    def refused(self, positions: Iterable[CommandPosition]) -> frozenset[CommandPosition]:
        """See `Commands`. The worker commits dead letters together with its offsets, so none can still come."""
        by_id = {dead_id(topics.PROFILE_COMMANDS, *position, _STAGE).encode(): position for position in positions}
        letters = read_to_end(self._kafka, [topics.EVENTS_DEAD], since=self._watched_from)
        keys = (message.key() for message in letters)
        return frozenset(by_id[key] for key in keys if key in by_id)
