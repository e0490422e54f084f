"""The gateway as a process: its folder, its port, its password, its end."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from embedded.layout import free_ports
from tests.embedded.clickhouse.conftest import Server
from tests.embedded.clickhouse.test_concurrency import InBackground
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack


def test_data_survives_a_stop_in_the_middle_of_work(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.ask("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    query = InBackground(server, "endless")
    written: list[int] = []

    def write() -> None:
        with httpx.Client(base_url=server.url) as client:
            for number in range(1_000_000):
                try:
                    response = client.post("/", content=f"INSERT INTO t VALUES ({number})")
                except httpx.TransportError:
                    return
                if response.status_code == 200:
                    written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    wait_until(lambda: len(written) > 20, "inserts are written")
    assert server.stop() == 0
    writer.join(20)
    query.ended()

    again = Server(tmp_path)
    rows = {int(row) for row in again.ask("SELECT a FROM t").split()}
    assert rows >= set(written)
    assert len(rows) <= len(written) + 1
    assert again.ask("CHECK TABLE t SETTINGS check_query_single_value_result = 1") == "1"
    assert again.stop(signal.SIGINT) == 0


def test_an_endless_write_is_cancelled_at_the_end(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.ask("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    write = InBackground(
        server, "endless", "INSERT INTO t SELECT number FROM numbers(1000000000000) WHERE number % 99999 = 0"
    )
    assert server.stop() == 0
    response = write.ended()
    assert response is not None
    assert response.headers["x-clickhouse-exception-code"] == "394"


def test_data_survives_kill_9(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.ask("CREATE TABLE t (a UInt32) ENGINE = MergeTree ORDER BY a")
    server.ask("INSERT INTO t SELECT number FROM numbers(100000)")
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    again = Server(tmp_path)
    assert again.ask("SELECT count() FROM t") == "100000"
    assert again.stop() == 0


def _run(folder: Path, port: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "embedded.clickhouse", "--path", str(folder), "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_folder_in_use_is_one_line(shared_server: Server) -> None:
    second = _run(shared_server.folder, free_ports(1)[0])
    assert second.returncode == 1
    assert second.stderr == f"clickhouse: another process uses the data folder {shared_server.folder.resolve()}\n"
    assert shared_server.alive()


def test_a_busy_port_is_one_line(shared_server: Server, tmp_path: Path) -> None:
    second = _run(tmp_path, shared_server.port)
    assert second.returncode == 1
    assert second.stderr == f"clickhouse: cannot listen on 127.0.0.1:{shared_server.port}: Address already in use\n"


def test_a_folders_name_may_be_unusual(tmp_path: Path) -> None:
    server = Server(tmp_path / "a b%20c+d&e=f")
    assert server.ask("SELECT 1") == "1"
    assert server.stop() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a b%20c+d&e=f"]


def test_a_password_is_asked_for_in_every_way(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("sesame\n")
    secret.chmod(0o600)
    server = Server(tmp_path / "data", "--password-file", str(secret))
    sql = {"query": "SELECT 1"}
    assert server.http.get("/ping").text == "Ok.\n"
    for headers, parameters in (
        ({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "sesame"}, sql),
        ({}, sql | {"user": "default", "password": "sesame"}),
    ):
        assert server.http.get("/", headers=headers, params=parameters).text == "1\n"
    assert server.http.get("/", params=sql, auth=("default", "sesame")).text == "1\n"
    for response in (server.http.get("/", params=sql), server.http.get("/", params=sql, auth=("default", "no"))):
        assert (response.status_code, response.headers["x-clickhouse-exception-code"]) == (403, "516")
    assert server.client(password="sesame").command("SELECT 1") == 1
    assert server.stop() == 0
