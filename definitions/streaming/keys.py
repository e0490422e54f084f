"""Where the state of what a definition needs lies."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from definitions.plan.accumulators import Accumulator
from definitions.streaming.accumulators import CompiledAccumulator

KeyOf: TypeAlias = Callable[[Accumulator], str]
"""Return the key of the state that has all of what is needed."""


def keys_of(accumulators: Iterable[CompiledAccumulator]) -> KeyOf:
    """Return the key of each need, of accumulators that are made for all who need something."""
    keys = {each.planned.id: each.key for each in accumulators}
    return lambda need: keys[need.id]
