"""Become another command, after asking Linux to end it when its parent dies: `tether.py PARENT COMMAND ...`.

A process of its own instead of code between fork and exec, which is unsafe once the parent has threads. Standard
library only, as it starts before each process. Elsewhere than on Linux the reaper alone does this work.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - no shell is meant


if __name__ == "__main__":
    main()
