"""The failpoints of a worker, see `runtime.failpoints`; tests/faults kills it at each of them."""

from runtime.failpoints import failpoints

# In the order in which a worker reaches them.
FAILPOINTS = (
    "after_fence",
    "in_recovery",
    "after_recovery",
    "before_transaction",
    "after_begin",
    "after_outputs",
    "before_commit",
    "after_commit",
    "after_store",
    "before_acknowledgement",
    "before_close",
)

reached = failpoints(FAILPOINTS)
"""Call it with the name of the failpoint."""
