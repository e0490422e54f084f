"""Large folds take turns: what is live passes between two of them, however many tasks have some."""

import asyncio

from streams.tasks.turns import ROUNDS, Turns

TASKS, FOLDS = 4, 10


class Bulk:
    """Tasks that have nothing but large folds to do."""

    def __init__(self) -> None:
        self.turns, self.folded = Turns(), list[int]()
        self._begun = asyncio.Event()

    async def fold(self, task: int) -> None:
        for _ in range(FOLDS):
            async with self.turns.turn():
                self.folded.append(task)
                self._begun.set()

    async def beside(self) -> int:
        """Count the large folds that a live record waits for, which needs as many rounds as lie between two turns."""
        working = [asyncio.create_task(self.fold(task)) for task in range(TASKS)]
        await self._begun.wait()
        before = len(self.folded)
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        waited_for = len(self.folded) - before
        await asyncio.gather(*working)
        return waited_for


def test_a_live_record_waits_for_one_large_fold_and_not_for_one_of_every_task() -> None:
    assert asyncio.run(Bulk().beside()) <= 1


def test_every_task_has_its_turn() -> None:
    bulk = Bulk()
    asyncio.run(bulk.beside())
    assert bulk.folded == [*range(TASKS)] * FOLDS


def test_a_turn_that_fails_or_is_given_up_is_over() -> None:
    async def scenario() -> bool:
        turns = Turns()

        async def fail() -> None:
            async with turns.turn():
                raise ValueError

        waiting = asyncio.create_task(fail())
        await asyncio.sleep(0)
        waiting.cancel()
        (ended,) = await asyncio.gather(fail(), return_exceptions=True)
        assert isinstance(ended, ValueError)
        async with turns.turn():
            return True

    assert asyncio.run(scenario())
