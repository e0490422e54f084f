"""Reading to the end: what was committed before the call, past markers and aborted records."""

import uuid

import pytest
from confluent_kafka import Producer

from embedded.stack import Stack
from runtime.errors import TransientError, UnreachableError
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from runtime.kafka.topics import create_topics
from runtime.kafka.transactions import TRANSACTION_TIMEOUT_MS

pytestmark = pytest.mark.stack


@pytest.fixture
def topic(stack: Stack) -> str:
    name = f"read-{uuid.uuid4().hex}"
    create_topics(stack.settings.kafka, {name: {}}, partitions=2, replication=1)
    return name


def transactions(stack: Stack) -> Producer:
    producer = Producer(
        {
            "bootstrap.servers": stack.settings.kafka,
            "transactional.id": uuid.uuid4().hex,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        }
    )
    producer.init_transactions()
    return producer


def test_an_empty_topic_has_no_records(stack: Stack, topic: str) -> None:
    assert list(read_to_end(stack.settings.kafka, [topic])) == []


def test_it_reads_past_markers_and_leaves_out_what_was_aborted(stack: Stack, topic: str) -> None:
    producer = transactions(stack)
    for number in range(4):
        producer.begin_transaction()
        producer.produce(topic, b"%d" % number, partition=number % 2)
        producer.flush()
        producer.abort_transaction() if number == 3 else producer.commit_transaction()
    by_partition = {0: [b"0", b"2"], 1: [b"1"]}
    read: dict[int, list[bytes]] = {0: [], 1: []}
    for message in read_to_end(stack.settings.kafka, [topic]):
        read[message.partition() or 0].append(message.value() or b"")
    assert read == by_partition
    rest = read_to_end(stack.settings.kafka, [topic], since={(topic, 0): 1, (topic, 1): 2})
    assert [message.value() for message in rest] == [b"2"]


def test_an_open_transaction_is_waited_for_but_not_for_ever(stack: Stack, topic: str) -> None:
    producer = transactions(stack)
    producer.begin_transaction()
    producer.produce(topic, b"open", partition=0)
    producer.flush()
    with pytest.raises(TransientError, match="does not send"):
        list(read_to_end(stack.settings.kafka, [topic], stall_s=1))
    producer.commit_transaction()
    assert [message.value() for message in read_to_end(stack.settings.kafka, [topic])] == [b"open"]


@pytest.mark.slow
def test_what_lies_behind_the_open_transaction_of_a_process_that_was_killed_arrives(stack: Stack, topic: str) -> None:
    producer = transactions(stack)
    producer.begin_transaction()
    producer.produce(topic, b"open", partition=0)
    producer.flush()
    del producer
    AcknowledgedProducer(stack.settings.kafka, "test").send([ProducerRecord(topic, None, b"behind", 0)])
    assert [message.value() for message in read_to_end(stack.settings.kafka, [topic])] == [b"behind"]


def test_nobody_who_answers_is_an_error() -> None:
    with pytest.raises(UnreachableError):
        list(read_to_end("127.0.0.1:1", ["events"]))
