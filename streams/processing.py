"""The way of a batch, from its reader to its acknowledgement: what a worker does. Read this first.

Leaves the phases to `streams.phases`, what a stage makes of records to `streams.agents`, and durability to
`streams.tasks`.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol

from runtime.errors import TransientError
from state.view import StateView
from streams.failpoints import reached
from streams.phases import (
    Committed,
    Decoded,
    FetchedBatch,
    Folded,
    Item,
    NotYet,
    Received,
    Stage,
    Swept,
    acknowledge,
    decode,
    fold,
    proceed,
    receive,
)

KNOWN_WITHIN_S = 30.0
_LOOK_AGAIN_S = 0.02
_NO_RECORDS = FetchedBatch((), {})
LARGE = 100
"""A fold of more records is kept apart from others: some ms."""
STEPS_AT_ONCE = 2
"""Of a walk, committed with what was folded before them: on a busy machine a transaction takes longer than they do."""

Apart = Callable[[], AbstractAsyncContextManager[None]]
"""Within the block, no other large fold of the worker holds the event loop: see `streams.tasks.large_folds`."""


class DurableState(Protocol):
    """Where the batches of one task become durable, one after the other."""

    @property
    def positions(self) -> Mapping[str, int]:
        """Topic -> offset of the next record to read, as of the last commit; without topics that were never read."""
        ...

    @property
    def opened_at(self) -> int:
        """When the task began to read its inputs, in ms of the system's time."""
        ...

    @property
    def partition(self) -> int:
        """The number of the partition."""
        ...

    def view(self) -> StateView:
        """Provide a view of the state as of the last commit, for one fold."""
        ...

    async def commit(self, folded: Folded[Any]) -> Committed:
        """Make outputs, states and positions durable, all or nothing.

        May fold the batch again, without records whose effects the broker does not take. An exception means that
        nothing of the batch is visible, and that the worker must stop.
        """
        ...


async def process(batch: FetchedBatch, stage: Stage[Any], state: DurableState, apart: Apart = nullcontext) -> Committed:
    """Carry a batch through its phases until it is committed, and have the reader read on.

    A large fold is kept apart from others, as are the steps of a walk that are committed with it.
    An exception stops the worker; the batch is then read again.
    """
    received = receive(batch, state.positions, state.opened_at, state.partition)
    decoded = await decode_in_time(stage, received)
    async with apart() if len(decoded.items) > LARGE else nullcontext():
        folded = fold(stage, decoded, state.view())
    committed = await state.commit(await _walk_on(stage, folded, apart))
    proceed(committed)
    return committed


async def decode_in_time(stage: Stage[Item], received: Received) -> Decoded[Item]:
    """Decode a batch, waiting for what its records say to be known here. Raises TransientError if that takes long."""
    give_up_at = time.monotonic() + KNOWN_WITHIN_S
    while True:
        try:
            return decode(stage, received)
        except NotYet as error:
            if time.monotonic() > give_up_at:
                raise TransientError(f"{stage.name}: {error}") from error
        await asyncio.sleep(_LOOK_AGAIN_S)


async def sweep(
    stage: Stage[Any], state: DurableState, apart: Apart = nullcontext, has_news: Callable[[], bool] = lambda: True
) -> Committed:
    """Let deadlines fire that are due, and a walk go on by a step, and by some more until there is news."""
    received = receive(_NO_RECORDS, state.positions, state.opened_at, state.partition)
    async with apart():
        folded = fold(stage, decode(stage, received), state.view())
    folded = await _walk_on(stage, folded, apart, has_news)
    if not folded.effects.outputs and not folded.effects.view.changes:
        return Committed(received)
    return await state.commit(folded)


async def _walk_on(
    stage: Stage[Item], folded: Folded[Item], apart: Apart, has_news: Callable[[], bool] = lambda: False
) -> Folded[Item]:
    """Have a walk that is under way go on by some steps over the same view, to be committed together."""
    without_records = folded.decoded.received._replace(records=(), refused=())
    for _ in range(STEPS_AT_ONCE):
        if not folded.effects.is_walking or folded.effects.more or has_news():
            break
        async with apart():
            following = fold(stage, decode(stage, without_records), folded.effects.view)
        folded = folded._replace(effects=folded.effects.joined(following.effects))
    return folded


class Unswept:
    """The committed batches of one task of which due deadlines may be left. Live batches come between its sweeps."""

    def __init__(self) -> None:
        self._committed: list[Committed] = []

    def add(self, committed: Committed) -> None:
        """Note what was committed last; acknowledge everything once no deadline is due any more."""
        if committed.received.positions:
            self._committed.append(committed)
        if committed.more or not self._committed:
            return
        reached("before_acknowledgement")
        for each in self._committed:
            acknowledge(Swept(each.received))
        self._committed.clear()
