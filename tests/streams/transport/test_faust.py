"""What the transport relies on in faust-streaming and aiokafka: a new release that moves it fails here, by name."""

import asyncio
import importlib.metadata
import inspect

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.transport.drivers import aiokafka as driver

from streams.transport.consumer import Consumer, RebalanceListener
from streams.transport.recovery import Recovery, TableManager


def test_the_release_is_the_one_that_the_transport_was_written_for() -> None:
    assert importlib.metadata.version("faust-streaming") == "0.15.3"


@pytest.mark.parametrize(
    ("ours", "theirs", "names"),
    [
        (
            Consumer,
            driver.Consumer,
            ("perform_seek", "_drain_messages", "force_commit", "wait_empty", "verify_all_partitions_active", "ack"),
        ),
        (Consumer, driver.Consumer, ("RebalanceListener", "_new_consumer_thread")),
        (RebalanceListener, driver.ConsumerRebalanceListener, ("on_partitions_assigned",)),
        (Recovery, FaustRecovery, ("_restart_recovery", "_slurp_changelogs", "_publish_stats")),
        (TableManager, FaustTableManager, ("recovery",)),
    ],
)
def test_what_is_overridden_still_exists(ours: type, theirs: type, names: tuple[str, ...]) -> None:
    for name in names:
        assert name in vars(ours), f"{ours.__name__}.{name} is not overridden"
        assert hasattr(theirs, name), f"{theirs.__name__}.{name} is gone"


@pytest.mark.parametrize(
    ("theirs", "names"),
    [
        (driver.Consumer, ("_commit", "commit", "assignment", "flow_active")),
        (FaustRecovery, ("on_recovery_completed", "_wait", "_set_recovery_started", "signal_recovery_start")),
        (driver.AIOKafkaConsumerThread, ("_consumer",)),
        (SubscriptionState, ("fetch_context",)),
        (AIOKafkaConsumer, ("pause", "_subscription")),
        (AIOKafkaClient, ("bootstrap", "set_topics", "send", "close", "cluster")),
        (ClusterMetadata, ("leader_for_partition",)),
    ],
)
def test_what_is_called_still_exists(theirs: type, names: tuple[str, ...]) -> None:
    source = inspect.getsource(theirs)
    for name in names:
        assert hasattr(theirs, name) or f"self.{name} =" in source, f"{theirs.__name__}.{name} is gone"


def test_a_client_that_is_asked_for_records_now_and_then_stays_in_its_group() -> None:
    """`fetch_context` is what the client's own fetching uses to say that somebody still reads."""

    async def scenario() -> float:
        subscription = SubscriptionState()
        subscription._last_fetch_ended -= 1_000
        with subscription.fetch_context():
            pass
        return float(subscription.fetcher_idle_time)

    assert asyncio.run(scenario()) < 100
