"""One partition of PROFILE on a store in memory, with two visits and a person to try it on."""

import uuid
from collections.abc import Iterable
from typing import Literal, TypeVar

import msgspec

from identity.rules import DEFAULT_RULES
from schemas.codec import Codec
from schemas.identity import default_profile_id, profile_key
from schemas.records import Advance, Event, Identifier, ProfileCommand, Rebuild, Replay
from schemas.topics import EVENTS_RESOLVED, PROFILE_COMMANDS, PROFILES
from settings import Workspace
from state.outputs import Output
from state.view import StateView
from streams.adoption import Adopt, unchanging
from streams.agents.profile.stage import ProfileStage
from streams.metrics import Tally
from streams.phases import Received, Record, decode, fold
from tests.schemas.fixed import FixedSchemas
from tests.streams.fold.definitions import PROGRAM
from tests.streams.fold.given import START, event
from tests.streams.world.world import Table

NAMESPACE = uuid.UUID("6f1c2f5e-8f5b-4a4e-9d54-0c8f3a3f1c01")
VISIT, ANN = Identifier("session_id", "s1"), Identifier("user_id", "ann")
OTHER = Identifier("session_id", "s2")
PROFILE_ID, ANNS = default_profile_id(NAMESPACE, VISIT), default_profile_id(NAMESPACE, ANN)
OTHER_ID = default_profile_id(NAMESPACE, OTHER)
KEY = profile_key("main", PROFILE_ID)

AnyRecord = TypeVar("AnyRecord", bound=msgspec.Struct)


class ProfilePartition:
    """One partition of PROFILE; `published`: what the last call left on the topics, `tally`: what all have counted.

    `opened_at`, `read_to`: since when it is read, and up to when it has read what arrived, as the stage is told.
    `has_more`: whether the last call requests a sweep.
    """

    def __init__(self, clock: Literal["wall", "event"] = "wall", adopt: Adopt | None = None) -> None:
        self.codec = Codec(FixedSchemas())
        workspaces = {"main": Workspace("main", NAMESPACE, clock)}
        adopt = adopt or unchanging(PROGRAM, workspaces)
        self._stage = ProfileStage(workspaces, adopt, DEFAULT_RULES, self.codec, read_to=lambda _: self.read_to)
        self.table = Table(self._stage)
        self.published: list[Output] = []
        self.opened_at = 0
        self.read_to: int | None = None
        self.has_more = False
        self.tally: Tally = Tally()

    def event(self, sent: Event, to: Identifier, now: int | None = None) -> None:
        self.events([sent], to, now or sent.occurred_at)

    def events(self, sent: Iterable[Event], to: Identifier, now: int) -> None:
        """Fold events of one batch."""
        self._fold(self._records(sent, to), now)

    def events_of(self, sent: Iterable[tuple[Event, Identifier]], now: int) -> None:
        """Fold events of one batch, each to a profile of its own."""
        self._fold([record for each, to in sent for record in self._records([each], to)], now)

    def events_and_command(self, sent: Iterable[Event], to: Identifier, command: ProfileCommand, now: int = 0) -> None:
        """Fold events and then a command, in one batch."""
        key = profile_key("main", command.profile_id)
        commanded = Record(PROFILE_COMMANDS, 0, 0, key, self.codec.encoder(ProfileCommand)(command))
        self._fold([*self._records(sent, to), commanded], now or START)

    def _records(self, sent: Iterable[Event], to: Identifier) -> list[Record]:
        key = profile_key("main", default_profile_id(NAMESPACE, to))
        values = map(self.codec.encoder(Event), sent)
        return [Record(EVENTS_RESOLVED, 0, offset, key, value) for offset, value in enumerate(values)]

    def command(self, command: ProfileCommand, now: int = START) -> None:
        self.commands_at_once(command, now=now)

    def commands_at_once(self, *commands: ProfileCommand, now: int = START) -> None:
        """Execute commands in one batch."""
        encode = self.codec.encoder(ProfileCommand)
        self._fold(
            [
                Record(PROFILE_COMMANDS, 0, at, profile_key("main", each.profile_id), encode(each))
                for at, each in enumerate(commands)
            ],
            now,
        )

    def clock(self, to: int, now: int) -> None:
        command = self.codec.encoder(ProfileCommand)(ProfileCommand.of("main", "", Advance(to=to)))
        self._fold([Record(PROFILE_COMMANDS, 0, 0, None, command)], now)

    def sweep(self, now: int) -> None:
        self._fold([], now)

    def _fold(self, records: list[Record], now: int) -> None:
        received = Received(records, {}, now, opened_at=self.opened_at)
        folded = fold(self._stage, decode(self._stage, received), StateView(self.table)).effects
        for key, value in folded.view.changes.items():
            self.table.put(key, value)
        self.published, self.has_more = list(folded.outputs), folded.more
        self.tally.update(folded.tally)

    def read(self, topic: str, kind: type[AnyRecord]) -> list[AnyRecord]:
        """Return what was published on a topic, without tombstones."""
        return [
            self.codec.decode(kind, output.value)
            for output in self.published
            if output.topic == topic and output.value is not None
        ]

    def folds(self) -> list[tuple[str, int]]:
        """Return to which profiles events were sent on, and by which decisions."""
        commands = self.read(PROFILE_COMMANDS, ProfileCommand)
        return [(record.profile_id, record.fold.decision) for record in commands if record.fold is not None]

    def tombstones(self) -> list[bytes | None]:
        """Return the keys of the profiles that are to be forgotten."""
        return [output.key for output in self.published if output.topic == PROFILES and output.value is None]


def visited() -> ProfilePartition:
    """Return a partition with one event of a visit."""
    profiles = ProfilePartition()
    profiles.event(event(START, identifiers=(VISIT,)), VISIT)
    return profiles


def unmerged(adopt: Adopt | None = None) -> ProfilePartition:
    """Ann's profile has one event and was told to wait for its replay."""
    profiles = ProfilePartition(adopt=adopt)
    profiles.event(event(START, message_id="m0"), ANN)
    profiles.command(ProfileCommand.of("main", ANNS, Rebuild(5, identifiers=(ANN,))))
    return profiles


def chunk(  # noqa: PLR0913 - what differs between chunks
    number: int,
    *sent: Event,
    last: bool = True,
    attempt: str = "r",
    decision: int = 5,
    sessions: tuple[str, ...] = (),
    profile_id: str = ANNS,
) -> ProfileCommand:
    events = tuple(map(Codec(FixedSchemas()).encoder(Event), sent))
    replay = Replay(decision, attempt=attempt, chunk=number, last=last, events=events, sessions=sessions)
    return ProfileCommand.of("main", profile_id, replay)
