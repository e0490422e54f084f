"""Decodes the records of PROFILE's topics, states and replayed events within them included; raises DecodeError only."""

import struct
import time
from collections.abc import Callable, Collection, Iterable

import msgspec
from msgspec.structs import replace

from schemas.codec import Codec, DecodeError
from schemas.identity import profile_key, split_profile_key
from schemas.records import (
    Absorb,
    Advance,
    Attribute,
    Deny,
    Disown,
    Event,
    Fold,
    Identifier,
    Mine,
    ProfileCommand,
    Reaffirm,
    Rebuild,
    Replay,
    Seed,
    Transfer,
)
from schemas.topics import PROFILE_COMMANDS
from streams.adoption import Adopt
from streams.fold.entry import BufferedRecord, HeldEvent, decode_entry
from streams.fold.said import Denials, decode_denials
from streams.fold.state import ProfileState
from streams.phases import NotYet, Record


class RoutedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event for a profile, as RESOLVE or another profile has sent it there.

    `decision`, `owner`, `owner_decision`: see `schemas.records.Fold`. `sent_on`: by another profile. `buffered`: it
    waited, for a rebuild or for what comes late. `settled`: it was held back, and is not any more.
    """

    event: Event
    encoded: bytes
    decision: int = 0
    owner: Identifier | None = None
    owner_decision: int = 0
    sent_on: bool = False
    buffered: bool = False
    settled: bool = False


class AbsorbedState(msgspec.Struct, frozen=True, gc=False):
    """The command, and the state that it brings; an empty one if the other profile had none."""

    command: Absorb
    state: ProfileState


class Outdating(msgspec.Struct, frozen=True, gc=False):
    """A transfer to a profile to which the events are replayed: no state is sent there."""

    command: Transfer


class Denied(msgspec.Struct, frozen=True, gc=False):
    """The command, and what was denied."""

    command: Deny
    denials: Denials

    @property
    def identifier(self) -> Identifier:
        """The identifier that it was denied for."""
        return self.command.identifier


class ReplayChunk(msgspec.Struct, frozen=True, gc=False):
    """The command, and the events that it brings."""

    command: Replay
    events: tuple[Event, ...]


Content = (
    RoutedEvent
    | Transfer
    | Outdating
    | AbsorbedState
    | Rebuild
    | ReplayChunk
    | Attribute
    | Disown
    | Advance
    | Seed
    | Mine
    | Denied
    | Reaffirm
)


class Addressed(msgspec.Struct, frozen=True, gc=False):
    """What a record says to a profile, whose `key` is made of the other two. `raw`: the record's value.

    An Advance is for all profiles of a workspace: without a profile id, the key is empty.
    """

    workspace: str
    profile_id: str
    key: bytes
    content: Content
    raw: bytes


def newest_receipt(items: Iterable[Addressed], is_wall: Callable[[str], bool]) -> int | None:
    """Return when the newest event was received (ms), of workspaces on the wall clock; None without one."""
    times = (
        addressed.content.event.received_at
        for addressed in items
        if isinstance(addressed.content, RoutedEvent) and is_wall(addressed.workspace)
    )
    return max(times, default=None)


class ProfileDecoder:
    """Decodes records of the configured workspaces."""

    def __init__(self, codec: Codec, workspaces: Collection[str], adopt: Adopt) -> None:
        self._codec = codec
        self._workspaces = workspaces
        self._adopt = adopt
        self._unknown_since: dict[str, float] = {}  # by what is unknown, by the monotonic clock

    def decode(self, record: Record) -> Addressed:
        """Decode a record of any of the topics. Raises DecodeError, or NotYet if it is by unknown definitions."""
        raw = record.value or b""
        if record.topic == PROFILE_COMMANDS:
            addressed = self._command(raw)
        else:
            workspace, profile_id = _split(record.key)
            event = self._event(raw)
            addressed = Addressed(workspace, profile_id, record.key or b"", RoutedEvent(event, raw), raw)
        if addressed.workspace not in self._workspaces:
            raise DecodeError("unknown_workspace", "the record names a workspace that is not configured")
        return addressed

    def decode_waiting(self, workspace: str, profile_id: str, waiting: BufferedRecord | HeldEvent) -> Addressed:
        """Decode what has waited at a profile: an event, or a command. Raises DecodeError."""
        match waiting:
            case HeldEvent(encoded=raw, decision=decision, owner=owner, owner_decision=owner_decision):
                event = self._codec.decode(Event, raw)
                routed = RoutedEvent(event, raw, decision, owner, owner_decision, buffered=True, settled=True)
            case BufferedRecord(is_event=True, raw=raw):
                routed = RoutedEvent(self._codec.decode(Event, raw), raw, buffered=True)
            case _:
                return self._command(waiting.raw)
        return Addressed(workspace, profile_id, profile_key(workspace, profile_id), routed, raw)

    def _command(self, raw: bytes) -> Addressed:
        record = self._codec.decode(ProfileCommand, raw)
        key = b"" if isinstance(record.command, Advance) else _key(record.workspace, record.profile_id)
        return Addressed(record.workspace, record.profile_id, key, self._content(record), raw)

    def _content(self, record: ProfileCommand) -> Content:
        match record.command:
            case Fold() as fold:
                event = self._event(fold.event)
                return RoutedEvent(event, fold.event, fold.decision, fold.owner, fold.owner_decision, sent_on=True)
            case Replay() as replay:
                self._require_complete(record.workspace, replay.definitions)
                return ReplayChunk(replay, tuple(self._replayed(event, replay.definitions) for event in replay.events))
            case Absorb() as absorb:
                self._require(absorb.definitions)
                self._require_complete(record.workspace, absorb.complete_to)
                return AbsorbedState(absorb, _state(absorb.state))
            case Transfer() as transfer:
                _key(record.workspace, transfer.target)
                return Outdating(transfer) if transfer.outdates else transfer
            case Seed() | Mine() as computed:
                self._require(computed.version)
                self._require_complete(record.workspace, computed.complete_to)
                if isinstance(computed, Mine):
                    _check_value(computed.value)
                return computed
            case None:
                raise DecodeError("unprocessable", "a command that this release does not know")
            case command:
                return Denied(command, _denials(command.said)) if isinstance(command, Deny) else command

    def _event(self, encoded: bytes) -> Event:
        event = self._codec.decode(Event, encoded)
        if self._adopt().is_beginning:
            raise NotYet("not every partition of RESOLVE has said by which definitions it began")
        self._require(event.definitions)
        return event

    def _replayed(self, encoded: bytes, complete_to: int) -> Event:
        """Decode an event of a replay, which contributes to all that is complete, whatever its stamp."""
        event = self._codec.decode(Event, encoded)
        return event if event.definitions >= complete_to else replace(event, definitions=complete_to)

    def _require(self, version: int) -> None:
        """Raise NotYet for a version of the definitions that is unknown; DecodeError if no such version exists."""
        adopted = self._adopt()
        if version > adopted.version:
            self._wait_for(f"version {version} of the definitions", adopted.as_of)

    def _require_complete(self, workspace: str, version: int) -> None:
        """Raise as `_require` unless a version is complete in a workspace."""
        adopted = self._adopt()
        if version > adopted.complete_to.get(workspace, 0):
            self._wait_for(f"the end of the back-fill of version {version} of the definitions", adopted.as_of)

    def _wait_for(self, what: str, as_of: float) -> None:
        now_s = time.monotonic()
        since_s = self._unknown_since.setdefault(what, now_s)
        if as_of > since_s:
            del self._unknown_since[what]
            raise DecodeError("invalid", f"{what}: there is no such thing")
        raise NotYet(f"{what} is not known yet")


def _state(encoded: bytes | None) -> ProfileState:
    if encoded is None:
        return ProfileState()
    try:
        entry = decode_entry(encoded)
    except (ValueError, msgspec.DecodeError, struct.error) as error:
        raise DecodeError("invalid", f"the state to be absorbed: {error}") from None
    if not isinstance(entry, ProfileState):
        raise DecodeError("invalid", "a forward holds no state that could be absorbed")
    return entry


def _denials(encoded: bytes) -> Denials:
    try:
        return decode_denials(encoded)
    except ValueError as error:
        raise DecodeError("invalid", f"what was denied: {error}") from None


def _check_value(text: str | None) -> None:
    if text is None:
        return
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise DecodeError("invalid", f"the value that a query has found: {error}") from None
    if not isinstance(value, str | int | float | list):
        raise DecodeError("invalid", "what a query has found is neither a scalar nor a list")


def _key(workspace: str, profile_id: str) -> bytes:
    try:
        return profile_key(workspace, profile_id)
    except ValueError as error:
        raise DecodeError("invalid", str(error)) from None


def _split(key: bytes | None) -> tuple[str, str]:
    try:
        return split_profile_key(key)
    except ValueError as error:
        raise DecodeError("invalid", str(error)) from None
