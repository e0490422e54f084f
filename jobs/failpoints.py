"""The failpoints of the rebuilder's process, see `runtime.failpoints`; tests kill it at each of them.

Maintenance is a process of its own, with failpoints of its own.
"""

from runtime.failpoints import failpoints

REBUILD = ("before_barrier", "after_barrier", "between_chunks", "before_rebuilt", "before_offsets")

BACKFILL = ("before_backfill", "behind_backfill_barrier", "between_seeds", "before_complete", "after_complete")

MINING = ("before_refresh", "behind_refresh_barrier", "between_mined", "before_refreshed")

ACROSS = ("before_firing", "after_firing")

reached = failpoints((*REBUILD, *BACKFILL, *MINING, *ACROSS))
"""Call it with the name of the failpoint."""
