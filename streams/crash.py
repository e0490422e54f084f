"""Named places at which a worker under test ends itself, as a kill from outside would at exactly that moment.

`ONEFOLD_CRASH_AT=PLACE[:TIMES[:SIGNAL]]`, for example `before_commit:3` or `after_commit:1:STOP`: at the third time
that the place is reached (default: the first), send the process SIGKILL (or SIGNAL). Unset, `reached` does nothing.
"""

import os
import signal
import threading
import time
from collections.abc import Callable

VARIABLE = "ONEFOLD_CRASH_AT"

# In the order in which a worker comes by; tests/faults kills at each of them.
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
_SETTLE_S = 0.05


def _nothing(place: str) -> None:
    """Where no crash is wanted."""


def _crash_at(wish: str) -> Callable[[str], None]:
    wanted, _, rest = wish.partition(":")
    times, _, name = rest.partition(":")
    number = getattr(signal, f"SIG{name or 'KILL'}")
    if wanted not in PLACES:
        raise ValueError(f"{VARIABLE}={wish!r}: expected one of {', '.join(PLACES)}")
    counting = threading.Lock()
    left = int(times or 1)

    def reached(place: str) -> None:
        nonlocal left
        if place != wanted:
            return
        with counting:
            left -= 1
            if left != 0:
                return
        time.sleep(_SETTLE_S)  # what was handed to the client's own threads leaves the process first
        os.kill(os.getpid(), number)

    return reached


reached: Callable[[str], None] = _crash_at(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else _nothing
"""Call it with the name of the place."""
