"""The failpoints of the rebuilder, see `runtime.failpoints`; tests kill it at each of them."""

from runtime.failpoints import failpoints

FAILPOINTS = ("before_barrier", "after_barrier", "between_chunks", "before_rebuilt", "before_offsets")

reached = failpoints(FAILPOINTS)
"""Call it with the name of the failpoint."""
