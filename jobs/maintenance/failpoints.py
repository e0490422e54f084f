"""The failpoints of maintenance, see `runtime.failpoints`; tests kill it at each of them."""

from runtime.failpoints import failpoints

FAILPOINTS = (
    "before_barrier",
    "after_barrier",
    "after_squashing",
    "after_marking",
    "after_forgetting",
    "after_merging",
    "after_counting",
    "between_steps",
)

reached = failpoints(FAILPOINTS)
"""Call it with the name of the failpoint."""
