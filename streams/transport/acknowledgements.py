"""How far the batches of a worker are acknowledged, by partition; pure.

Readers go on before a batch is acknowledged, and meet the ends of transactions, which nobody has to work on. What lies
behind a batch is acknowledged with it or later, so that a position says that everything before it is done.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping

from faust.types import TP


class Acknowledgements:
    """`until`: partition -> offset behind the last record that is acknowledged."""

    def __init__(self) -> None:
        self.until: dict[TP, int] = {}
        self._unacknowledged: defaultdict[Hashable, int] = defaultdict(int)  # how many batches of each reader
        self._behind: dict[Hashable, dict[TP, int]] = {}

    def begin(self, until: Mapping[TP, int]) -> None:
        """Forget everything but how far the tasks have come."""
        self.until = dict(until)
        self._unacknowledged.clear()
        self._behind.clear()

    def hand_over(self, reader: Hashable) -> None:
        """Note that a batch of a reader is worked on."""
        self._unacknowledged[reader] += 1

    def acknowledge(self, reader: Hashable, positions: Mapping[TP, int]) -> None:
        """Note that a batch, and all that it led to, is durable."""
        self._unacknowledged[reader] -= 1
        self.until |= positions
        if not self._unacknowledged[reader]:
            self.until |= self._behind.pop(reader, {})

    def pass_over(self, reader: Hashable, positions: Mapping[TP, int]) -> None:
        """Note positions behind which a reader goes on without any record before them."""
        if self._unacknowledged[reader]:
            self._behind.setdefault(reader, {}).update(positions)
        else:
            self.until |= positions
