"""What a process may send to one destination now: requests under way, rate, breaker, pauses. One for all its tasks.

It outlives changes of the definition: a receiver that fails has not been mended by them.
"""

import random
import time
from collections.abc import Callable, Sequence
from enum import Enum

from definitions.destinations import SendingPace
from runtime.clock import now_ms
from sinks.delivery.limits import FAILURES_TO_OPEN, Breaker, BreakerState, TokenBucket
from sinks.destinations.contract import Batching, Delivered, OpenDestination, Outcome, Retry, Unauthorised

TRY_AGAIN_MS = (5_000, 15_000, 60_000)
"""From a trial of a destination that does not accept its credentials to the next one; the last one goes on."""
ACCEPTED_FOR_MS = 60_000
"""So long after a delivery that was taken, a refusal of credentials is laid to the delivery that met it."""


class Leave(Enum):
    """Whether a request may begin: not now, with one delivery to see how it goes, or whole."""

    NO = "no"
    TRIAL = "trial"
    WHOLE = "whole"


class Outlet:
    """The limits of one destination. `freed` is called when a request may begin that could not before."""

    def __init__(self, pace: SendingPace, freed: Callable[[], None]) -> None:
        self._freed = freed
        self._breaker = Breaker()
        self._under_way: list[OpenDestination] = []  # by what the requests are sent
        self._try_at: int | None = None  # while the credentials are not accepted
        self._trial_was_due_at = 0  # of the last trial that has begun
        self._trials = 0
        self._delivered_at = 0
        self._refusals = 0  # of credentials, since they were accepted
        self._unauthorised, self._unauthorised_since = "", 0
        self._accepted_at = 0
        self.is_paused = False
        """By an operator."""
        self.resumed_at = 0
        """When (ms) an operator has resumed it last; 0: never."""
        self._bucket: TokenBucket | None = None
        self._most_requests: int | None = None
        self.limit(pace, 1.0)

    def bound(self, pace: SendingPace, batching: Batching) -> None:
        """Keep to what a receiver takes as well."""
        self._most_requests = batching.requests
        self._concurrency = min(pace.concurrency, batching.requests or pace.concurrency)

    def limit(self, pace: SendingPace, share: float) -> None:
        """Keep to a pace from now on. `share`: the part of the partitions that is this process's."""
        self._concurrency = min(pace.concurrency, self._most_requests or pace.concurrency)
        rate = None if pace.rate is None else pace.rate * max(share, 1e-3)
        if rate != (self._bucket.rate if self._bucket is not None else None):
            self._bucket = None if rate is None else TokenBucket(rate, time.monotonic())

    @property
    def breaker(self) -> BreakerState:
        """The state of the breaker."""
        return self._breaker.state(now_ms())

    @property
    def unauthorised(self) -> str:
        """Why the credentials are not accepted; empty if they are, as far as known."""
        return self._unauthorised

    @property
    def unauthorised_since(self) -> int:
        """Since when (ms) the credentials are not accepted, if they are not."""
        return self._unauthorised_since

    @property
    def accepted_at(self) -> int:
        """When (ms) an answer has shown last that the credentials are accepted; 0: none has yet."""
        return self._accepted_at

    def is_open(self, now: int) -> bool:
        """Return whether a request may begin, as far as nothing else does before."""
        if self.is_paused or len(self._under_way) >= self._concurrency:
            return False
        if self._try_at is not None and now < self._try_at:
            return False
        if self._bucket is not None and self._bucket.ready_in_s(time.monotonic()) > 0:
            return False
        return self._breaker.state(now) != "open"

    def begin(self, opened: OpenDestination, now: int) -> Leave:
        """Begin a request by an opened destination, unless the answer is NO; then `end` or `give_up` must follow."""
        if not self.is_open(now) or not self._breaker.begin(now):
            return Leave.NO
        self._under_way.append(opened)
        if self._try_at is not None:
            self._trial_was_due_at = self._try_at
            self._trials += 1
            self._try_at = now + self._pause_ms()
            return Leave.TRIAL
        return Leave.WHOLE if self._breaker.state(now) == "closed" else Leave.TRIAL

    def take(self, deliveries: int) -> int:
        """Return how many deliveries of so many the rate allows now; they count."""
        return deliveries if self._bucket is None else self._bucket.take(deliveries, time.monotonic())

    def give_back(self, deliveries: int) -> None:
        """Return what was taken and is not sent."""
        if self._bucket is not None:
            self._bucket.give_back(deliveries)

    def end(self, opened: OpenDestination, outcomes: Sequence[Outcome], before: Sequence[int], now: int) -> int | None:
        """Note how a request has ended. Returns until when the destination is suspended by that; None: it is not.

        `before`: of each delivery the time of the attempt before this one, 0 if there was none.
        """
        self._under_way.remove(opened)
        until = None
        refused = [number for number, each in enumerate(outcomes) if isinstance(each, Unauthorised)]
        failures = [each for each in outcomes if isinstance(each, Retry) and each.is_receivers]
        if any(isinstance(each, Delivered) for each in outcomes):
            self._delivered_at = self._accepted_at = now
            self.lift()
            self._breaker.succeed()
        elif refused:
            self._refusals += 1
            if not self._is_their_own([before[number] for number in refused], now):
                until = self.suspend(next(each.detail for each in outcomes if isinstance(each, Unauthorised)), now)
            self._breaker.succeed()  # it does answer
        elif failures and len(failures) == len(outcomes):
            self._breaker.fail(now, random.uniform(-1, 1), failures[0].after_ms)  # noqa: S311 - no secret
        elif any(not isinstance(each, Retry) for each in outcomes):
            self._accepted_at = now
            self.lift()
            self._breaker.succeed()
        else:
            self._breaker.give_up()
        self._freed()
        return until

    def suspend(self, reason: str, now: int) -> int:
        """Suspend it, as the credentials are not accepted or missing: one delivery is tried now and then, from when."""
        if not self._unauthorised:
            self._unauthorised_since = now
        self._try_at, self._unauthorised, self._trial_was_due_at = now + self._pause_ms(), reason, 0
        return self._try_at

    def lift(self) -> None:
        """Take the credentials for accepted, as far as known."""
        self._try_at, self._unauthorised = None, ""
        self._trials = self._trial_was_due_at = self._refusals = 0

    def resume(self, resumed_at: int) -> None:
        """Try it at once, as if it had never failed: an operator says so."""
        self.resumed_at = resumed_at
        self._breaker.reset()
        if self._try_at is not None:
            self._try_at, self._trials = min(self._try_at, now_ms()), 0

    def give_up(self, opened: OpenDestination) -> None:
        """Note that a request was not made, or broken off, and says nothing of the receiver."""
        self._under_way.remove(opened)
        if self._try_at is not None and self._trial_was_due_at:
            self._try_at, self._trial_was_due_at = self._trial_was_due_at, 0
            self._trials -= 1
        self._breaker.give_up()
        self._freed()

    def sends_by(self, opened: OpenDestination) -> bool:
        """Return whether requests by an opened destination are under way."""
        return any(each is opened for each in self._under_way)

    @property
    def room(self) -> int:
        """How many requests more may be under way."""
        return self._concurrency - len(self._under_way)

    def _is_their_own(self, before: Sequence[int], now: int) -> bool:
        """Return whether deliveries whose credentials were refused are to blame: others are taken by the same ones.

        Many refusals in a row are not laid to the deliveries: credentials may be revoked at any moment.
        """
        if self._try_at is not None or self._refusals >= FAILURES_TO_OPEN:
            return False
        return now - self._delivered_at < ACCEPTED_FOR_MS or all(0 < at < self._delivered_at for at in before)

    def _pause_ms(self) -> int:
        return TRY_AGAIN_MS[min(self._trials, len(TRY_AGAIN_MS) - 1)]
