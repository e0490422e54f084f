"""Sends seeds to profiles, finds those that PROFILE could not take, and says on `definitions` what is complete."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from definitions.sets import BackfillAttempt, BackfillProgress, Completion, Publication
from definitions.sets.publication import attempt_record, completion_record, progress_record
from jobs.backfill.attempts import begun, ended
from jobs.backfill.protocols import AddressedSeed, RefusedSeeds
from jobs.commands import ProfileCommands
from jobs.definitions_topic import DefinitionsTopic
from runtime.kafka.offsets import Partition
from schemas import topics
from schemas.codec import Codec, DecodeError
from schemas.records import DeadLetter, ProfileCommand, Seed

SENT_AT_ONCE = 5_000


class KafkaSeeds:
    """See `protocols.SeedCommands`. For one thread."""

    def __init__(self, commands: ProfileCommands, codec: Codec) -> None:
        self._commands = commands
        self._codec = codec
        self._watched_from: Mapping[Partition, int] = {}

    def begin(self) -> None:
        """See `protocols.SeedCommands`."""
        self._watched_from = self._commands.dead_letters_end()

    def send(self, seeds: Iterable[AddressedSeed]) -> Iterator[int]:
        """See `protocols.SeedCommands`. What `seeds` raises passes."""
        sent, coming = 0, iter(seeds)
        while positions := self._commands.send(ProfileCommand.of(*each) for each in islice(coming, SENT_AT_ONCE)):
            sent += len(positions)
            yield sent

    def ends(self) -> Mapping[Partition, int]:
        """See `protocols.SeedCommands`."""
        return self._commands.ends()

    def refused(self, attempt: str) -> RefusedSeeds:
        """See `protocols.SeedCommands`."""
        too_large, others = set[str](), 0
        for message in self._commands.dead_letters(self._watched_from):
            reason, seed = self._dead(message.value())
            if seed is not None and seed.attempt == attempt:
                if reason == "too_large":
                    too_large.add(seed.origin)
                else:
                    others += 1
        return RefusedSeeds(frozenset(too_large), others)

    def _dead(self, encoded: bytes | None) -> tuple[str, Seed | None]:
        """Return why something became a dead letter, and the seed, if it is one."""
        try:
            letter = self._codec.decode(DeadLetter, encoded)
            if letter.topic != topics.PROFILE_COMMANDS or letter.value is None:
                return letter.reason, None
            return letter.reason, self._codec.decode(ProfileCommand, letter.value).seed
        except DecodeError:
            return "", None


class KafkaBackfills:
    """See `protocols.Topic`. For one thread."""

    def __init__(self, topic: DefinitionsTopic) -> None:
        self._topic = topic

    def read(self) -> Publication:
        """See `protocols.Topic`."""
        return self._topic.read()

    def begin_attempt(self, workspace: str, token: int, begun_after: Completion | None) -> BackfillAttempt:
        """See `protocols.Topic`."""
        return self._topic.follow_up(workspace, lambda all_: begun(all_, workspace, token, begun_after), attempt_record)

    def complete(self, workspace: str, attempt: BackfillAttempt, completion: Completion) -> None:
        """See `protocols.Topic`. What comes of it is read here as well when this returns."""
        self._topic.follow_up(workspace, lambda all_: ended(all_, workspace, attempt, completion), completion_record)

    def progress(self, workspace: str, progress: BackfillProgress) -> None:
        """See `protocols.Topic`."""
        self._topic.append(*progress_record(workspace, progress))
