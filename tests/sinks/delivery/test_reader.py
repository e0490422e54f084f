"""What is read for whose task, on the real broker, while destinations come and go and a task lags behind."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import pytest

from embedded.stack import Stack
from runtime.clock import now_ms
from schemas.topics import CONSENTS, activation
from settings import load
from sinks.delivery.incoming import MOST, Incoming
from sinks.delivery.reader import TaskReader
from sinks.delivery.rounds import IncomingRecord
from sinks.delivery.task import DeliveryTask
from tests.sinks.delivery.deliverer import Changes
from tests.sinks.delivery.hook import running_hook

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

ROUNDS = 200
PEOPLE = 40


class SlowTask:
    """Takes what it is handed at once, but admits what people say only when it catches up."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.positions: dict[str, int] = {}
        self.skipped: set[str] = set()
        self._ahead: dict[str, int] = {}  # of what people say, what it has taken and not admitted
        self._is_behind = True
        self.arrived = Incoming()
        self.is_informed = False
        self.taken: list[tuple[str, int]] = []

    def submit(self, records: Iterable[IncomingRecord]) -> None:
        """Take records; drop those that were taken before."""
        for each in records:
            positions = self._ahead if each.topic == CONSENTS and self._is_behind else self.positions
            if each.offset >= positions.get(each.topic, 0):
                positions[each.topic] = each.offset + 1
                self.taken.append((each.topic, each.offset))

    def catch_up(self) -> None:
        """Admit what people have said."""
        self.positions |= self._ahead
        self._is_behind = False

    def inform(self) -> None:
        """Note that what people had said is known."""
        self.is_informed = True

    def is_waiting(self, topics: Iterable[str]) -> bool:
        """Return whether records of topics wait."""
        return self.arrived.has_any(topics)

    async def close(self) -> None:
        """Nothing is to be let go of."""


def reader_of(stack: Stack, tasks: dict[int, SlowTask]) -> TaskReader:
    """A reader that opens slow tasks, noted by partition."""

    async def open_task(partition: int) -> DeliveryTask:
        tasks[partition] = SlowTask(partition)
        return cast("DeliveryTask", tasks[partition])

    return TaskReader(load(dict(stack.environment)), open_task, lambda _share: None)


def test_a_task_hears_that_all_consents_are_read_also_if_a_destination_is_defined_meanwhile(
    stack: Stack, workspace: str
) -> None:
    changes = Changes(stack, workspace)
    with running_hook() as hook, running_hook() as other:
        old, new = hook.destination(), other.destination()
        changes.define(old, new)
        for number in range(PEOPLE):
            changes.say(number, "granted")
        changes.toggle([old, new], range(PEOPLE))
        tasks: dict[int, SlowTask] = {}

        async def read() -> None:
            reader = reader_of(stack, tasks)
            await read_until(reader, [old.name], lambda: _taken(tasks, CONSENTS) >= PEOPLE)
            await read_until(reader, [old.name, new.name], lambda: _taken(tasks, activation(new.name)) == PEOPLE)
            assert not any(each.is_informed for each in tasks.values())
            for each in tasks.values():
                each.arrived.add(
                    IncomingRecord(activation(old.name), each.partition, 0, b"k", b"", ()) for _ in range(9)
                )
                each.catch_up()
            await read_until(reader, [old.name, new.name], lambda: all(each.is_informed for each in tasks.values()))
            await reader.close()

        asyncio.run(read())
    assert _taken(tasks, activation(old.name)) == PEOPLE


def test_of_a_destination_that_has_got_a_receiver_what_was_written_before_is_for_nobody(
    stack: Stack, workspace: str
) -> None:
    changes = Changes(stack, workspace)
    with running_hook() as hook, running_hook() as other:
        new, always = hook.destination(), other.destination()
        changes.define(new, always)
        changes.toggle([new, always], range(PEOPLE))
        tasks: dict[int, SlowTask] = {}

        async def read() -> None:
            reader = reader_of(stack, tasks)
            names, since = [new.name, always.name], {activation(new.name): now_ms() + 1}
            await read_until(reader, names, lambda: _taken(tasks, activation(always.name)) == PEOPLE, since)
            changes.toggle([new], [0])
            await read_until(reader, names, lambda: _taken(tasks, activation(new.name)) > 0, since)
            await reader.close()

        asyncio.run(read())
    assert _taken(tasks, activation(new.name)) == 1


def test_of_a_destination_of_which_much_waits_no_more_is_read_and_of_the_others_all_is(
    stack: Stack, workspace: str
) -> None:
    changes = Changes(stack, workspace)
    with running_hook() as hook, running_hook() as other:
        flooded, calm = hook.destination(), other.destination()
        changes.define(flooded, calm)
        tasks: dict[int, SlowTask] = {}

        async def read() -> None:
            reader, names = reader_of(stack, tasks), [flooded.name]
            await read_until(reader, names, lambda: reader.is_assigned)
            for task in tasks.values():
                topic = activation(flooded.name)
                task.arrived.add(
                    IncomingRecord(topic, task.partition, number, b"k", b"", ()) for number in range(MOST + 1)
                )
            names.append(calm.name)
            await reader.read([CONSENTS, *map(activation, names)])
            changes.toggle([flooded, calm], range(PEOPLE))
            await read_until(reader, names, lambda: _taken(tasks, activation(calm.name)) == PEOPLE)
            assert _taken(tasks, activation(flooded.name)) == 0
            for task in tasks.values():
                task.arrived.take(MOST + 1, MOST)
            await read_until(reader, names, lambda: _taken(tasks, activation(flooded.name)) == PEOPLE)
            await reader.close()

        asyncio.run(read())


def test_a_topic_that_was_deleted_and_made_anew_is_read_from_its_beginning(stack: Stack, workspace: str) -> None:
    changes = Changes(stack, workspace)
    with running_hook() as hook:
        shop = hook.destination()
        changes.define(shop)
        changes.toggle([shop], range(PEOPLE))
        tasks: dict[int, SlowTask] = {}

        async def open_task(partition: int) -> DeliveryTask:
            tasks[partition] = SlowTask(partition)
            tasks[partition].positions[activation(shop.name)] = 10 * PEOPLE  # of the former topic
            return cast("DeliveryTask", tasks[partition])

        async def read() -> None:
            reader = TaskReader(load(dict(stack.environment)), open_task, lambda _share: None)
            await read_until(reader, [shop.name], lambda: _taken(tasks, activation(shop.name)) == PEOPLE)
            await reader.close()

        asyncio.run(read())


async def read_until(
    reader: TaskReader, names: list[str], holds: Callable[[], bool], since: Mapping[str, int] | None = None
) -> None:
    """Read until something holds."""
    for _ in range(ROUNDS):
        await reader.read([CONSENTS, *map(activation, names)], since)
        if holds():
            return
    pytest.fail(f"not within {ROUNDS} rounds")


def _taken(tasks: dict[int, SlowTask], topic: str) -> int:
    """Count the records of a topic that the tasks have taken."""
    return sum(of == topic for task in tasks.values() for of, _ in task.taken)
