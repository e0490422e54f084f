"""A past time is taken up to where the clock of a workspace is, and no further."""

import uuid

import pytest

from api.clocks import queried_time
from api.requests import RequestRefused
from definitions.across.remembered import ClockRecord, record_of
from definitions.sets.topic import ensure_topic
from definitions.streaming.times import text_of
from embedded.stack import Stack
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from schemas import topics
from settings import ClickHouse, Settings, Workspace
from tests.sinks.examples import ADAS, NOW, insert, placed, profile
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack


def test_on_the_event_clock_now_is_where_events_or_an_operator_have_brought_it(
    migrated: str, warehouse: Warehouse, workspace: str, stack: Stack
) -> None:
    insert(warehouse, [placed(topics.PROFILES, profile(ADAS, 1, workspace), 0)])
    settings = Settings(
        kafka=stack.settings.kafka,
        clickhouse=ClickHouse(migrated),
        workspaces={workspace: Workspace(workspace, uuid.uuid4(), "event")},
    )
    assert queried_time(settings, workspace, text_of(NOW)) == NOW
    with pytest.raises(RequestRefused, match=r"lies in the future: by the event clock of .* it is 2023-11-14T22:13:20"):
        queried_time(settings, workspace, text_of(NOW + 1))
    ensure_topic(stack.settings.kafka, 1, topic=topics.TRIGGERS_ACROSS)
    moved = record_of(ClockRecord(workspace, NOW + 10, 0))
    AcknowledgedProducer(stack.settings.kafka, "test").send([ProducerRecord(topics.TRIGGERS_ACROSS, *moved)])
    assert queried_time(settings, workspace, text_of(NOW + 10)) == NOW + 10
    with pytest.raises(RequestRefused):
        queried_time(settings, workspace, text_of(NOW + 11))
