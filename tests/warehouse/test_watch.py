"""The watch of a process ends with it, also where the process cannot begin."""

import socket
import threading
from collections.abc import Callable

import pytest

import api.service
import jobs.__main__ as rebuilder
import jobs.maintenance.__main__ as maintenance
import sinks.__main__ as sink
from runtime.http.serving import PortTaken
from settings import ClickHouse, Serving, Settings
from tests.support.waiting import wait_until
from warehouse.watch import Watch

NOWHERE = ClickHouse("http://127.0.0.1:1")


def _watches() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "warehouse-watch"]


def test_it_ends_with_its_block() -> None:
    with Watch(NOWHERE):
        assert _watches()
    wait_until(lambda: not _watches(), "the watch to end")


@pytest.mark.parametrize(
    "run",
    [
        api.service.serve,
        lambda settings: maintenance.run(settings, 1.0, threading.Event()),
        lambda settings: rebuilder.run(settings, threading.Event()),
        lambda settings: sink.run(settings, threading.Event()),
    ],
    ids=["api", "maintenance", "rebuilder", "sink"],
)
def test_a_process_whose_port_is_taken_leaves_none_behind(run: Callable[[Settings], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serving = Serving(
            api_port=port, sink_metrics_port=port, rebuilder_metrics_port=port, maintenance_metrics_port=port
        )
        with pytest.raises((OSError, PortTaken)):
            run(Settings(clickhouse=NOWHERE, serving=serving))
    wait_until(lambda: not _watches(), "the watch to end")
