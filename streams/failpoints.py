"""The failpoints of a worker, see `runtime.failpoints`; tests/faults kills at each of them."""

from runtime.failpoints import crash_points

# In the order in which a worker comes by.
PLACES = (
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

reached = crash_points(PLACES)
"""Call it with the name of the place."""
