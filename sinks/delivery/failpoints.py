"""The failpoints of a deliverer, see `runtime.failpoints`; tests kill it at each of them."""

from runtime.failpoints import failpoints

# In the order in which a deliverer reaches them; "after_begin" is of the transaction.
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
    "before_sending",
    "after_sending",
    "before_close",
)

reached = failpoints(FAILPOINTS)
"""Call it with the name of the failpoint."""
