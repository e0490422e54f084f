"""What a rebuild needs of the world around it: the past, and commands to profiles.

ClickHouse and Kafka are behind them in the process; tests put worlds of their own there.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from runtime.kafka.deliveries import RecordPosition
from schemas.records import Replay
from warehouse.queries.past_events import PastEvent, PublishedSessions


class Past(Protocol):
    """The events of before, and what was published of profiles.

    Every method may block, and raise TransientError or, for what is refused as it is, TerminalError or
    QueryTooLargeError.
    """

    def page(
        self, workspace: str, values: Sequence[str], cut: Sequence[int], after: PastEvent | None
    ) -> Iterator[PastEvent]:
        """Yield some events with any of these values among their identifiers, in order of time and sort key.

        They lie behind `after`, and before the offset that `cut` has for their partition; none: there are no more. May
        raise in the midst of them.
        """

    def published(self, workspace: str, profile_ids: Sequence[str]) -> PublishedSessions:
        """Find the sessions of profiles, and the highest version of these and of the first profile."""

    def events_since(self, workspace: str) -> int | None:
        """Find from when on (ms) events are there; None if none were dropped.

        Retention says so before it drops any: read behind the last page, it is true of every page.
        """


class Commands(Protocol):
    """Commands to profiles. Every method may block and raise TransientError or TerminalError."""

    def send(self, workspace: str, profile_id: str, replays: Iterable[Replay]) -> tuple[RecordPosition, ...]:
        """Append replays in order; return once they are durable. After an error some may be there all the same."""

    def watch_refusals(self) -> None:
        """Begin to look for refusals: those of before this call do not count."""

    def refused(self, positions: Iterable[RecordPosition]) -> frozenset[RecordPosition]:
        """Find which of these commands PROFILE could not take; all of them must have been read."""
