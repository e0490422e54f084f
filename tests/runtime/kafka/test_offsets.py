"""What partitions hold: deleted records are not in it, those of open transactions are."""

import uuid

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from embedded.stack import Stack
from runtime.errors import TransientError
from runtime.kafka.offsets import Extent, Offsets
from runtime.kafka.topics import create_topics
from tests.support.waiting import wait_until


@pytest.fixture
def topic(stack: Stack) -> str:
    name = f"offsets-{uuid.uuid4().hex}"
    create_topics(stack.settings.kafka, {name: {}}, partitions=3, replication=1)
    return name


@pytest.mark.stack
def test_extents_are_of_all_records_that_are_there_open_transactions_included(stack: Stack, topic: str) -> None:
    producer = Producer({"bootstrap.servers": stack.settings.kafka, "transactional.id": topic})
    producer.init_transactions()
    producer.begin_transaction()
    for number in range(5):
        producer.produce(topic, b"%d" % number, partition=1 if number else 2)
    producer.flush()
    offsets, partitions = Offsets(stack.settings.kafka), [(topic, number) for number in range(3)]
    expected = {(topic, 0): Extent(0, 0), (topic, 1): Extent(0, 4), (topic, 2): Extent(0, 1)}
    assert offsets.extents(partitions) == expected
    producer.commit_transaction()
    marked = {(topic, 0): Extent(0, 0), (topic, 1): Extent(0, 5), (topic, 2): Extent(0, 2)}
    wait_until(lambda: offsets.extents(partitions) == marked, "the markers")
    admin = AdminClient({"bootstrap.servers": stack.settings.kafka})
    for deleted in admin.delete_records([TopicPartition(topic, 1, 3)]).values():
        deleted.result(60)
    assert offsets.extents(partitions) == marked | {(topic, 1): Extent(3, 5)}


@pytest.mark.stack
def test_a_partition_that_there_is_not_is_an_error(stack: Stack, topic: str) -> None:
    with pytest.raises(TransientError):
        Offsets(stack.settings.kafka).extents([(topic, 0), (topic, 3)])


def test_of_no_partitions_there_are_no_extents() -> None:
    assert Offsets("127.0.0.1:1").extents([]) == {}
