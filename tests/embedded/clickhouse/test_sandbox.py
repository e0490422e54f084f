"""The kernel's wall around the gateway, tried from inside: where the kernel has one, nothing gets through it."""

import json
import socket
import subprocess
import sys
from pathlib import Path

INSIDE = """
import json, os, socket, subprocess, sys
from pathlib import Path
from embedded.clickhouse.sandbox import confine
folder, outside, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
confined = confine(folder)
def tried(what):
    try:
        what()
    except PermissionError:
        return "denied"
    return "done"
(folder / "kept").write_text("x")
print(json.dumps({
    "confined": confined,
    "read": tried(lambda: (outside / "secret").read_text()),
    "list": tried(lambda: list(outside.iterdir())),
    "write": tried(lambda: (outside / "new").write_text("x")),
    "append": tried(lambda: (outside / "secret").open("a")),
    "make": tried(lambda: (outside / "folder").mkdir()),
    "environment": tried(lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes()),
    "command": tried(lambda: subprocess.run(["/bin/true"], check=True)),
    "connect": tried(lambda: socket.create_connection(("127.0.0.1", port), timeout=5)),
    "own": tried(lambda: (folder / "kept").read_text()),
}))
"""


def test_nothing_outside_of_its_folder_is_reached(tmp_path: Path) -> None:
    folder, outside = tmp_path / "inside", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "secret").write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arguments = [str(folder), str(outside), str(listener.getsockname()[1])]
        ran = subprocess.run(
            [sys.executable, "-c", INSIDE, *arguments], capture_output=True, text=True, check=True, timeout=60
        )
    found = json.loads(ran.stdout)
    own, confined = found.pop("own"), found.pop("confined")
    assert own == "done"
    # A kernel without Landlock has no such wall: then the gateway has the grants and the reading of SQL alone.
    assert set(found.values()) == ({"denied"} if confined else {"done"})
    assert confined or not Path("/sys/kernel/security/landlock").exists()
