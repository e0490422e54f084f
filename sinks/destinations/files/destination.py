"""Files as a destination: each batch is one file, whose name follows from what is in it."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec
from obstore.exceptions import BaseError

from definitions.receivers.files import Files
from schemas.identity import stable_id
from sinks.destinations.cells import Unfit
from sinks.destinations.contract import (
    MAX_EXCHANGE_CHARS,
    Batching,
    Delivered,
    Delivery,
    Exchange,
    Outcome,
    Refused,
)
from sinks.destinations.files.errors import outcome_of
from sinks.destinations.files.hours import LONGEST_WRITE_S, SUCCESS, days_back, folder_of, is_over
from sinks.destinations.files.places import place_of
from sinks.destinations.files.rendering import Row, bytes_of, row_of

_LOOK_EVERY_S = 60.0


logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class FilesDestination:
    """A folder of hours. The hour is the one in which a file is written, so none comes into an hour that is over.

    `fields`: the names that the mapping can make, which are columns of every file.
    """

    def __init__(
        self,
        options: Files,
        fields: Sequence[str] = (),
        timeout_s: float = 10.0,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Connect to nothing yet. Raises MissingSecret."""
        self.batching = Batching(deliveries=options.batch, bytes=32_000_000)
        self._options = options
        self._fields = tuple(fields)
        self._write_s = min(timeout_s, LONGEST_WRITE_S)
        self._now = now
        self._place = place_of(options, self._write_s)
        self._unmarked: set[str] = set()
        self._marking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Mark hours that are over from now on, also those that another process has left."""
        if self._options.success and self._marking is None:
            self._marking = asyncio.create_task(self._mark_from_now_on())

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Write the deliveries into a file of the hour."""
        rows, outcomes, keys = self._rows(deliveries)
        if not rows:
            return outcomes
        name = f"{stable_id('|'.join(keys))}.{self._options.format}"
        try:
            content = await asyncio.to_thread(bytes_of, rows, self._options, self._fields)
            folder = folder_of(self._now())  # not before: rendering may take long, and another hour begin
            path = f"{folder}/{name}"
            async with asyncio.timeout(self._write_s):
                await self._place.write(path, content)
        except (OSError, BaseError) as error:
            failed = outcome_of(error)
            return [failed if isinstance(outcome, Delivered) else outcome for outcome in outcomes]
        self._unmarked.add(folder)
        return outcomes

    async def close(self) -> None:
        """Stop looking for hours that are over, and let go of the place."""
        self._place.close()
        marking, self._marking = self._marking, None
        if marking is not None:
            marking.cancel()
            with suppress(asyncio.CancelledError):
                await marking

    async def mark(self) -> None:
        """Write `_SUCCESS` into each hour that is over and has files. Raises OSError, or obstore's errors."""
        for folder in sorted(self._unmarked):
            if is_over(folder, self._now()):
                if not await self._place.exists(f"{folder}/{SUCCESS}"):
                    await self._place.write(f"{folder}/{SUCCESS}", b"")
                self._unmarked.discard(folder)

    async def find_unmarked(self) -> None:
        """Look for hours that a process has left without a mark. Raises OSError, or obstore's errors."""
        for day in days_back(self._now()):
            for name in await self._place.folders(day):
                folder = f"{day}/{name}"
                if not await self._place.exists(f"{folder}/{SUCCESS}"):
                    self._unmarked.add(folder)

    def _rows(self, deliveries: Sequence[Delivery]) -> tuple[list[Row], list[Outcome], list[str]]:
        rows: list[Row] = []
        outcomes: list[Outcome] = []
        keys: list[str] = []
        for delivery in deliveries:
            try:
                row = row_of(delivery, self._options)
            except Unfit as problem:
                outcomes.append(Refused("unmappable", str(problem)))
                continue
            rows.append(row)
            keys.append(delivery.key)
            outcomes.append(Delivered(_exchange(row)))
        return rows, outcomes, keys

    async def _mark_from_now_on(self) -> None:
        is_found = False
        while True:
            try:
                if not is_found:
                    await self.find_unmarked()
                    is_found = True
                await self.mark()
            except (OSError, BaseError) as error:
                logger.warning("hours that are over wait for their mark: %s", outcome_of(error).detail)
            await asyncio.sleep(_LOOK_EVERY_S)


def _exchange(row: Row) -> Exchange:
    return Exchange(request=msgspec.json.encode(row).decode()[:MAX_EXCHANGE_CHARS])
