"""What evaluating needs of the world around it; ClickHouse and Kafka are behind it in the process."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from definitions.across import Course, Memory
from definitions.across.remembered import ClockRecord
from runtime.kafka.deliveries import ProducerRecord
from warehouse.queries.across import TriggerTicks


class Unanswered(Exception):
    """The warehouse has not answered, whatever the reason: the next tick is evaluated all the same."""


class AcrossPast(Protocol):
    """The events of before. Every method may block and raise Unanswered."""

    def firings(self, ticks: TriggerTicks, memory: Memory | None, *, fires_from: int | None = 0) -> Course:
        """Evaluate a range of ticks, of whatever is there now; see `definitions.across.evaluate`."""

    def first_event_at(self, workspace: str) -> int | None:
        """Find when (ms) the first event was; None if there is none."""

    def latest_event_at(self, workspace: str, received: int | None = None) -> int | None:
        """Find when (ms) the latest event was, of those received by a time (ms) or of all; None if there is none."""


class FencedWorkspace(Protocol):
    """A workspace for which nobody else publishes: whoever did has been fenced, and its memories are read."""

    @property
    def memories(self) -> Mapping[str, Memory]:
        """What was remembered of each trigger when it was taken."""

    def publish(self, records: Sequence[ProducerRecord]) -> None:
        """Append records all or none. Raises ProducerFenced, TransientError or TerminalError: none may be there."""

    def close(self) -> None:
        """Give it up."""


class WorkspaceFence(Protocol):
    """Takes workspaces over. Every method may block and raise TransientError or TerminalError."""

    def take(self, workspace: str) -> FencedWorkspace:
        """Fence whoever publishes for a workspace, and read what is remembered."""

    def clock(self, workspace: str) -> ClockRecord | None:
        """Return where an event clock was moved to; None if it never was."""
