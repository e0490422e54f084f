"""What commands ask of the worker: events it holds back, what was mistyped; and when it need not answer."""

from collections.abc import Iterator

import msgspec
import pytest

from definitions.sets import Publication
from embedded.layout import free_ports
from onefold.commands.definition_sets import Mistyped, mistyped_text, status_of
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


def test_the_status_says_which_definitions_meet_values_of_a_wrong_type(worker: Worker) -> None:
    counted = [("segment", "big spenders", 2), ("trait", "spent", 5)]
    for what, name, number in counted:
        metrics.MISTYPED.labels("main", what, name).inc(number)
    metrics.MISTYPED.labels("other", "trait", "x").inc()
    (main,) = status_of(Publication(), SETTINGS).workspaces
    assert main.mistyped == (Mistyped("trait", "spent", 5), Mistyped("segment", "big spenders", 2))
    worker.reason = "recovering"
    (main,) = status_of(Publication(), SETTINGS).workspaces
    assert main.mistyped is None
    metrics.MISTYPED.clear()


def test_statements_of_consent_that_say_nothing_are_said_in_words() -> None:
    assert mistyped_text(Mistyped("consent", "marketing", 2)) == (
        "consent marketing: 2 statements of events did not count: none of granted, denied and unknown, an undefined"
        " channel, or a trait that is neither true nor false"
    )
    assert (
        mistyped_text(Mistyped("consent", "", 1))
        == "consent: 1 statement of events did not count: an undefined purpose"
    )


def test_a_worker_that_does_not_answer_is_waited_for_unless_it_may_be_elsewhere_or_holds_nothing() -> None:
    assert held_events(SETTINGS) is None
    everywhere = msgspec.structs.replace(SETTINGS.serving, http_host="0.0.0.0")
    assert held_events(msgspec.structs.replace(SETTINGS, serving=everywhere)) == 0
    events = {"main": new_workspace("main", "event", ["web"])}
    assert held_events(msgspec.structs.replace(SETTINGS, workspaces=events)) == 0


def test_nothing_is_under_way_only_if_nothing_moves_and_nothing_is_held_back() -> None:
    assert UnderWay().is_nothing
    assert not any(each.is_nothing for each in (UnderWay(held=1), UnderWay(held=None), UnderWay(is_moving=True)))
