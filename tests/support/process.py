"""A process of ours that a test starts, signals, kills and starts again."""

import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from runtime.http.plain import plain_client
from tests.support.waiting import WITHIN_S, wait_until

_TAIL = 4_000


class ModuleProcess:
    """`python -m MODULE ARGUMENTS` with its output in a log. Starts with the block, and is killed with it.

    Without a `port` the process itself chooses one, and its output says where it listens.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        log: Path,
        port: int | None = None,
        health: str = "/health/ready",
    ) -> None:
        self.log = log
        self._port = port
        self._health = health
        self._command = [sys.executable, "-m", module, *arguments]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.launch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def launch(self, **environment: str) -> None:
        """Start it without waiting, with settings for this start alone."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment | environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def start(self, **environment: str) -> None:
        """Start it, and return once it says that it is ready."""
        self.launch(**environment)
        self.wait_until_ready()

    @property
    def pid(self) -> int:
        """The id of the process of the last start."""
        return self._started.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """All that it has written, over all its starts."""
        return self.log.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}" if self._port else self.wait_for_output(r"listening on (http://\S+)")[1]

    def is_ready(self) -> bool:
        """Whether it says so. Fails the test when the process has ended."""
        assert self.is_running, f"{self} has ended: {self.output[-_TAIL:]}"
        return self.status(self._health) == httpx.codes.OK

    def wait_until_ready(self) -> None:
        """Return once it says that it is ready."""
        wait_until(self.is_ready, f"{self} to be ready; its log is {self.log}")

    def wait_for_output(self, pattern: str) -> re.Match[str]:
        """The first match of a pattern in what it writes."""

        def matches() -> bool:
            assert re.search(pattern, self.output) or self.is_running, f"{self} has ended: {self.output[-_TAIL:]}"
            return re.search(pattern, self.output) is not None

        wait_until(matches, f"{pattern!r} in {self.log}")
        match = re.search(pattern, self.output)
        assert match is not None
        return match

    def status(self, path: str) -> int:
        """The status of a GET; 0 while nobody listens."""
        with contextlib.suppress(httpx.HTTPError), plain_client(timeout_s=10) as client:
            return client.get(f"{self.url}{path}").status_code
        return 0

    def metrics(self) -> str:
        """Its metrics as text."""
        with plain_client(timeout_s=30) as client:
            return client.get(f"{self.url}/metrics").text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over its labels; of those that are given, with these values alone."""
        lines = [line for line in self.metrics().splitlines() if line.startswith((f"{name}{{", f"{name} "))]
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(each in line for each in wanted))

    def send(self, number: signal.Signals) -> None:
        """Send a signal, without waiting."""
        self._started.send_signal(number)

    def terminate(self, within_s: float = WITHIN_S) -> int:
        """The exit code after SIGTERM. Fails when the process does not end in time."""
        return self.end(signal.SIGTERM, within_s)

    def end(self, number: signal.Signals, within_s: float = WITHIN_S) -> int:
        """The exit code after a signal. Fails when the process does not end in time."""
        self.send(number)
        return self.wait(within_s)

    def wait(self, within_s: float = WITHIN_S) -> int:
        """The exit code, negative for a signal, once it has ended. Fails when that does not happen in time."""
        return self._started.wait(within_s)

    def kill(self) -> None:
        """End it with SIGKILL if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def __str__(self) -> str:
        return " ".join(self._command[1:])

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self} was not started"
        return self._process
