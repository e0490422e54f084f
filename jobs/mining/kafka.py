"""Sends profiles what queries have found, and says on `definitions` what came of a refresh."""

from collections.abc import Iterable, Mapping

from definitions.sets import Publication
from definitions.sets.refreshes import Refresh, refresh_record
from jobs.backfill.kafka import KafkaTopic
from jobs.mining.turns import begun, ended
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.offsets import Offsets, Partition
from runtime.kafka.producer import AcknowledgedProducer
from schemas import topics
from schemas.codec import Codec
from schemas.identity import profile_key
from schemas.records import ProfileCommand

CLIENT = "onefold-mining"


class KafkaMineCommands:
    """See `protocols.MineCommands`. For one thread."""

    def __init__(self, kafka: str, codec: Codec, offsets: Offsets) -> None:
        self._encode = codec.encoder(ProfileCommand)
        self._offsets = offsets
        self._producer = AcknowledgedProducer(kafka, CLIENT)

    def send(self, commands: Iterable[ProfileCommand]) -> None:
        """See `protocols.MineCommands`."""
        self._producer.send(map(self._record, commands))

    def ends(self) -> Mapping[Partition, int]:
        """See `protocols.MineCommands`."""
        extents = self._offsets.extents(self._offsets.partitions([topics.PROFILE_COMMANDS]))
        return {partition: extent.end for partition, extent in extents.items() if not extent.is_empty}

    def _record(self, command: ProfileCommand) -> ProducerRecord:
        key = profile_key(command.workspace, command.profile_id)
        return ProducerRecord(topics.PROFILE_COMMANDS, key, self._encode(command))


class KafkaRefreshes:
    """See `protocols.RefreshTopic`. For one thread."""

    def __init__(self, topic: KafkaTopic) -> None:
        self._topic = topic

    def read(self) -> Publication:
        """See `protocols.RefreshTopic`."""
        return self._topic.read()

    def begin(self, workspace: str, trait: str, refresh: Refresh) -> Refresh:
        """See `protocols.RefreshTopic`."""
        return self._topic.follow_up(
            workspace,
            lambda said: begun(said, workspace, trait, refresh),
            lambda _, following: refresh_record(workspace, trait, following),
        )

    def end(self, workspace: str, trait: str, refresh: Refresh) -> None:
        """See `protocols.RefreshTopic`."""
        self._topic.follow_up(
            workspace,
            lambda said: ended(said, workspace, trait, refresh),
            lambda _, following: refresh_record(workspace, trait, following),
        )
