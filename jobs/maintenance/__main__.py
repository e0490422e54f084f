"""`python -m jobs.maintenance SECONDS`: maintenance as a process, at once and then every so many seconds."""

import logging
import signal
import sys
import threading

import settings as configuration
from jobs.maintenance.maintain import maintain_for_ever
from jobs.maintenance.rolling_up import RollUp, Settle
from jobs.maintenance.steps import steps
from runtime import logs
from runtime.errors import OnefoldError
from runtime.http.endpoint import Endpoint
from runtime.retrying import Stopped
from settings import Settings
from warehouse.client import Warehouse
from warehouse.watch import Watch

STOP_WITHIN_S = 2.0

logger = logging.getLogger("maintenance")


def main(arguments: list[str]) -> int:
    """0 after SIGTERM or Ctrl-C; 1, after one line that says why, when going on makes no sense."""
    logs.configure()
    stopping = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: stopping.set())
    ended = _Ending(float(arguments[0]))
    # A daemon: a statement that takes minutes must not hold up the end, and whatever is broken off is done again.
    worker = threading.Thread(target=ended.of, args=(stopping,), name="maintenance", daemon=True)
    worker.start()
    while worker.is_alive() and not stopping.wait(0.1):
        pass
    worker.join(STOP_WITHIN_S)
    return ended.code


class _Ending:
    """How the work ended; 0 while it has not."""

    def __init__(self, every_s: float) -> None:
        self.code = 0
        self._every_s = every_s

    def of(self, stopping: threading.Event) -> None:
        try:
            run(configuration.load(), self._every_s, stopping)
        except Stopped:
            pass
        except (OnefoldError, OSError) as error:
            logger.error("%s", error)
            self.code = 1
        except BaseException:
            self.code = 1
            raise


def run(settings: Settings, every_s: float, stopping: threading.Event) -> None:
    """Maintain until `stopping` is set. Raises Stopped when that comes in the midst of a step."""
    serving = settings.serving
    with (
        Watch(settings.clickhouse) as watch,
        Endpoint(serving.http_host, serving.maintenance_metrics_port, watch.reason, serving.trusted_hosts),
        Warehouse(settings.clickhouse, answer_timeout_s=None) as warehouse,
    ):
        while watch.reason() is not None and not stopping.wait(0.1):
            pass  # the tables may be made only now
        roll_up = RollUp()
        maintain_for_ever(steps(settings, roll_up), Settle(roll_up), warehouse, every_s, stopping)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
