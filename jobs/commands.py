"""Sends commands to profiles over Kafka, and reads the dead letters, where those are that PROFILE could not take."""

from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import Message

from jobs.progress import ends_now
from runtime.kafka.deliveries import ProducerRecord, RecordPosition
from runtime.kafka.offsets import Offsets, Partition
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from schemas import groups, topics
from schemas.codec import Codec
from schemas.identity import profile_key
from schemas.records import ProfileCommand


class ProfileCommands:
    """`profile.commands` and `events.dead` of one Kafka, for one thread.

    Every method may block and raise TransientError or TerminalError.
    """

    def __init__(self, kafka: str, codec: Codec, offsets: Offsets) -> None:
        self._kafka = kafka
        self._encode = codec.encoder(ProfileCommand)
        self._offsets = offsets
        self._producer = AcknowledgedProducer(kafka, groups.REBUILDER.name)

    def send(self, commands: Iterable[ProfileCommand]) -> tuple[RecordPosition, ...]:
        """Append commands; return where they lie once they are durable. After an error some may be there all the same.

        What `commands` raises passes.
        """
        return self._producer.send(map(self._record, commands))

    def ends(self) -> Mapping[Partition, int]:
        """Return where each partition of the commands ends."""
        return ends_now(self._offsets, topics.PROFILE_COMMANDS)

    def dead_letters_end(self) -> Mapping[Partition, int]:
        """Return where each partition of the dead letters ends."""
        return ends_now(self._offsets, topics.EVENTS_DEAD)

    def dead_letters(self, since: Mapping[Partition, int]) -> Iterator[Message]:
        """Yield the dead letters behind these ends, of whatever topic.

        The worker commits them together with its offsets: none can still come of a command that it has read.
        """
        return read_to_end(self._kafka, [topics.EVENTS_DEAD], since=since)

    def _record(self, command: ProfileCommand) -> ProducerRecord:
        key = profile_key(command.workspace, command.profile_id)
        return ProducerRecord(topics.PROFILE_COMMANDS, key, self._encode(command))
