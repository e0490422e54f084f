"""The tasks of a worker on the real broker: opened, kept and closed as partitions come and go."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from embedded.stack import Stack
from schemas.topics import changelog
from streams.phases import FetchedBatch, Record
from streams.tasks.assignment import StageTasks
from tests.streams.counting import Counting
from tests.streams.tasks.test_task import committed, executor, stage

__all__ = ["executor", "stage"]  # fixtures

pytestmark = pytest.mark.stack


def tasks_of(stack: Stack, stage: Counting, folder: Path, executor: ThreadPoolExecutor) -> StageTasks:
    def fail(error: BaseException) -> None:
        raise error

    return StageTasks([stage], stack.settings.kafka, folder, executor, fail)


def submit(tasks: StageTasks, stage: Counting) -> asyncio.Event:
    """Submit one record; the event is set when it is acknowledged."""
    acknowledged, topic = asyncio.Event(), stage.topics[0]
    records = [Record(topic, 0, 0, b"a", b"x")]
    tasks.submit(stage.name, 0, FetchedBatch(records, {topic: 1}, acknowledge=acknowledged.set))
    return acknowledged


def test_a_task_is_kept_by_the_next_assignment_and_closed_when_its_partition_is_gone(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        tasks, inputs = tasks_of(stack, stage, tmp_path, executor), [(stage.topics[0], 0), ("of no stage", 0)]
        await tasks.assign(inputs)
        (first,) = tasks.active()
        await tasks.suspend()
        await tasks.assign(inputs)
        assert list(tasks.active()) == [first]
        async with asyncio.timeout(30):
            await submit(tasks, stage).wait()
        await tasks.assign([])
        assert list(tasks.active()) == []
        submit(tasks, stage)  # dropped: whoever owns the partition now reads it
        await tasks.close()

    asyncio.run(scenario())

    assert committed(stack, f"{stage.name}-out") == [(b"a", b"1")]


def test_a_task_restored_while_the_next_rebalance_begins_does_nothing_before_its_end(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        tasks, inputs = tasks_of(stack, stage, tmp_path, executor), [(stage.topics[0], 0)]
        assigning = asyncio.create_task(tasks.assign(inputs))
        await asyncio.sleep(0)  # until it restores
        await tasks.suspend()
        await assigning
        acknowledged = submit(tasks, stage)
        await asyncio.sleep(0.3)
        assert not acknowledged.is_set()
        await tasks.assign(inputs)
        async with asyncio.timeout(30):
            await acknowledged.wait()
        await tasks.close()

    asyncio.run(scenario())


def test_a_standby_follows_a_partition_of_another_worker_and_becomes_a_task(
    stack: Stack, stage: Counting, tmp_path: Path, executor: ThreadPoolExecutor
) -> None:
    async def scenario() -> None:
        owner = tasks_of(stack, stage, tmp_path / "owner", executor)
        copier = tasks_of(stack, stage, tmp_path / "copier", executor)
        inputs = [(stage.topics[0], 0)]
        await owner.assign(inputs)
        await copier.assign([], [(changelog(stage.table), 0)])
        assert list(copier.active()) == []
        async with asyncio.timeout(30):
            await submit(owner, stage).wait()
        await owner.close()
        await copier.assign(inputs)
        (task,) = copier.active()
        assert task.position(stage.topics[0]) == 1
        await copier.close()

    asyncio.run(scenario())
