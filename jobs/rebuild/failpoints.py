"""The failpoints of the rebuilder, see `runtime.failpoints`; tests kill it at each of them."""

from runtime.failpoints import failpoints

FAILPOINTS = ("before_barrier", "after_barrier", "between_chunks", "before_rebuilt", "before_offsets")

BACKFILL = ("before_backfill", "behind_backfill_barrier", "between_seeds", "before_complete", "after_complete")
"""Those of a back-fill, which runs in the same process."""

ACROSS = ("before_firing", "after_firing")
"""Those of triggers across persons, which are asked in a thread of the same process."""

MINING = ("before_refresh", "behind_refresh_barrier", "between_mined", "before_refreshed")
"""Those of a refresh of a mined trait, which runs between rebuilds as a back-fill does."""

reached = failpoints((*FAILPOINTS, *BACKFILL, *ACROSS, *MINING))
"""Call it with the name of the failpoint."""
