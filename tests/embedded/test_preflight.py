"""What cannot work is refused in one line before anything starts."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from embedded.errors import StackError
from embedded.layout import Layout, Ports, is_free
from embedded.preflight import check_definitions, check_ports, flag, prepare_data_dir, variable
from tests.support.waiting import wait_until


def test_free_ports_pass() -> None:
    check_ports(Ports.free())


@pytest.mark.parametrize("name", [field.name for field in msgspec.structs.fields(Ports)])
def test_a_taken_port_is_named_with_its_holder_and_the_flag_to_change_it(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(StackError) as refused:
            check_ports(msgspec.structs.replace(Ports.free(), **{name: port}))
    message = str(refused.value)
    assert message.startswith(f"port {port}, for ")
    assert "(pid " in message
    assert message.endswith(f"choose another with {flag(name)} or {variable(name)}")


def test_a_port_taken_on_all_addresses_counts() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener, pytest.raises(StackError, match="is taken"):
        check_ports(msgspec.structs.replace(Ports.free(), kafka=listener.getsockname()[1]))


def test_a_port_given_twice_is_refused() -> None:
    ports = Ports.free()
    with pytest.raises(StackError, match=f"port {ports.kafka} is given more than once"):
        check_ports(msgspec.structs.replace(ports, http=ports.kafka))


def test_all_busy_ports_are_named_at_once_with_what_chooses_others() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        taken = {"http": first.getsockname()[1], "api": second.getsockname()[1]}
        with pytest.raises(StackError) as refused:
            check_ports(msgspec.structs.replace(Ports.free(), **taken))
    collector, api = str(refused.value).splitlines()
    assert collector.startswith(f"port {taken['http']}, for the collector, is taken")
    assert collector.endswith("choose another with --http-port or ONEFOLD_HTTP_PORT")
    assert api.startswith(f"port {taken['api']}, for the API, is taken")
    assert api.endswith("choose another with --api-port or ONEFOLD_API_PORT")


def test_a_folder_serves_one_stack_at_a_time(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "new" / "folder")
    lock = prepare_data_dir(layout)
    with pytest.raises(StackError, match=r"Onefold runs already in .*/new/folder: .*--data-dir .*/new/folder-2$"):
        prepare_data_dir(layout, ports=Ports.free())
    lock.release()
    prepare_data_dir(layout).release()


def test_ports_that_the_stack_of_the_folder_has_are_to_be_others_too(tmp_path: Path) -> None:
    lock = prepare_data_dir(Layout(tmp_path))
    ports = Ports.free()
    with socket.create_server(("127.0.0.1", ports.api)), pytest.raises(StackError) as refused:
        prepare_data_dir(Layout(tmp_path), ports=ports)
    lock.release()
    folder, other = re.findall(r"--data-dir (\S+) --api-port (\d+)$", str(refused.value))[0]
    assert folder == f"{tmp_path}-2"
    assert is_free(int(other))


# A process of its own keeps the folder, as `onefold up` does: this one may keep the stack of other tests.
STACK = """
import subprocess, sys, time
from pathlib import Path
from embedded.layout import Layout
from embedded.preflight import prepare_data_dir
from embedded.workspaces import write_local_workspaces

layout = Layout(Path(sys.argv[1]))
lock = prepare_data_dir(layout)
write_local_workspaces(layout.workspaces, "wall")
serve = "import socket, sys, time; server = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(60)"
parts = [subprocess.Popen([sys.executable, "-c", serve, port]) for port in sys.argv[2:]]
sys.stdin.read()
for part in parts:
    part.kill()
    part.wait()
"""


@contextmanager
def other_stack(folder: Path, *ports: int) -> Iterator[int]:
    """Yield the pid of a stack in a folder while its parts listen on ports."""
    command = [sys.executable, "-c", STACK, str(folder), *map(str, ports)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as stack:
        wait_until(lambda: not any(map(is_free, ports)), "the parts to listen")
        yield stack.pid


def test_ports_of_another_stack_are_said_with_its_folder_and_what_to_do(tmp_path: Path) -> None:
    ports = Ports.free()
    with (
        other_stack(tmp_path, ports.kafka, ports.http) as pid,
        socket.create_server(("127.0.0.1", ports.api)),
        pytest.raises(StackError) as refused,
    ):
        check_ports(ports)
    alone, stack = str(refused.value).splitlines()
    assert alone.startswith(f"port {ports.api}, for the API, is taken by ")
    assert (
        f"another Onefold runs in {tmp_path}, and has ports {ports.kafka} (Kafka), {ports.http} (the collector)"
        in stack
    )
    assert f"'kill {pid}'" in stack
    kafka, http = re.findall(r"--kafka-port (\d+) --http-port (\d+)$", stack)[0]
    assert is_free(int(kafka))
    assert is_free(int(http))
    assert kafka != http


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"cannot write to the data folder .*/file/data: .*--data-dir"):
        prepare_data_dir(Layout(tmp_path / "file" / "data"))


def test_a_comma_in_the_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="comma"):
        prepare_data_dir(Layout(tmp_path / "a,b"))


def test_too_little_disk_is_refused_and_leaves_the_folder_free(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"only \d+ MB are free"):
        prepare_data_dir(Layout(tmp_path), least_free_bytes=10**18)
    prepare_data_dir(Layout(tmp_path)).release()


def test_missing_definitions_are_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"no such folder of definitions: .*/nowhere"):
        check_definitions(tmp_path / "nowhere")


def test_all_that_is_wrong_in_definitions_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "segments").mkdir()
    for name in ("one", "two"):
        (tmp_path / "segments" / f"{name}.yaml").write_text(f"segment: {name}\nwen: {{event: x}}\n")
    with pytest.raises(StackError, match=r"cannot be used:\n") as refused:
        check_definitions(tmp_path)
    assert "segments/one.yaml:2:1: " in str(refused.value)
    assert "segments/two.yaml:2:1: " in str(refused.value)
