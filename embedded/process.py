"""One process of the stack: started in a session of its own, logged into a file, ended with everything it started.

When to start, restart or stop it is the supervisor's.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from embedded.errors import StackError
from embedded.private import UMASK, private_file
from embedded.steps import ProcessSpec
from runtime.literal import literal

_HERE = Path(__file__).parent
_TAIL_BYTES = 16_384
_YIELDING = 5
"""By how much what yields is nicer than others: where the processors are full it gets a third of what they get."""


class Reaper:
    """The process that outlives this one for as long as it takes to end the others."""

    def __init__(self) -> None:
        # Unbuffered and in binary, so that a line is in the pipe when `watch` returns.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HERE / "reaper.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )

    def watch(self, pid: int) -> None:
        """End this session when the stack's process dies."""
        self._send(f"+{pid}\n")

    def forget(self, pid: int) -> None:
        """Forget a session that has ended: its number may soon be another's."""
        self._send(f"-{pid}\n")

    def close(self) -> None:
        """End what is still watched, and the reaper."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _send(self, line: str) -> None:
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            with contextlib.suppress(BrokenPipeError):  # somebody ended the reaper; on Linux the tether remains
                pipe.write(line.encode())


class StackProcess:
    """A process that runs, ran, or will run; for the supervisor, and for tests that kill and restart it."""

    def __init__(self, spec: ProcessSpec, log: Path, reaper: Reaper) -> None:
        self.spec = spec
        self.log = log
        self._reaper = reaper
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs, or None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def ending(self) -> str:
        """How it ended, in words."""
        code = None if self._process is None else self._process.poll()
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"

    @property
    def previous_log(self) -> Path:
        """The log of its start before this one."""
        return self.log.with_suffix(".previous.log")

    def start(self) -> None:
        """Start the process; a log of an earlier one is kept beside the new one. Does not wait until it is ready."""
        if self.pid is not None:
            return
        self.spec.prepare()
        with contextlib.suppress(FileNotFoundError):
            self.log.replace(self.previous_log)
        with open(self.log, "wb", opener=private_file) as log:
            self._process = subprocess.Popen(
                [*_tether(), *self.spec.command],
                env=dict(self.spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=UMASK,
            )
        self._reaper.watch(self._process.pid)
        if self.spec.yields:
            _yield_processors(self._process.pid)

    def terminate(self) -> None:
        """Ask it to stop in order; returns at once."""
        self._signal(signal.SIGTERM)

    def wait(self, timeout_s: float) -> bool:
        """Return whether it has ended within the time."""
        if self._process is None:
            return True
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._reaper.forget(self._process.pid)
        return True

    def kill(self) -> None:
        """End it with SIGKILL, with what it started, and wait for that."""
        self._signal(signal.SIGKILL)
        self.wait(timeout_s=10.0)

    def stop(self) -> None:
        """Stop it in order, by force after `stop_within_s`."""
        self.terminate()
        if not self.wait(self.spec.stop_within_s):
            self.kill()

    def restart(self) -> None:
        """Stop it if it runs, start it, and wait until it serves. Raises StackError when it does not."""
        self.stop()
        self.start()
        deadline = time.monotonic() + self.spec.start_within_s
        while not self.spec.ready():
            if self.pid is None:
                raise self.failure(f"ended while it started ({self.ending})")
            if time.monotonic() > deadline:
                raise self.failure(f"was not ready within {self.spec.start_within_s:.0f} s")
            time.sleep(0.05)

    def failure(self, what: str) -> StackError:
        """Return the error that says what happened to this process, with the end of its log."""
        tail = "".join(f"\n    {literal(line)}" for line in self.log_tail())
        ends = f" and ends with{tail}" if tail else ""
        return StackError(f"{self.spec.title} {what}; its log is {self.log}{ends}")

    def log_tail(self, lines: int = 8) -> list[str]:
        """Return the last lines that it wrote."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
                text = log.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if line.strip()][-lines:]

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _yield_processors(pid: int) -> None:
    """Have others go before a process that has just started, and whatever it starts."""
    with contextlib.suppress(OSError):  # it has ended already, which is for others to find
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + _YIELDING)
    # Linux may share the processors out among sessions first, and each of ours has one: then only this counts.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(f"{_YIELDING}\n", encoding="ascii")


def _tether() -> list[str]:
    # Linux ends the child when the *thread* that started it ends, so only the main thread's children may be tethered.
    if threading.current_thread() is not threading.main_thread():
        return []
    return [sys.executable, "-I", "-S", str(_HERE / "tether.py"), str(os.getpid())]
