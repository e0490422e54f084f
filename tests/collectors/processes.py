"""A collector or an API as a process of its own, on the port that it chooses or is given."""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.process import ModuleProcess
from tests.support.waiting import wait_until


class ServingProcess(ModuleProcess):
    """`python -m MODULE`, started at once; `url` waits until it listens."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path, *arguments: str) -> None:
        super().__init__(module, *arguments, environment={**os.environ, **environment}, log=log)
        self.launch()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.wait_for_output(r"listening on (http://\S+)")[1]

    def wait_until_ready(self) -> None:
        """Return once it says that it is ready."""
        self.port = urlsplit(self.url).port
        super().wait_until_ready()

    def wait_until_ok(self, check: str) -> None:
        """Return once one check of the readiness is OK, whatever the others say."""
        wait_until(lambda: self._checks()[check] == "ok", f"{check} of {self} to be ok; its log is {self.log}")

    def _checks(self) -> dict[str, str]:
        checks: dict[str, str] = httpx.get(f"{self.url}/health/ready", timeout=10).json()["checks"]
        return checks


class CollectorProcess(ServingProcess):
    """A collector, by default ready alone."""

    def __init__(self, environment: Mapping[str, str], log: Path, whole_stack: bool = False) -> None:
        super().__init__("collectors", environment, log, *([] if whole_stack else ["--alone"]))


class ApiProcess(ServingProcess):
    """An API."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        super().__init__("api", environment, log)
