"""What a refresh needs of the world around it; ClickHouse and Kafka are behind it in the process."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from definitions.sets import Publication
from definitions.sets.refreshes import Refresh
from runtime.kafka.offsets import Partition
from schemas.records import ProfileCommand
from warehouse.queries.mining import Compared, MinedQuery


class Queries(Protocol):
    """The warehouse."""

    def compare(self, query: MinedQuery) -> Iterator[Compared]:
        """Yield what profiles do not show as the query finds it, a block at a time.

        May block for minutes, and raise any OnefoldError, also on the way.
        """


class MineCommands(Protocol):
    """Commands to profiles. Every method may block and raise TransientError or TerminalError."""

    def send(self, commands: Iterable[ProfileCommand]) -> object:
        """Append commands; return once they are durable. After an error some may be there all the same."""

    def ends(self) -> Mapping[Partition, int]:
        """Return where each partition of the commands ends."""


class RefreshTopic(Protocol):
    """The topic `definitions`. Every method may block and raise TransientError or TerminalError."""

    def read(self) -> Publication:
        """Return what it says now."""

    def begin(self, workspace: str, trait: str, refresh: Refresh) -> Refresh:
        """Say that a refresh begins, under a number of its own. Raises Superseded: a later process is at work."""

    def end(self, workspace: str, trait: str, refresh: Refresh) -> None:
        """Say what came of it. Raises Superseded: another one has begun since."""
