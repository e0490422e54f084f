"""A task: one partition number of all activation topics, with its lines. Admits, commits, and only then sends.

A round changes a view: it admits, settles, and chooses what begins; it is committed in one transaction; then what has
begun is sent. One round is under way at a time, requests go on meanwhile. Which tasks there are is left to `reader`.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor

from runtime.clock import now_ms
from runtime.errors import OnefoldError
from schemas.topics import CONSENTS
from sinks.delivery import lines, metrics
from sinks.delivery.choosing import Choice, Request, choose
from sinks.delivery.due import due_lines
from sinks.delivery.failpoints import reached
from sinks.delivery.hastening import Hastening
from sinks.delivery.incoming import Incoming
from sinks.delivery.records import TaskRecords
from sinks.delivery.rounds import Ended, IncomingRecord, admit, admit_consent, retire, settle
from sinks.delivery.sending import send
from sinks.delivery.served import Destinations
from sinks.delivery.waiting import Absence, add_waiting, shown_waiting
from state.commit import Committer
from state.restoring import Restored
from state.store import StateStore
from state.view import StateView

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
ADMITTED_AT_ONCE = 500
ADMITTED_BYTES = 4_000_000
"""Of records in one round: they are in memory until it is committed."""
CHOSEN_AT_ONCE = 2_000
STOP_WITHIN_S = 2.0


class DeliveryTask:
    """Owned by the event loop; commits leave it for a thread. `may_begin`: whether this process still is who it was."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it works on, with what, and who hears of its end
        self,
        partition: int,
        restored: Restored,
        committer: Committer,
        destinations: Destinations,
        records: TaskRecords,
        executor: Executor,
        may_begin: Callable[[], bool],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.partition = partition
        self.positions = dict(restored.positions)
        self._store = restored.store
        self._committer = committer
        self._destinations = destinations
        self._records = records
        self._executor = executor
        self._may_begin = may_begin
        self._fail = on_failure
        self.arrived = Incoming()
        self._is_admitting = False
        self._ended: list[Ended] = []
        self._under_way: defaultdict[str, set[bytes]] = defaultdict(set)  # lines by what a destination is kept as
        self._sending: set[asyncio.Task[None]] = set()
        self._starved: set[str] = set()
        self._put_off: set[str] = set()  # of what was due last nothing may be sent yet: what is behind it perhaps
        self._absence = Absence()
        self._hastening = Hastening()
        self.skipped: set[str] = set()
        """Topics whose destination was not defined when a record came: they are to be read again from `positions`."""
        self.is_informed = False
        """Whether all was read that people had said when the task was opened: before, nothing begins."""
        self._wake = asyncio.Event()
        self._is_closing = False
        self._flushing: asyncio.Future[None] | None = None
        self._working = asyncio.create_task(self._work(), name=f"deliver-{partition}")

    # -- what comes

    def is_waiting(self, topics: Iterable[str]) -> bool:
        """Return whether records of topics wait to be admitted, or some are being admitted; from any thread."""
        return self._is_admitting or self.arrived.has_any(topics)

    def submit(self, records: Iterable[IncomingRecord]) -> None:
        """Admit records, in order; those that were admitted before are dropped."""
        self.arrived.add(records)
        self._wake.set()

    def inform(self) -> None:
        """Begin to send: what people had said is known."""
        self.is_informed = True
        self._wake.set()

    def freed(self, destination: str) -> None:
        """Look again at a destination that may be sent more."""
        if destination in self._starved:
            self._wake.set()

    async def close(self) -> None:
        """Begin nothing more, wait a moment for what is under way, keep what has ended, release everything."""
        self._is_closing = True
        self._wake.set()
        await asyncio.wait([self._working])
        if self._sending:
            await asyncio.wait(self._sending, timeout=STOP_WITHIN_S)
        for sending in self._sending:
            sending.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._ended:
            try:
                await self._round()
            except OnefoldError as error:
                log.warning("what was sent last is sent again by another process: %s", error)
        metrics.forget(self.partition)
        if self._flushing is not None:
            await self._flushing  # a store that another thread flushes cannot be closed
        await asyncio.get_running_loop().run_in_executor(self._executor, _release, self._committer, self._store)

    # -- rounds

    async def _work(self) -> None:
        try:
            while not self._is_closing:
                if not (self.arrived or self._ended or self._hastening.is_under_way):
                    await self._wait()
                await asyncio.sleep(0)  # a round that writes nothing waits for nothing, and there may be many
                self._wake.clear()
                await self._round()
        except Exception as error:  # noqa: BLE001 - the task's boundary: reported to whoever runs the process
            self._fail(error)

    async def _wait(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), LOOK_EVERY_S)

    async def _round(self) -> None:
        choice = self._choice()
        touched, positions = ([], {}) if self._is_closing else self._admit(choice)
        touched += self._settle(choice)
        touched += self._hastening.hastened(self._destinations.all(), choice.view, choice.now)
        requests = self._choose(touched, choice) if self.is_informed and not self._is_closing else []
        self._retire(choice)
        try:
            if choice.view.changes or choice.notes.outputs or positions:
                await self._commit(choice, positions)
        except BaseException:
            for request in requests:
                request.served.outlet.give_up(request.served.opened)
            raise
        self._start(requests)

    def _choice(self) -> Choice:
        return self._records.choice(StateView(self._store))

    def _admit(self, choice: Choice) -> tuple[list[bytes], dict[str, int]]:
        touched: list[bytes] = []
        positions: dict[str, int] = {}
        self._is_admitting = True  # whoever reads in another thread must not clear `skipped` in between
        unsendable = self._destinations.unsendable(choice.now)
        arrived = self.arrived.take(ADMITTED_AT_ONCE, ADMITTED_BYTES, unsendable)
        choice.view.prefetch(_lines_of(arrived, self._destinations))
        for incoming in arrived:
            if incoming.offset >= positions.get(incoming.topic, self.positions.get(incoming.topic, 0)):
                if incoming.topic == CONSENTS:
                    admit_consent(incoming, choice, self._records.encode_letter)
                    positions[incoming.topic] = incoming.offset + 1
                    continue
                to = self._destinations.addressee(incoming.destination)
                if to is None or incoming.topic in self.skipped:
                    self.skipped.add(incoming.topic)
                    continue
                line = admit(incoming, to, choice, self._records.encode_letter)
                positions[incoming.topic] = incoming.offset + 1
                if line is not None:
                    touched.append(line)
        self._is_admitting = False
        return touched, positions

    def _settle(self, choice: Choice) -> list[bytes]:
        ended, self._ended = self._ended, []
        choice.view.prefetch(chosen.line for each in ended for chosen in each.request.chosen)
        touched: list[bytes] = []
        for each in ended:
            settled = settle(each, choice)
            if each.suspended_until is not None:
                self._hastening.suspended.note(each.request.served.kept_as, settled, choice.view)
            self._under_way[each.request.served.kept_as].difference_update(settled)
            touched += settled
        return touched

    def _choose(self, touched: list[bytes], choice: Choice) -> list[Request]:
        """Choose what begins at each destination: lines that are due in the store, then those of this round."""
        by_destination: dict[str, list[bytes]] = {}
        for line in dict.fromkeys(touched):
            by_destination.setdefault(line.partition(b"|")[0].decode(), []).append(line)
        self._starved.clear()
        requests: list[Request] = []
        for served in self._destinations.all():
            if not served.outlet.is_open(choice.now):
                self._starved.add(served.name)
                continue
            limit = min(served.outlet.room * served.opened.batching.deliveries, CHOSEN_AT_ONCE)
            if served.name in self._put_off:
                limit = max(limit, ADMITTED_AT_ONCE)
            under_way = self._under_way[served.kept_as]
            due, is_cut = due_lines(served, by_destination.get(served.kept_as, []), under_way, limit, choice)
            looked_at, before = len(due), len(requests)
            while due and (request := choose(served, due, choice)) is not None:
                requests.append(request)
                under_way.update(each.line for each in request.chosen)
            if due or is_cut:
                self._starved.add(served.name)
            self._put_off.discard(served.name)
            if looked_at and not due and len(requests) == before:
                self._put_off.add(served.name)
                self._wake.set()
        return requests

    def _retire(self, choice: Choice) -> None:
        """Take out what waits for a destination that has been gone for long."""
        for name in self._absence.expired(choice.view, self._destinations.is_defined, choice.now):
            retire(name, choice)

    async def _commit(self, choice: Choice, positions: dict[str, int]) -> None:
        add_waiting(choice.view, choice.notes.waiting)
        began = time.perf_counter()
        loop = asyncio.get_running_loop()
        outputs, view = choice.notes.outputs, choice.view
        await loop.run_in_executor(self._executor, self._committer.commit, outputs, view, positions, self._store)
        metrics.COMMIT_S.observe(time.perf_counter() - began)
        self.positions.update(positions)
        metrics.CONSENTS.inc(choice.notes.consents)
        choice.notes.count()

    # -- sending

    def _start(self, requests: list[Request]) -> None:
        """Send what has begun; or nothing, if another process may have the partition by now."""
        may_begin = self._may_begin() and not self._is_closing
        for request in requests:
            if not may_begin:
                request.served.outlet.give_up(request.served.opened)
                self._under_way[request.served.kept_as].difference_update(each.line for each in request.chosen)
                continue
            sending = asyncio.create_task(self._send(request))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    async def _send(self, request: Request) -> None:
        served, outlet = request.served, request.served.outlet
        began = time.perf_counter()
        reached("before_sending")
        try:
            outcomes = await send(request)
        except asyncio.CancelledError:
            outlet.give_up(served.opened)
            raise
        reached("after_sending")
        took_s = time.perf_counter() - began
        before, now = [each.before for each in request.chosen], now_ms()
        decided_at = (each.delivery.activation.decided_at for each in request.chosen if not each.before)
        metrics.note_attempt(served.name, took_s, decided_at, now)
        suspended_until = outlet.end(served.opened, outcomes, before, now)
        self._ended.append(Ended(request, outcomes, round(1000 * took_s), suspended_until))
        self._wake.set()

    def observe(self) -> None:
        """Look after the store, and refresh the gauges; to be called every few seconds."""
        if self._is_closing:
            return
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().run_in_executor(self._executor, _flush, self._store, self._fail)
        choice = self._choice()
        metrics.note_waiting(self.partition, shown_waiting(choice.view, self._destinations.name_of, choice.now))


def _flush(store: StateStore, on_failure: Callable[[BaseException], None]) -> None:
    try:
        store.flush_if_due()
    except Exception as error:  # noqa: BLE001 - the thread's boundary: reported to whoever runs the process
        on_failure(error)


def _release(committer: Committer, store: StateStore) -> None:
    reached("before_close")
    try:
        committer.close()
    finally:
        store.close()


def _lines_of(arrived: Iterable[IncomingRecord], destinations: Destinations) -> Iterator[bytes]:
    """Yield the lines that records go to, as far as their destinations are defined."""
    for incoming in arrived:
        to = destinations.addressee(incoming.destination)
        if to is not None and incoming.key is not None:
            yield lines.line_key(to.kept_as, incoming.key)
