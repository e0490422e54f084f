"""What the topic `triggers.across` says: what is remembered of each trigger, and event clocks that were moved. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from definitions.across.firing import Memory


class MemoryRecord(msgspec.Struct, frozen=True, tag="memory"):
    """What is remembered of a trigger in a workspace."""

    workspace: str
    trigger: str
    memory: Memory


class ClockRecord(msgspec.Struct, frozen=True, tag="clock"):
    """That the event clock of a workspace was moved to a time (ms); `moved_at`: when, by the system's time (ms)."""

    workspace: str
    to: int
    moved_at: int


Said: TypeAlias = MemoryRecord | ClockRecord
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Said).decode


class Remembered(msgspec.Struct, frozen=True):
    """All that the topic says: memories by workspace and trigger, and the latest times of clocks."""

    memories: Mapping[tuple[str, str], Memory] = MappingProxyType({})
    clocks: Mapping[str, ClockRecord] = MappingProxyType({})

    def of(self, workspace: str) -> dict[str, Memory]:
        """Return what is remembered in a workspace, by trigger."""
        return {trigger: memory for (name, trigger), memory in self.memories.items() if name == workspace}


def remembered(values: Iterable[bytes | None]) -> Remembered:
    """Return what records say, in their order."""
    memories: dict[tuple[str, str], Memory] = {}
    clocks: dict[str, ClockRecord] = {}
    for value in values:
        said = None if value is None else _decode(value)
        if isinstance(said, MemoryRecord):
            memories[said.workspace, said.trigger] = said.memory
        elif said is not None:
            clocks[said.workspace] = later(clocks.get(said.workspace), said)
    return Remembered(memories, clocks)


def later(known: ClockRecord | None, moved: ClockRecord) -> ClockRecord:
    """Return which of two moves counts: an event clock never goes back."""
    return moved if known is None or moved.to > known.to else known


def record_of(said: Said) -> tuple[bytes, bytes]:
    """Return key and value of a record."""
    key = f"memory|{said.workspace}|{said.trigger}" if isinstance(said, MemoryRecord) else f"clock|{said.workspace}"
    return key.encode(), _encode(said)
