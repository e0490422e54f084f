"""A collector or an API as a process of its own, on a port that it chooses itself."""

import os
from collections.abc import Mapping
from pathlib import Path

from runtime.http.plain import plain_client
from tests.support.process import ModuleProcess
from tests.support.waiting import wait_until


def collector_process(environment: Mapping[str, str], log: Path, whole_stack: bool = False) -> ModuleProcess:
    """A collector, by default ready alone."""
    arguments = () if whole_stack else ("--alone",)
    return ModuleProcess("collectors", *arguments, environment={**os.environ, **environment}, log=log)


def api_process(environment: Mapping[str, str], log: Path) -> ModuleProcess:
    """An API."""
    return ModuleProcess("api", environment={**os.environ, **environment}, log=log)


def wait_until_ok(process: ModuleProcess, check: str) -> None:
    """Return once one check of the readiness is OK, whatever the others say."""

    def is_ok() -> bool:
        with plain_client(timeout_s=10) as client:
            answer = client.get(f"{process.url}/health/ready")
        return bool(answer.json()["checks"][check] == "ok")

    wait_until(is_ok, f"{check} of {process} to be ok")
