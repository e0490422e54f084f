"""The workspaces of the local stack: `main` for whoever tries it, `cdnow` for the data set of the demo."""

from pathlib import Path

from msgspec.structs import replace

from runtime.files import write_private
from settings import Clock, Source, Workspace, new_workspace, read_workspaces, workspaces_text


def write_local_workspaces(path: Path, clock: Clock) -> None:
    """Write `main` with the write key `dev` on `clock`, and `cdnow` on the event clock; other keys are random.

    An existing file is left as it is, but for the clock of `main`, which `clock` decides at every start.
    """
    if not path.exists():
        workspaces = [_local("main", clock, "dev"), _local("cdnow", "event", "cdnow")]
    else:
        kept = read_workspaces(path)
        if "main" not in kept or kept["main"].clock == clock:
            return
        workspaces = list((dict(kept) | {"main": replace(kept["main"], clock=clock)}).values())
    write_private(path, workspaces_text(workspaces))


def _local(name: str, clock: Clock, key: str) -> Workspace:
    return replace(new_workspace(name, clock, ()), sources=(Source(key, key, local_only=True),))
