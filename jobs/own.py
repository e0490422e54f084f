"""The workspaces of one rebuilder: those whose changes it reads, so that nobody else replays their profiles meanwhile.

What is done between rebuilds is done for them: back-fills and refreshes of mined traits.
"""

import time
from collections.abc import Callable, Collection, Mapping

from jobs.backfill.backfill import Backfill
from jobs.mining.refreshing import Refresher

LOOK_EVERY_S = 0.5


class OwnWorkspaces:
    """Looks now and then whether something is to be back-filled or refreshed, for one thread."""

    def __init__(self, backfill: Backfill, refresher: Refresher, partition_of: Mapping[str, int]) -> None:
        """`partition_of`: of `identity.changes`, by workspace."""
        self._backfill = backfill
        self._refresher = refresher
        self._partition_of = partition_of
        self._looked_at = 0.0

    def run(self, positions: Callable[[], Mapping[int, int]], fencing_token: int, rebuilding: Collection[str]) -> None:
        """Do what is wanted in workspaces of these partitions, which were read and carried out so far.

        `rebuilding`: workspaces in which rebuilds wait, so that not all is carried out.
        """
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        read = positions()
        own = {name: read[at] for name, at in self._partition_of.items() if read.get(at, -1) >= 0}
        self._backfill.run(own, fencing_token, rebuilding)
        self._refresher.run(own, fencing_token)
        self._looked_at = time.monotonic()
