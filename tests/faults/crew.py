"""Worker processes that a test starts, kills, stops and starts again, on a running stack."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import psutil

from embedded.layout import free_ports
from embedded.process import Reaper, StackProcess
from embedded.stack import Stack
from embedded.steps import ProcessSpec, http_ready
from runtime.failpoints import VARIABLE
from runtime.stalls import SIGNAL
from tests.support.waiting import wait_until

READY_WITHIN_S = 120.0
EXPLAINS_WITHIN_S = 2.0
LOG_END = 30_000  # characters


class Crew:
    """Workers by number, each with a folder and a port of its own. Number 1 is the one that tests find and leave."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._reaper = Reaper()
        self._workers: dict[int, StackProcess] = {}
        self._ports: dict[int, int] = {}
        self._is_plain: dict[int, bool] = {}
        self.restarts = 0  # since the present test began

    def start(self, number: int = 1, failpoint: str = "", awaited: bool = True) -> StackProcess:
        """Start a worker anew; `failpoint` names where it is to end itself, see streams/failpoints.py."""
        worker = self._workers.setdefault(number, StackProcess(self._spec(number, ""), self.log(number), self._reaper))
        worker.kill()
        worker.spec = self._spec(number, failpoint)
        self._is_plain[number] = not failpoint
        worker.start()
        if awaited:
            self.await_ready(number)
        return worker

    def await_ready(self, number: int = 1) -> None:
        """Wait until the worker holds its partitions."""
        worker = self._workers[number]

        def ready() -> bool:
            assert worker.pid is not None, worker.failure(f"ended ({worker.ending})")
            return worker.spec.ready()

        wait_until(ready, f"worker {number} to be ready; its log is {worker.log}")

    def steady(self) -> None:
        """One worker, number 1, that nothing is wrong with; the others go."""
        for number in list(self._workers):
            if number != 1:
                self.dismiss(number)
        if 1 not in self._workers or self._workers[1].pid is None or not self._is_plain[1]:
            self.start()
        self.await_ready()

    def tend(self) -> None:
        """Start again, once each, the workers that ended by themselves: what a supervisor does."""
        for worker in self._workers.values():
            if worker.pid is None:
                self.restarts += 1
                worker.start()

    def dismiss(self, number: int) -> None:
        """End a worker for good."""
        worker = self._workers.pop(number)
        worker.kill()

    def ended(self, number: int = 1, within_s: float = READY_WITHIN_S) -> str:
        """Wait until a worker has ended by itself; how, in words."""
        worker = self._workers[number]
        assert worker.wait(within_s), f"worker {number} still runs after {within_s:.0f} s; its log is {worker.log}"
        return worker.ending

    def await_stopped(self, number: int = 1) -> psutil.Process:
        """Wait until a worker is stopped as by SIGSTOP."""
        worker = self._workers[number]
        assert worker.pid is not None, worker.failure(f"ended ({worker.ending})")
        process = psutil.Process(worker.pid)
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, f"worker {number} to stop")
        return process

    def worker(self, number: int = 1) -> StackProcess:
        """A worker's process."""
        return self._workers[number]

    def log(self, number: int = 1) -> Path:
        """A worker's log, of its last run."""
        return self._folder / f"worker-{number}.log"

    def store(self, table: str, partition: int, number: int = 1) -> Path:
        """The folder of a partition's RocksDB."""
        return self._folder / f"worker-{number}" / f"{table}-{partition}"

    def wipe(self, number: int = 1) -> None:
        """Delete everything that a worker keeps on disk; it must not run."""
        assert self._workers[number].pid is None, "a running worker's folder must not be deleted"
        shutil.rmtree(self._folder / f"worker-{number}")

    def explain(self) -> str:
        """The end of each worker's log, with what a worker that runs waits for."""
        running = [worker for worker in self._workers.values() if worker.pid is not None]
        for worker in running:
            os.kill(worker.pid or 0, SIGNAL)
        time.sleep(EXPLAINS_WITHIN_S if running else 0)
        return "\n".join(f"{worker.log}:\n{worker.log.read_text()[-LOG_END:]}" for worker in self._workers.values())

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            worker.kill()
        self._reaper.close()

    def _spec(self, number: int, failpoint: str) -> ProcessSpec:
        port = self._ports.setdefault(number, free_ports(1)[0])
        own = {
            "ONEFOLD_WORKER": str(number),
            "ONEFOLD_DATA_DIR": str(self._folder),
            "ONEFOLD_WORKER_METRICS_PORT": str(port),
            VARIABLE: failpoint,
        }
        return ProcessSpec(
            name=f"worker-{number}",
            title=f"Worker {number}",
            command=[sys.executable, "-m", "streams"],
            environment=dict(self._stack.environment) | own,
            ready=http_ready(port, "/health/ready"),
            stop_within_s=15.0,
            restarts=True,
        )


def killed(ending: str) -> bool:
    """Whether a process ended by SIGKILL."""
    return ending == f"signal {signal.SIGKILL.value}"
