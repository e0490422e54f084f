"""A collector or an API as a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

DEADLINE_S = 60.0


class ServingProcess:
    """`python -m MODULE`, started at once; `url` waits until it listens."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path, *arguments: str) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**os.environ, **environment},
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    @property
    def url(self) -> str:
        deadline = time.monotonic() + DEADLINE_S
        while (found := re.search(r"listening on (http://\S+)", self.log())) is None:
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)
        return found[1]

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while httpx.get(f"{self.url}/health/ready", timeout=10).status_code != 200:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def wait_until(self, check: str) -> None:
        """Wait until one check of the readiness is OK, whatever the others say."""
        deadline = time.monotonic() + DEADLINE_S
        while httpx.get(f"{self.url}/health/ready", timeout=10).json()["checks"][check] != "ok":
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int:
        """The exit code. Fails if the process does not end in time."""
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class CollectorProcess(ServingProcess):
    """A collector, by default ready alone."""

    def __init__(self, environment: Mapping[str, str], log: Path, whole_stack: bool = False) -> None:
        super().__init__("collectors", environment, log, *([] if whole_stack else ["--alone"]))


class ApiProcess(ServingProcess):
    """An API."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        super().__init__("api", environment, log)


@contextmanager
def running_api(environment: Mapping[str, str], log: Path) -> Iterator[ApiProcess]:
    api = ApiProcess(environment, log)
    try:
        yield api
    finally:
        api.kill()


@contextmanager
def running_collector(environment: Mapping[str, str], log: Path) -> Iterator[CollectorProcess]:
    collector = CollectorProcess(environment, log)
    try:
        yield collector
    finally:
        collector.kill()
