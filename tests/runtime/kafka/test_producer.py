"""The producer of a thread: records lie where it says, and what Kafka does not take is an error in time."""

import os
import uuid
from collections.abc import Iterator

import pytest

from embedded.stack import Stack
from runtime.errors import TerminalError, UnreachableError
from runtime.kafka.clients import MAX_RECORD_BYTES
from runtime.kafka.deliveries import Deliveries, ProducerRecord
from runtime.kafka.offsets import Offsets
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from runtime.kafka.topics import create_topics

NOBODY = "127.0.0.1:1"


@pytest.fixture
def topic(stack: Stack) -> str:
    name = f"produced-{uuid.uuid4().hex}"
    create_topics(stack.settings.kafka, {name: {"max.message.bytes": "1000000"}}, partitions=2, replication=1)
    return name


@pytest.mark.stack
def test_records_lie_where_it_says(stack: Stack, topic: str) -> None:
    producer = AcknowledgedProducer(stack.settings.kafka, "test")
    positions = producer.send(ProducerRecord(topic, None, b"%d" % number, partition=1) for number in range(700))
    assert positions == tuple((1, offset) for offset in range(700))
    assert [message.value() for message in read_to_end(stack.settings.kafka, [topic])] == [
        b"%d" % n for n in range(700)
    ]
    assert producer.partitions(topic) == (0, 1)


@pytest.mark.stack
def test_more_than_the_queue_holds_goes_out_all_the_same(stack: Stack, topic: str) -> None:
    deliveries = Deliveries(stack.settings.kafka)
    records = (ProducerRecord(topic, None, bytes(500_000)) for _ in range(200))
    *_, acknowledged = AcknowledgedProducer(stack.settings.kafka, "test").stream(records, deliveries)
    assert acknowledged == deliveries.acknowledged == 200


@pytest.mark.stack
def test_what_the_source_raises_passes_and_the_rest_is_counted(stack: Stack, topic: str) -> None:
    def records() -> Iterator[ProducerRecord]:
        yield ProducerRecord(topic, None, b"sent")
        raise KeyboardInterrupt

    producer, deliveries = AcknowledgedProducer(stack.settings.kafka, "test"), Deliveries(stack.settings.kafka)
    with pytest.raises(KeyboardInterrupt):
        list(producer.stream(records(), deliveries))
    assert producer.flush(30) == 0
    assert deliveries.acknowledged == 1
    assert sum(extent.end for extent in Offsets(stack.settings.kafka).extents([(topic, 0), (topic, 1)]).values()) == 1


@pytest.mark.stack
def test_a_record_that_is_too_large_is_terminal(stack: Stack, topic: str) -> None:
    producer = AcknowledgedProducer(stack.settings.kafka, "test")
    with pytest.raises(TerminalError, match="refuses"):
        producer.send([ProducerRecord(topic, None, bytes(MAX_RECORD_BYTES + 1))])
    with pytest.raises(TerminalError, match="refuses"):  # larger than the topic takes, says the broker
        producer.send([ProducerRecord(topic, None, os.urandom(4_000_000))])


def test_an_unreachable_broker_is_reported_in_time() -> None:
    producer = AcknowledgedProducer(NOBODY, "test", delivery_timeout_s=1)
    with pytest.raises(UnreachableError, match="does not answer"):
        producer.send([ProducerRecord("events", None, b"1"), ProducerRecord("events", None, b"2")])
    with pytest.raises(UnreachableError):
        producer.partitions("events")
    assert producer.flush(2) == 0


def test_nothing_to_send_needs_no_broker() -> None:
    assert AcknowledgedProducer(NOBODY, "test").send([]) == ()
