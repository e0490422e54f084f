"""`python -m jobs.maintenance SECONDS`: maintenance as a process, at once and then every so many seconds."""

import sys
import threading

from jobs.maintenance.maintain import maintain_for_ever
from jobs.maintenance.rolling_up import RollUp, RollUpAgain
from jobs.maintenance.steps import steps
from jobs.process import run_job
from runtime.http.endpoint import Endpoint
from settings import Settings
from warehouse.client import Warehouse
from warehouse.watch import Watch


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
        maintain_for_ever(steps(settings, roll_up), RollUpAgain(roll_up), warehouse, every_s, stopping)


if __name__ == "__main__":
    every_s = float(sys.argv[1])
    sys.exit(run_job("maintenance", lambda settings, stopping: run(settings, every_s, stopping)))
