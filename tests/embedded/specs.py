"""Small real processes to put into a supervisor: quick to start, and as stubborn as a test wants them."""

import os
import sys
from pathlib import Path

from embedded.steps import ProcessSpec

# Tells that it runs by making a file; may ignore SIGTERM; may have a child of its own; notes when it is told to stop.
_CODE = """
import os, pathlib, signal, subprocess, sys, time
folder, name, stubborn, parent = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "1", sys.argv[4] == "1"
def stop(*_):
    with (folder / "stopped").open("a") as file: file.write(name + "\\n")
    if not stubborn: os._exit(0)
signal.signal(signal.SIGTERM, stop)
print("this is", name, flush=True)
if parent:
    child = subprocess.Popen([sys.executable, __file__ if "__file__" in globals() else "-c", "import signal, time\\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\ntime.sleep(600)"])
    (folder / (name + ".child")).write_text(str(child.pid))
with (folder / "started").open("a") as file: file.write(name + "\\n")
(folder / (name + ".pid")).write_text(str(os.getpid()))
while True: time.sleep(600)
"""


def sleeper(  # noqa: PLR0913 - one for each way to be
    folder: Path,
    name: str,
    after: tuple[str, ...] = (),
    *,
    stubborn: bool = False,
    parent: bool = False,
    restarts: bool = False,
    stop_within_s: float = 5.0,
    yields: bool = False,
) -> ProcessSpec:
    """A process that is ready once it has written its process id into `folder/NAME.pid`."""
    flags = ["1" if flag else "0" for flag in (stubborn, parent)]
    return ProcessSpec(
        name=name,
        title=name.capitalize(),
        command=[sys.executable, "-c", _CODE, str(folder), name, *flags],
        environment=dict(os.environ),
        ready=(folder / f"{name}.pid").exists,
        after=after,
        stop_within_s=stop_within_s,
        restarts=restarts,
        yields=yields,
    )


def failing(name: str, code: str, *, restarts: bool = False) -> ProcessSpec:
    """A process that runs some Python and is ready at once."""
    return ProcessSpec(
        name=name,
        title=name.capitalize(),
        command=[sys.executable, "-c", code],
        environment=dict(os.environ),
        ready=lambda: True,
        restarts=restarts,
    )
