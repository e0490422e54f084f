"""What a process has used, and when a topic has been worked off."""

import time
from collections.abc import Iterable

import psutil

from onefold.progress import PipelineProgress
from settings import Settings


class Usage:
    """CPU seconds of a process since this object was made, and its resident memory."""

    def __init__(self, pid: int | None) -> None:
        self._process = psutil.Process(pid)
        self._before = self._cpu_s()

    def cpu_s(self) -> float:
        return self._cpu_s() - self._before

    def rss_mib(self) -> float:
        return float(self._process.memory_info().rss) / 2**20

    def _cpu_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def wait_until_worked_off(settings: Settings, groups: Iterable[str], deadline_s: float = 600) -> float:
    """Return after how many seconds these consumer groups have committed everything there is. Raises TimeoutError."""
    started = time.monotonic()
    progress, wanted = PipelineProgress(settings), set(groups)
    while time.monotonic() - started < deadline_s:
        if not any(lag.group in wanted for lag in progress.lagging()):
            return time.monotonic() - started
        time.sleep(0.05)
    raise TimeoutError(f"not worked off within {deadline_s:.0f} s")
