"""Failpoints: named points of a process's work at which a test lets it end itself, as a kill from outside would.

`ONEFOLD_FAILPOINT=NAME[:TIMES[:SIGNAL]]`, for example `after_barrier:3` or `before_rebuilt:1:STOP`: the third time
that the failpoint is reached (default: the first), the process sends itself SIGKILL (or SIGNAL).
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping

VARIABLE = "ONEFOLD_FAILPOINT"
_FLUSH_S = 0.05


def failpoints(names: Collection[str], environ: Mapping[str, str] = os.environ) -> Callable[[str], None]:
    """Make the function to call with the name of each failpoint that is reached; it does nothing if none is set.

    Raises ValueError when the variable names a failpoint that is not among `names`.
    """
    setting = environ.get(VARIABLE)
    if not setting:
        return ignored
    armed, _, rest = setting.partition(":")
    times, _, name = rest.partition(":")
    number = getattr(signal, f"SIG{name or 'KILL'}")
    if armed not in names:
        raise ValueError(f"{VARIABLE}={setting!r}: expected one of {', '.join(names)}")
    counting = threading.Lock()
    left = int(times or 1)

    def reached(failpoint: str) -> None:
        nonlocal left
        if failpoint != armed:
            return
        with counting:
            left -= 1
            if left != 0:
                return
        time.sleep(_FLUSH_S)  # what was handed to the client's own threads leaves the process first
        os.kill(os.getpid(), number)

    return reached


def ignored(failpoint: str) -> None:
    """Do nothing: no failpoint is set."""
