"""A terminal in a folder of its own, beside a stack that its `onefold up` starts."""

import os
import shlex
import subprocess
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from definitions.sets.topic import read_publication
from embedded.layout import Ports
from embedded.own_processes import definitions_setup
from embedded.stack import Stack, StackOptions
from onefold.commands.apply import waiting_for
from onefold.examples import EXAMPLES, SHOP
from tests.support.waiting import wait_until

_READ_DEFINITIONS = ("collector", "api", "worker", "rebuilder")
_TIMEOUT_S = 120


class Terminal:
    """Runs commands with a bash, beside the examples; all questions are answered with yes.

    `onefold up` is known by its option `--definitions` only. The first starts the stack, and so does a first command
    that needs one. A later one restarts what reads definitions: that a whole stack goes on from its data folder,
    `tests/onefold/test_up.py` shows.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "examples").symlink_to(EXAMPLES)
        self._ending = ExitStack()
        self._stack: Stack | None = None

    @property
    def folder(self) -> Path:
        """Where commands run."""
        return self._folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def run(self, commands: str) -> subprocess.CompletedProcess[str]:
        """The commands' end; standard error is in its `stdout` as well. The last may be an `onefold up`."""
        *others, last = commands.strip().split("\n")
        if not last.startswith("onefold up"):
            return self._bash(commands, dict(self._running().environment))
        done = self._bash("\n".join(others), dict(os.environ))
        self._up(last)
        return done

    def serve(self, commands: str) -> Path:
        """Run the commands, of which the last serves until the end; return the file of what that prints."""
        *others, last = commands.strip().split("\n")
        done = self._bash("\n".join(others), dict(os.environ))
        assert done.returncode == 0, done.stdout
        printed = self._folder / f"printed-{uuid.uuid4()}.txt"
        with printed.open("wb") as file:
            server = subprocess.Popen(
                ["bash", "-c", f"exec {last}"],
                cwd=self._folder,
                env=dict(os.environ) | _shell() | {"PYTHONUNBUFFERED": "1"},
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._ending.callback(server.wait)
        self._ending.callback(server.terminate)
        return printed

    def _bash(self, commands: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        environment |= _shell()
        script = commands.replace("127.0.0.1:8080", f"127.0.0.1:{environment.get('ONEFOLD_HTTP_PORT')}")
        script = script.replace("127.0.0.1:8090", f"127.0.0.1:{environment.get('ONEFOLD_API_PORT')}")
        script = script.replace("127.0.0.1:9101", f"127.0.0.1:{environment.get('ONEFOLD_WORKER_METRICS_PORT')}")
        return subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=self._folder,
            env=environment,
            input="y\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
        )

    def _up(self, command: str) -> None:
        match shlex.split(command, comments=True):
            case ["onefold", "up"]:
                definitions = SHOP
            case ["onefold", "up", "--definitions", folder]:
                definitions = self._folder / folder
            case _:
                raise ValueError(f"{command!r} is not an `onefold up` that is known here")
        stack = self._running(definitions)
        if stack.environment["ONEFOLD_DEFINITIONS"] == str(definitions):
            return
        definitions_setup(stack.settings, definitions, keeps=False).run()
        stack.environment["ONEFOLD_DEFINITIONS"] = str(definitions)  # the processes start with its rules of identity
        processes = [stack.process(name) for name in _READ_DEFINITIONS]
        for process in processes:
            process.terminate()
        for process in processes:
            process.stop()
            process.start()

        def are_ready() -> bool:
            waiting = [process for process in processes if not process.spec.ready()]
            if ended := [process for process in waiting if process.pid is None]:
                raise ended[0].failure("ended while it started")
            return not waiting

        wait_until(are_ready, "what reads definitions to be ready again")

        _await_effect(stack)

    def _running(self, definitions: Path = SHOP) -> Stack:
        if self._stack is None:
            options = StackOptions(
                data_dir=self._folder / ".onefold", definitions=definitions, ports=Ports.free(), is_brief=True
            )
            self._stack = self._ending.enter_context(Stack(options))
            _await_effect(self._stack)
        return self._stack


def _shell() -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}


def _await_effect(stack: Stack) -> None:
    settings = stack.settings

    def are_in_effect() -> bool:
        publication = read_publication(settings.kafka)
        return not waiting_for(publication, publication.version, settings.workspaces, settings.partitions)

    wait_until(are_in_effect, "the definitions to be in effect")
