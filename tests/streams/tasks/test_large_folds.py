"""Large folds are kept apart: what is live passes between two of them, however many tasks have some."""

import asyncio

from streams.tasks.large_folds import ROUNDS, LargeFolds

TASKS, FOLDS = 4, 10


class Bulk:
    """Tasks that have nothing but large folds to do."""

    def __init__(self) -> None:
        self.large, self.folded = LargeFolds(), list[int]()
        self._begun = asyncio.Event()

    async def fold(self, task: int) -> None:
        for _ in range(FOLDS):
            async with self.large.apart():
                self.folded.append(task)
                self._begun.set()

    async def beside(self) -> int:
        """Count the large folds that a live record waits for, which needs as many rounds as lie between two of them."""
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


def test_the_large_folds_of_no_task_are_left_behind() -> None:
    bulk = Bulk()
    asyncio.run(bulk.beside())
    assert bulk.folded == [*range(TASKS)] * FOLDS


def test_one_that_fails_or_is_given_up_lets_the_next_begin() -> None:
    async def scenario() -> bool:
        large = LargeFolds()

        async def fail() -> None:
            async with large.apart():
                raise ValueError

        waiting = asyncio.create_task(fail())
        await asyncio.sleep(0)
        waiting.cancel()
        (ended,) = await asyncio.gather(fail(), return_exceptions=True)
        assert isinstance(ended, ValueError)
        async with large.apart():
            return True

    assert asyncio.run(scenario())
