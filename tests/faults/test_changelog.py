"""Recovery from changelogs that are empty, end in nothing readable, are compacted, or have lost their beginning."""

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from embedded.stack import Stack
from schemas.topics import changelog
from state.changelog import ChangelogTruncated
from state.commit import Committer
from tests.faults.topics import set_topic
from tests.oracle import topic
from tests.streams.counting import Counting, running
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

RECOVERED_WITHIN_S = 20.0
_ROLLED_AT_ONCE = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "100",
    "delete.retention.ms": "0",
}


@pytest.fixture
def admin(stack: Stack) -> AdminClient:
    return AdminClient({"bootstrap.servers": stack.addresses.kafka})


@pytest.fixture
def stage(admin: AdminClient) -> Counting:
    """A stage whose changelog is compacted as soon as it can be."""
    stage = Counting(f"count-{uuid.uuid4().hex[:8]}")
    topics = [NewTopic(f"{stage.name}-out", 1), NewTopic(changelog(stage.table), 1, config=_ROLLED_AT_ONCE)]
    for made in admin.create_topics(topics).values():
        made.result()
    return stage


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def _recovered(
    stack: Stack, stage: Counting, folder: Path, executor: ThreadPoolExecutor, key: bytes = b"a"
) -> int | None:
    """Run a task on the folder, work on one record, close it; the position that it had come back with."""

    async def scenario() -> int | None:
        async with asyncio.timeout(RECOVERED_WITHIN_S), running(stack, stage, folder, executor) as counting:
            position = counting.task.position(stage.topics[0])
            await counting.work(key)
            return position

    return asyncio.run(scenario())


def test_an_empty_changelog_is_recovered_at_once(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    assert _recovered(stack, stage, tmp_path, executor) is None


def test_a_changelog_that_holds_nothing_but_an_aborted_transaction_is_recovered_at_once(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    producer = Producer({"bootstrap.servers": stack.addresses.kafka, "transactional.id": stage.name})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(changelog(stage.table), b"never", b"a", partition=0)
    producer.flush()
    producer.abort_transaction()
    assert _recovered(stack, stage, tmp_path, executor) is None


def test_a_compacted_changelog_gives_the_same_state(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def fill() -> None:
        async with running(stack, stage, tmp_path / "before", executor) as counting:
            for _ in range(20):
                await counting.work(*(b"key-%d" % number for number in range(10)))

    asyncio.run(fill())
    kafka, name = stack.addresses.kafka, changelog(stage.table)
    # The newest segment is never compacted: a record of another time closes the one before it.
    wait_until(lambda: _is_compacted(kafka, name, at_most=11 + 11), "the changelog to be compacted")

    assert _recovered(stack, stage, tmp_path / "after", executor) == 200
    again = _recovered(stack, stage, tmp_path / "after", executor)
    assert again == 201

    async def count_on() -> None:
        async with running(stack, stage, tmp_path / "once-more", executor) as counting:
            await counting.work(*(b"key-%d" % number for number in range(10)))

    asyncio.run(count_on())
    counts = {raw.key: int(raw.value or b"0") for raw in topic.read_raw(kafka, f"{stage.name}-out")}
    assert counts == {b"a": 2} | {b"key-%d" % number: 21 for number in range(10)}


def _is_compacted(kafka: str, name: str, at_most: int) -> bool:
    """Whether so few records are left; if not, give the cleaner a new segment to stand on."""
    records = topic.read_raw(kafka, name)
    if len(records) <= at_most:
        return True
    roller = Committer(kafka, f"roller-{name}", name, 0)
    roller.fence()
    producer = roller._producer
    producer.begin_transaction()
    producer.produce(name, b"", b"\x00sweep", partition=0)
    producer.commit_transaction()
    roller.close()
    return False


def test_a_changelog_whose_beginning_was_deleted_stops_whoever_needs_it(
    stack: Stack, stage: Counting, admin: AdminClient, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    assert _recovered(stack, stage, tmp_path / "whole", executor) is None
    name = changelog(stage.table)
    (end,) = topic.ends(stack.addresses.kafka, [name]).values()
    set_topic(admin, name, {"cleanup.policy": "compact,delete"})  # Kafka deletes from no topic that is compacted only
    for deleted in admin.delete_records([TopicPartition(name, 0, end)]).values():
        deleted.result()

    assert _recovered(stack, stage, tmp_path / "whole", executor) == 1
    with pytest.raises(ChangelogTruncated, match="begins at offset"):
        _recovered(stack, stage, tmp_path / "wiped", executor)


def test_a_store_of_another_topic_of_the_same_name_is_rebuilt(
    stack: Stack, stage: Counting, admin: AdminClient, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    for position in (None, 1, 2):
        assert _recovered(stack, stage, tmp_path / "worker", executor, b"old") == position
    name = changelog(stage.table)
    admin.delete_topics([name])[name].result()
    wait_until(lambda: name not in admin.list_topics(timeout=10).topics, "the topic to be gone")
    admin.create_topics([NewTopic(name, 1, config=_ROLLED_AT_ONCE)])[name].result()
    for position in (None, 1, 2, 3, 4):
        assert _recovered(stack, stage, tmp_path / "elsewhere", executor) == position

    assert _recovered(stack, stage, tmp_path / "worker", executor, b"old") == 5
    (*_, last) = topic.read_raw(stack.addresses.kafka, f"{stage.name}-out")
    assert (last.key, last.value) == (b"old", b"1"), "what the other topic had said is still there"
