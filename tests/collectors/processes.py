"""A collector as a process of its own, on a free port."""

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


class CollectorProcess:
    """Started at once; `url` waits until it listens."""

    def __init__(self, environment: Mapping[str, str], log: Path, whole_stack: bool = False) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "collectors", *([] if whole_stack else ["--alone"])],
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

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> int:
        """The exit code. Fails if the process does not end in time."""
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def running_collector(environment: Mapping[str, str], log: Path) -> Iterator[CollectorProcess]:
    collector = CollectorProcess(environment, log)
    try:
        yield collector
    finally:
        collector.kill()
