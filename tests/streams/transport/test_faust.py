"""What the transport relies on in faust-streaming and aiokafka: a new release that moves it fails here, by name."""

import importlib.metadata
import inspect

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.transport.drivers import aiokafka as driver

from streams.transport.consumer import Consumer, ConsumerThread
from streams.transport.recovery import Recovery, TableManager


def test_the_release_is_the_one_that_the_transport_was_written_for() -> None:
    assert importlib.metadata.version("faust-streaming") == "0.15.3"


@pytest.mark.parametrize(
    ("ours", "theirs", "names"),
    [
        (
            Consumer,
            driver.Consumer,
            ("perform_seek", "_drain_messages", "force_commit", "wait_empty", "ack", "_new_consumer_thread"),
        ),
        (ConsumerThread, driver.AIOKafkaConsumerThread, ("_create_worker_consumer",)),
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
        (driver.Consumer, ("_getmany", "_get_active_partitions", "earliest_offsets", "seek_wait", "_commit", "commit")),
        (FaustRecovery, ("on_recovery_completed", "_wait", "_set_recovery_started", "signal_recovery_start")),
        (TopicPartitionState, ("has_valid_position", "position", "highwater")),
    ],
)
def test_what_is_called_still_exists(theirs: type, names: tuple[str, ...]) -> None:
    source = inspect.getsource(theirs)
    for name in names:
        assert hasattr(theirs, name) or f"self.{name} =" in source, f"{theirs.__name__}.{name} is gone"


def test_isolation_and_fetch_wait_are_read_when_the_client_starts() -> None:
    made = inspect.getsource(AIOKafkaConsumer.__init__)
    started = inspect.getsource(AIOKafkaConsumer.start)

    for name in ("_isolation_level", "_fetch_max_wait_ms"):
        assert f"self.{name} = " in made
        assert f"self.{name}" in started
