"""A task on the real broker: what it commits is all or nothing, survives it, and locks out whoever came before."""

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from embedded.stack import Stack
from runtime.kafka.reading import read_to_end
from runtime.kafka.transactions import ProducerFenced
from schemas.topics import changelog
from state.commit import Committer
from state.store import StateStore
from streams.phases import FetchedBatch, Record
from tests.streams.counting import Counting, running

pytestmark = pytest.mark.stack


@pytest.fixture
def stage(stack: Stack) -> Counting:
    """A stage with topics of its own."""
    stage = Counting(f"count-{uuid.uuid4().hex[:8]}")
    admin = AdminClient({"bootstrap.servers": stack.settings.kafka})
    compacted = {"cleanup.policy": "compact"}
    made = admin.create_topics(
        [NewTopic(f"{stage.name}-out", 1), NewTopic(changelog(stage.table), 1, config=compacted)]
    )
    for future in made.values():
        future.result()
    return stage


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def committed(stack: Stack, topic: str) -> list[tuple[bytes, bytes]]:
    """All that a reader of committed records sees in partition 0 of a topic."""
    return [
        (message.key() or b"", message.value() or b"")
        for message in read_to_end(stack.settings.kafka, [topic])
        if message.partition() == 0
    ]


def test_outputs_state_and_position_are_there_after_the_acknowledgement(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        async with running(stack, stage, tmp_path, executor) as first:
            await first.work(b"a", b"b", b"a")
        async with running(stack, stage, tmp_path, executor) as second:
            assert second.task.position(stage.topics[0]) == 3
            await second.work(b"a")
            assert second.task.position(stage.topics[0]) == 4

    asyncio.run(scenario())

    assert committed(stack, f"{stage.name}-out") == [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"a", b"3")]


def test_records_that_come_again_are_not_folded_again(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    topic = stage.topics[0]

    async def scenario() -> None:
        async with running(stack, stage, tmp_path, executor) as counting:
            await counting.work(b"a", b"b")
            acknowledged = asyncio.Event()
            again = [Record(topic, 0, offset, key, b"x") for offset, key in enumerate((b"a", b"b", b"c"))]
            counting.task.submit(FetchedBatch(again, {topic: 3}, acknowledge=acknowledged.set))
            async with asyncio.timeout(30):
                await acknowledged.wait()
            late = asyncio.Event()
            counting.task.submit(FetchedBatch(again[:1], {topic: 1}, acknowledge=late.set))
            async with asyncio.timeout(30):
                await late.wait()
            assert counting.task.position(topic) == 3

    asyncio.run(scenario())

    assert committed(stack, f"{stage.name}-out") == [(b"a", b"1"), (b"b", b"1"), (b"c", b"1")]


def test_a_wiped_store_is_rebuilt_from_the_changelog(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        async with running(stack, stage, tmp_path / "before", executor) as first:
            await first.work(b"a", b"a")
            await first.work(b"b")
        async with running(stack, stage, tmp_path / "elsewhere", executor) as second:
            assert second.task.position(stage.topics[0]) == 3
            await second.work(b"a", b"b")

    asyncio.run(scenario())

    assert committed(stack, f"{stage.name}-out")[-2:] == [(b"a", b"3"), (b"b", b"2")]


def test_whoever_held_the_partition_before_is_fenced_and_leaves_no_trace(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        async with running(stack, stage, tmp_path / "zombie", executor) as zombie:
            await zombie.work(b"a")
            async with running(stack, stage, tmp_path / "owner", executor) as owner:
                topic = stage.topics[0]
                zombie.task.submit(
                    FetchedBatch([Record(topic, 0, 1, b"a", b"x")], {topic: 2}, acknowledge=lambda: None)
                )
                await zombie.failed()
                await owner.work(b"b")
            assert isinstance(zombie.failures[0], ProducerFenced)

    asyncio.run(scenario())

    assert committed(stack, f"{stage.name}-out") == [(b"a", b"1"), (b"b", b"1")]
    assert StateStore(tmp_path / "zombie" / f"{stage.table}-0", None).get(b"a") == b"1"


def test_a_transaction_left_open_by_a_dead_worker_is_aborted_by_the_next_owner(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    dead = Committer(stack.settings.kafka, f"onefold-{stage.name}-0", changelog(stage.table), 0)
    dead.fence()
    dead._producer.begin_transaction()
    dead._producer.produce(f"{stage.name}-out", b"never", b"a")
    dead._producer.flush()

    async def scenario() -> None:
        async with running(stack, stage, tmp_path, executor) as owner:
            await owner.work(b"a")

    asyncio.run(scenario())

    assert committed(stack, f"{stage.name}-out") == [(b"a", b"1")]


def test_a_suspended_task_begins_nothing_until_it_runs_again(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        async with running(stack, stage, tmp_path, executor) as counting:
            topic, acknowledged = stage.topics[0], asyncio.Event()
            await counting.task.suspend()
            counting.task.submit(
                FetchedBatch([Record(topic, 0, 0, b"a", b"x")], {topic: 1}, acknowledge=acknowledged.set)
            )
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(acknowledged.wait(), 0.5)
            counting.task.run()
            async with asyncio.timeout(30):
                await acknowledged.wait()

    asyncio.run(scenario())

    assert committed(stack, f"{stage.name}-out") == [(b"a", b"1")]


def test_a_failing_fold_is_reported_and_nothing_of_its_batch_is_visible(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        async with running(stack, stage, tmp_path, executor) as counting:
            topic = stage.topics[0]
            records = [Record(topic, 0, 0, b"a", b"x"), Record(topic, 0, 1, b"a", b"stop")]
            counting.task.submit(FetchedBatch(records, {topic: 2}, acknowledge=lambda: pytest.fail("acknowledged")))
            await counting.failed()
        async with running(stack, stage, tmp_path, executor) as again:
            assert again.task.position(topic) is None
            await again.work(b"a")

    asyncio.run(scenario())

    assert committed(stack, f"{stage.name}-out") == [(b"a", b"1")]
