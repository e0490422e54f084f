"""What `onefold drain` asks of the worker: how many late events it holds back, and when it need not answer."""

from collections.abc import Iterator

import msgspec
import pytest

from embedded.layout import free_ports
from onefold.progress import UnderWay, held_events
from runtime.http.endpoint import Endpoint
from runtime.loopback import LOOPBACK
from settings import Serving, Settings, new_workspace
from streams import metrics

SETTINGS = Settings(
    serving=Serving(worker_metrics_port=free_ports(1)[0]), workspaces={"main": new_workspace("main", "wall", ["web"])}
)


class Worker:
    """Its metrics, and why it is not ready, if it is not."""

    def __init__(self) -> None:
        self.reason: str | None = None


@pytest.fixture
def worker() -> Iterator[Worker]:
    answering = Worker()
    with Endpoint(LOOPBACK, SETTINGS.serving.worker_metrics_port, lambda: answering.reason):
        yield answering


def test_it_adds_up_what_the_partitions_hold_back(worker: Worker) -> None:
    assert held_events(SETTINGS) == 0
    metrics.note_held(0, 3)
    metrics.note_held(1, 4)
    try:
        assert held_events(SETTINGS) == 7
        worker.reason = "recovering"
        assert held_events(SETTINGS) is None
    finally:
        metrics.note_held(0, None)
        metrics.note_held(1, None)


def test_a_worker_that_does_not_answer_is_waited_for_unless_it_may_be_elsewhere_or_holds_nothing() -> None:
    assert held_events(SETTINGS) is None
    everywhere = msgspec.structs.replace(SETTINGS.serving, http_host="0.0.0.0")
    assert held_events(msgspec.structs.replace(SETTINGS, serving=everywhere)) == 0
    events = {"main": new_workspace("main", "event", ["web"])}
    assert held_events(msgspec.structs.replace(SETTINGS, workspaces=events)) == 0


def test_nothing_is_under_way_only_if_nothing_moves_and_nothing_is_held_back() -> None:
    assert UnderWay().is_nothing
    assert not any(each.is_nothing for each in (UnderWay(held=1), UnderWay(held=None), UnderWay(is_moving=True)))
