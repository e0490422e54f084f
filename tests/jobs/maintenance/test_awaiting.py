"""An override is squashed only once every event that was routed before its decision has arrived."""

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Producer

from embedded.stack import Stack
from jobs.maintenance.squashing import Squash
from runtime.errors import TransientError
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.offsets import Extent, Offsets, Partition
from runtime.retrying import Stopped
from schemas import topics
from schemas.codec import Codec
from schemas.records import Route
from schemas.registry import Registry
from tests.jobs.maintenance.processes import AtRest
from tests.jobs.rebuild.stand_in import StandInWorker
from tests.sinks.examples import ADA, ADAS, PHONE, PHONES, event, insert, placed, profile, resolved
from tests.sinks.sink_process import Feeder, running_sink
from tests.support.rows import tuples
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

DURING_S = 1.5


@pytest.fixture
def merged(warehouse: Warehouse, workspace: str) -> str:
    """The workspace of Ada, whose profile has taken the phone in."""
    insert(warehouse, [resolved(event("m1", workspace), 5, PHONES)])
    insert(warehouse, [placed(topics.PROFILES, profile(ADAS, 2, workspace, identifiers=(ADA, PHONE), decision=3), 1)])
    return workspace


def squash(stack: Stack, warehouse: Warehouse, within_s: float = 60) -> str:
    return Squash(Offsets(stack.settings.kafka), within_s).run(warehouse, 0, threading.Event())


def overrides(warehouse: Warehouse, workspace: str) -> int:
    return len(
        tuples(
            warehouse, "SELECT 1 FROM onefold.profile_overrides FINAL WHERE workspace = {w:String}", {"w": workspace}
        )
    )


def test_an_event_that_the_sink_has_not_read_yet_is_awaited(
    stack: Stack, warehouse: Warehouse, merged: str, tmp_path: Path
) -> None:
    late = event("m2", merged)
    Feeder(stack).send([resolved(late, 0, PHONES)])
    with pytest.raises(TransientError, match=r"onefold-sink has .* of events\.resolved to read"):
        squash(stack, warehouse, within_s=DURING_S)
    assert overrides(warehouse, merged) == 2
    with ThreadPoolExecutor(1) as beside:
        squashed = beside.submit(squash, stack, warehouse)
        with running_sink(stack, tmp_path):
            assert "overrides were squashed" in squashed.result()
    rows = tuples(
        warehouse,
        "SELECT message_id, profile_id FROM onefold.raw_events FINAL WHERE workspace = {w:String} ORDER BY 1",
        {"w": merged},
    )
    assert rows == [("m1", ADAS), ("m2", ADAS)]
    assert overrides(warehouse, merged) == 0


def test_a_route_that_the_worker_has_not_read_yet_is_awaited(stack: Stack, warehouse: Warehouse, merged: str) -> None:
    route = Route(merged, PHONE.namespace, PHONE.value, ADAS, 3)
    producer = Producer(PRODUCER_CONFIG | {"bootstrap.servers": stack.settings.kafka})
    producer.produce(topics.IDENTITY_ROUTES, Codec(Registry(stack.settings.registry)).encoder(Route)(route), b"key")
    assert producer.flush(30) == 0
    with pytest.raises(TransientError, match=r"onefold has 1 records of identity\.routes to read"):
        squash(stack, warehouse, within_s=DURING_S)
    assert overrides(warehouse, merged) == 2
    with StandInWorker(stack):
        squash(stack, warehouse)
    assert overrides(warehouse, merged) == 0


def test_a_process_that_stops_waits_no_longer(warehouse: Warehouse, merged: str) -> None:
    class Behind(AtRest):
        def extents(self, partitions: Iterable[Partition]) -> Mapping[Partition, Extent]:
            return {partition: Extent(0, 1) for partition in partitions}

    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        Squash(Behind()).run(warehouse, 0, stop)
    assert overrides(warehouse, merged) == 2
