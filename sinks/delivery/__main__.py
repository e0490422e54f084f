"""`python -m sinks.delivery`: the deliverer as a process."""

import asyncio
import logging
import sys
import threading

from runtime.http.endpoint import Endpoint
from runtime.memory import tune_memory
from runtime.retrying import persist
from settings import Settings
from sinks.delivery import metrics
from sinks.delivery.process import Deliverer
from sinks.process import run_process

logger = logging.getLogger("deliverer")


def run(settings: Settings, stopping: threading.Event) -> None:
    """Deliver until `stopping` is set. Raises what no other attempt of this process can mend."""
    deliverer: Deliverer | None = None
    serving = settings.serving

    def not_ready() -> str | None:
        return None if deliverer is not None and deliverer.is_assigned else "waiting for its partitions"

    with Endpoint(serving.http_host, serving.deliverer_metrics_port, not_ready, serving.trusted_hosts):
        deliverer = persist("start", lambda: Deliverer(settings), stopping, metrics.RETRIES)
        tune_memory()
        threading.Thread(target=_stop, args=(stopping, deliverer), name="stop", daemon=True).start()
        asyncio.run(deliverer.run())


def _stop(stopping: threading.Event, deliverer: Deliverer) -> None:
    stopping.wait()
    deliverer.stop()


if __name__ == "__main__":
    sys.exit(run_process(run, logger))
