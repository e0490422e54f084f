"""Every order in which a small world can go on: what each stage reads next and what the rebuilder does next is tried.

Orders that lead to the same state are followed once from there, so the end is reached although their number is not.
"""

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

from streams.metrics import Tally
from tests.streams.world.world import World


class First(Random):
    """Chooses the first of all, and never lets a chance come true: what is random in a world is left to the order."""

    def choice(self, seq: Any) -> Any:
        return seq[0]

    def choices(self, population: Any, *_: Any, **__: Any) -> Any:
        return population[:1]

    def random(self) -> float:
        return 0.999


class Explorer:
    """Follows every order from a world's state to rest.

    `seen`: the states that were come to. `counted`: how often a step did what `name_step` has a name for.
    """

    def __init__(
        self, begin: World, name_step: Callable[[Tally], str | None], at_rest: Callable[[World], None]
    ) -> None:
        self._begin = begin
        self._name_step = name_step
        self._at_rest = at_rest
        self._untried: list[list[int]] = [[]]
        self.seen: set[int] = set()
        self.counted: Counter[str] = Counter()
        self.rests = 0

    def explore(self) -> None:
        """Try all orders."""
        while self._untried:
            taken = self._untried.pop()
            world = self._begin.copy()
            try:
                for number in taken[:-1]:
                    _step(world, number)
                for number in taken[-1:]:
                    self._try(world, number)
                self._go_on(world, taken)
            except BaseException as error:
                error.add_note(f"the choices: {taken}")
                raise
            finally:
                world.close()

    def _go_on(self, world: World, taken: list[int]) -> None:
        """Take the first choice again and again, and leave the others for later, until nothing is new."""
        while (state := world.state()) not in self.seen:
            self.seen.add(state)
            count = len(world.unread()) + world.rebuilder.has_work()
            if not count:
                self.rests += 1
                self._at_rest(world)
                return
            self._untried += ([*taken, other] for other in range(1, count))
            taken.append(0)
            self._try(world, 0)

    def _try(self, world: World, number: int) -> None:
        """Take a step that was not taken yet."""
        _step(world, number)
        name = self._name_step(world.tally)
        if name is not None:
            self.counted[name] += 1


def _step(world: World, number: int) -> None:
    readings = world.unread()
    if number == len(readings):
        world.tally = Tally()
        world.rebuilder.step()
    else:
        world.read(*readings[number], records=1)
