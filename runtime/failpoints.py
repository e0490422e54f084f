"""Named places at which a process under test ends itself, as a kill from outside would at exactly that moment.

`ONEFOLD_CRASH_AT=PLACE[:TIMES[:SIGNAL]]`, for example `after_barrier:3` or `before_rebuilt:1:STOP`: at the third time
that the place is reached (default: the first), send the process SIGKILL (or SIGNAL).
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping

VARIABLE = "ONEFOLD_CRASH_AT"
_SETTLE_S = 0.05


def crash_points(places: Collection[str], environ: Mapping[str, str] = os.environ) -> Callable[[str], None]:
    """A function to call with the name of each place that is reached; it does nothing where no crash is wanted.

    Raises ValueError when the variable names a place that is not among `places`.
    """
    wish = environ.get(VARIABLE)
    if not wish:
        return _nothing
    wanted, _, rest = wish.partition(":")
    times, _, name = rest.partition(":")
    number = getattr(signal, f"SIG{name or 'KILL'}")
    if wanted not in places:
        raise ValueError(f"{VARIABLE}={wish!r}: expected one of {', '.join(places)}")
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


def _nothing(place: str) -> None:
    """Where no crash is wanted."""
