"""`onefold up` as a person meets it: what it refuses in one line, what it says once ready, how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from embedded.layout import Layout, Ports
from embedded.preflight import flag, prepare_data_dir
from embedded.stack import ALL_PROCESSES
from tests.support import plain
from tests.support.neighbours import neighbour, open_to_others


def arguments(data_dir: Path, ports: Ports) -> list[str]:
    chosen = [f"{flag(name)}={port}" for name, port in msgspec.structs.asdict(ports).items()]
    return [sys.executable, "-m", "onefold", "up", "--data-dir", str(data_dir), *chosen]


def refused(data_dir: Path, ports: Ports, *more: str) -> str:
    """Standard error of an `up` that must not start."""
    command, environment = [*arguments(data_dir, ports), *more], os.environ | {"COLUMNS": "300"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_second_up_on_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    lock = prepare_data_dir(Layout(tmp_path))
    error = refused(tmp_path, Ports.free())
    lock.release()
    _, said = error.splitlines()
    assert said.startswith(f"Error: Onefold runs already in {tmp_path}: go on with that one, stop it")
    assert said.endswith(f"a folder and ports of its own: --data-dir {tmp_path}-2")


def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        error = refused(tmp_path, msgspec.structs.replace(Ports.free(), registry=port))
    assert len(error.splitlines()) == 2
    assert f"Error: port {port}, for the schema registry, is taken by " in error
    assert error.strip().endswith("choose another with --registry-port or ONEFOLD_REGISTRY_PORT")


def test_missing_definitions_are_one_clear_line(tmp_path: Path) -> None:
    error = refused(tmp_path, Ports.free(), "--definitions", str(tmp_path / "nowhere"))
    assert "Error: no such folder of definitions" in error


def test_a_source_that_there_is_not_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEFOLD_CLICKHOUSE_ALLOW", "file,internet")
    error = refused(tmp_path / "data", Ports.free())
    assert "Error: ONEFOLD_CLICKHOUSE_ALLOW: unknown internet; there are " in error
    assert not (tmp_path / "data").exists()


@pytest.mark.stack
def test_up_serves_until_sigterm_closed_to_other_users_and_leaves_nothing(square: Path) -> None:
    folder = square / "data"
    up = subprocess.Popen([*arguments(folder, Ports.free()), "--json"], stdout=subprocess.PIPE, text=True, umask=0o022)
    assert up.stdout is not None
    line = up.stdout.readline()
    assert line, "it ended before it was ready"
    addresses = json.loads(line)
    assert plain.get(f"{addresses['http']}/health/ready").status_code == httpx.codes.OK
    assert plain.get(f"{addresses['api']}/health/ready").status_code == httpx.codes.OK
    assert plain.post(addresses["clickhouse"], content="SELECT 1").text == "1\n"
    assert len(list(Layout(folder).logs.glob("*.log"))) == len(ALL_PROCESSES)
    assert open_to_others(folder) == []
    if os.geteuid() == 0:
        assert neighbour("ls", str(square)).stdout == "data\n"
        for command in (["ls", str(folder)], ["cat", str(folder / "stack.json")]):
            answer = neighbour(*command)
            assert (answer.returncode == 0, answer.stdout) == (False, "")
    started = psutil.Process(up.pid).children(recursive=True)
    up.send_signal(signal.SIGTERM)
    assert up.wait(30) == 0
    assert not [process for process in started if process.is_running()]
    assert not (folder / "stack.json").exists()
    assert open_to_others(folder) == []
