"""A gateway process on a folder and port of its own, and plain HTTP to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client

from embedded.layout import free_ports
from runtime.http.plain import plain_client
from tests.support.waiting import wait_until


class Server:
    """`python -m embedded.clickhouse` as a child process."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "embedded.clickhouse", "--port", str(self.port), "--path", str(folder)]
        self._log = TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen([*command, *options], stderr=self._log)
        wait_until(self._answers, "the gateway answers /ping")
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def ask(self, sql: str | bytes, **parameters: str) -> str:
        """The text of a query's answer; an error fails the test with its body."""
        response = self.http.post("/", content=sql, params=parameters)
        assert response.status_code == 200, response.text
        return response.text.rstrip("\n")

    def client(self, **options: object) -> Client:
        """A new clickhouse-connect client."""
        return clickhouse_connect.get_client(host="127.0.0.1", port=self.port, **options)  # type: ignore[arg-type]

    def alive(self) -> bool:
        """Whether the process that was started still answers."""
        return self.process.poll() is None and self.ask("SELECT 1") == "1"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the process and wait for its exit code."""
        self.http.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        return self.process.wait(20)

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            self._log.seek(0)
            pytest.fail(f"the gateway ended: {self._log.read()}")
        try:
            with plain_client(timeout_s=10) as client:
                return client.get(f"{self.url}/ping").text == "Ok.\n"
        except httpx.TransportError:
            return False


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One gateway for all tests that do not stop it."""
    server = Server(tmp_path_factory.mktemp("clickhouse"))
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """The shared gateway with an empty default database."""
    yield shared_server
    for table in shared_server.ask("SHOW TABLES").split():
        shared_server.ask(f"DROP TABLE `{table}` SYNC")
