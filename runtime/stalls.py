"""Tells what a process waits for: `kill -USR1 PID` prints the stack of each thread and of each asyncio task.

For a process that seems to stand still. It goes on as before.
"""

import asyncio
import faulthandler
import io
import signal
import sys

from runtime.literal import literal

SIGNAL = signal.SIGUSR1
_FRAMES = 8  # of a task, the innermost


def explain_on_signal() -> None:
    """Print to standard error, when the signal comes, what every thread and every task waits for.

    The threads are printed even where the interpreter is busy; the tasks as soon as it is not. To be called in the
    main thread.
    """
    signal.signal(SIGNAL, lambda *_: _print_tasks())
    faulthandler.register(SIGNAL, all_threads=True, chain=True)


def _print_tasks() -> None:
    # asyncio tells only the tasks of a loop that runs in this thread; there are loops in others.
    for task in sorted(asyncio.tasks._all_tasks, key=asyncio.Task.get_name):  # type: ignore[attr-defined]
        if not task.done():
            stack = io.StringIO()
            task.print_stack(limit=_FRAMES, file=stack)
            for line in stack.getvalue().splitlines():
                sys.stderr.write(f"{literal(line)}\n")
