"""Sends replays to profiles, and finds those that PROFILE could not take."""

from collections.abc import Iterable, Mapping

from jobs.commands import ProfileCommands
from runtime.kafka.deliveries import RecordPosition
from runtime.kafka.offsets import Partition
from schemas import topics
from schemas.dead_letters import dead_id
from schemas.records import ProfileCommand, Replay

_STAGE = "profile"


class KafkaReplays:
    """See `protocols.Commands`. For one thread."""

    def __init__(self, commands: ProfileCommands) -> None:
        self._commands = commands
        self._watched_from: Mapping[Partition, int] = {}

    def send(self, workspace: str, profile_id: str, replays: Iterable[Replay]) -> tuple[RecordPosition, ...]:
        """See `protocols.Commands`. What `replays` raises passes."""
        return self._commands.send(ProfileCommand.of(workspace, profile_id, replay) for replay in replays)

    def watch_refusals(self) -> None:
        """See `protocols.Commands`."""
        self._watched_from = self._commands.dead_letters_end()

    def refused(self, positions: Iterable[RecordPosition]) -> frozenset[RecordPosition]:
        """See `protocols.Commands`."""
        by_id = {dead_id(topics.PROFILE_COMMANDS, *position, _STAGE).encode(): position for position in positions}
        keys = (message.key() for message in self._commands.dead_letters(self._watched_from))
        return frozenset(by_id[key] for key in keys if key in by_id)
