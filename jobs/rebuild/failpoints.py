"""The failpoints of the rebuilder, see `runtime.failpoints`; tests end it at each of them."""

from runtime.failpoints import crash_points

PLACES = ("before_barrier", "after_barrier", "between_chunks", "before_rebuilt", "before_offsets")

reached = crash_points(PLACES)
"""Call it with the name of the place."""
