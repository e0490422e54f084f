"""Sends a batch in waves and settles each of its deliveries, also where the receiver does not say which one it refuses.

What a request looks like and what an answer means is left to each kind: it gives a function that sends one request.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

import msgspec

from sinks.destinations.audiences.memberships import Unsendable
from sinks.destinations.audiences.waves import ReceiverChange, plan, requests_of
from sinks.destinations.contract import Delivery, Exchange, Outcome, Refused, Retry, Unauthorised

MAX_REQUESTS = 40
"""Of one batch: searching for what is refused stops there, and goes on with the next attempt."""

Body = TypeVar("Body")


class Halt(msgspec.Struct, frozen=True):
    """Nothing of a request was taken, nor would the next ones be: the credentials, the limits or the receiver."""

    outcome: Retry | Unauthorised


class Unclear(msgspec.Struct, frozen=True):
    """Something in a request is refused, the answer does not say what; sending the rest again does no harm.

    `is_partial`: some of a change may have been taken.
    """

    detail: str
    exchange: Exchange = Exchange()
    is_partial: bool = False


class Again(msgspec.Struct, frozen=True):
    """Nothing of a request was taken, because of those that are named: the others may be sent again at once."""

    refused: dict[int, Refused]
    """By position in the request; never empty."""


Settled: TypeAlias = Sequence[Outcome] | Refused | Halt | Unclear | Again
"""One outcome for each change of a request, or one for all: Refused where the request is refused as a whole."""
Send: TypeAlias = Callable[[Sequence[ReceiverChange[Body]]], Awaitable[Settled]]


async def send_batch(
    deliveries: Sequence[Delivery],
    change_of: Callable[[int, Delivery], ReceiverChange[Body]],
    send: Send[Body],
    limit: int,
) -> Sequence[Outcome]:
    """Send deliveries: one outcome for each. `change_of` raises Unsendable; `limit`: the size of a request."""
    batch = BatchSender(send, limit)
    changes = []
    for position, delivery in enumerate(deliveries):
        try:
            changes.append(change_of(position, delivery))
        except Unsendable as error:
            batch.outcomes[position] = error.refused()
    await batch.send(changes)
    return [batch.outcomes[position] for position in range(len(deliveries))]


class BatchSender(Generic[Body]):
    """One batch on its way: the outcome of each delivery, as far as it is settled."""

    def __init__(self, send: Send[Body], limit: int) -> None:
        self._send = send
        self._limit = limit
        self._requests = 0
        self._stopped: Retry | Unauthorised | None = None
        self.outcomes: dict[int, Outcome] = {}

    async def send(self, changes: Sequence[ReceiverChange[Body]]) -> None:
        """Settle all changes, in waves. A person's later changes wait with an earlier one that has to wait."""
        planned = plan(changes)
        held: dict[str, Outcome] = {}
        for wave in planned.waves:
            free = []
            for change in wave:
                holder = next((held[key] for key in change.keys if key in held), None)
                if holder is None:
                    free.append(change)
                else:
                    self.outcomes[change.at] = holder
            for request in requests_of(free, self._limit):
                await self._settle(request)
            for change in wave:
                outcome = self.outcomes[change.at]
                if isinstance(outcome, Retry | Unauthorised):
                    held.update(dict.fromkeys(change.keys, outcome))
        for at, last in planned.superseded.items():
            self.outcomes[at] = self.outcomes[last]

    async def _settle(self, request: Sequence[ReceiverChange[Body]]) -> None:
        if self._stopped is not None:
            self._put(request, self._stopped)
            return
        if self._requests >= MAX_REQUESTS:
            detail = (
                "another delivery of the batch is refused, the receiver does not say which; tried again with others"
            )
            self._put(request, Retry("unavailable", detail, is_receivers=False))
            return
        self._requests += 1
        settled = await self._send(request)
        if isinstance(settled, Halt):
            self._stopped = settled.outcome
            self._put(request, settled.outcome)
        elif isinstance(settled, Refused):
            self._put(request, settled)
        elif isinstance(settled, Again):
            await self._settle_without(request, settled.refused)
        elif isinstance(settled, Unclear):
            await self._settle_halves(request, settled)
        else:
            for change, outcome in zip(request, settled, strict=True):
                self.outcomes[change.at] = outcome

    async def _settle_without(self, request: Sequence[ReceiverChange[Body]], refused: dict[int, Refused]) -> None:
        for position, outcome in refused.items():
            self.outcomes[request[position].at] = outcome
        rest = [change for position, change in enumerate(request) if position not in refused]
        if rest:
            await self._settle(rest)

    async def _settle_halves(self, request: Sequence[ReceiverChange[Body]], unclear: Unclear) -> None:
        if len(request) == 1:
            self._put(request, Refused("rejected", unclear.detail, unclear.exchange, unclear.is_partial))
            return
        middle = len(request) // 2
        await self._settle(request[:middle])
        await self._settle(request[middle:])

    def _put(self, request: Sequence[ReceiverChange[Body]], outcome: Outcome) -> None:
        self.outcomes.update(dict.fromkeys((change.at for change in request), outcome))
