"""What a process may send to one destination at a time: a token bucket and a circuit breaker; neither reads a clock."""

from typing import Literal, TypeAlias

from sinks.delivery.schedule import step_ms

FAILURES_TO_OPEN = 10
LONGEST_PAUSE_MS = 60_000
"""A receiver that is down is tried with one request so often: what waits for it goes within a minute once it is up."""
LONGEST_ASKED_MS = 3_600_000
"""A receiver that asks for more than this is tried with one request all the same: the others wait for it to be well."""

BreakerState: TypeAlias = Literal["closed", "open", "half_open"]


class TokenBucket:
    """Allows `rate` deliveries a second in the mean, and as many at once as come in one second. Times in seconds."""

    def __init__(self, rate: float, now_s: float) -> None:
        self.rate = rate
        self._tokens = self._most
        self._as_of_s = now_s

    def take(self, wanted: int, now_s: float) -> int:
        """Take as many tokens as there are, `wanted` at most; return how many."""
        self._fill(now_s)
        taken = min(wanted, int(self._tokens))
        self._tokens -= taken
        return taken

    def give_back(self, number: int) -> None:
        """Return tokens that were not used."""
        self._tokens = min(self._tokens + number, self._most)

    def ready_in_s(self, now_s: float) -> float:
        """Return after how long there is a token; 0 if there is one."""
        self._fill(now_s)
        return max(1 - self._tokens, 0) / self.rate

    @property
    def _most(self) -> float:
        return max(self.rate, 1.0)

    def _fill(self, now_s: float) -> None:
        self._tokens = min(self._tokens + max(now_s - self._as_of_s, 0) * self.rate, self._most)
        self._as_of_s = max(now_s, self._as_of_s)


class Breaker:
    """Stops sending to a receiver that fails again and again, and lets one request through now and then. Times in ms.

    closed --(FAILURES_TO_OPEN in a row)--> open --(its pause has passed)--> half open
    half open --(a failure)--> open, for longer;  any --(a success)--> closed
    """

    def __init__(self) -> None:
        self._failures = 0
        self._openings = 0
        self._opens_again_at = 0
        self._is_trying = False

    def state(self, now: int) -> BreakerState:
        """Return its state."""
        if not self._openings:
            return "closed"
        return "half_open" if now >= self._opens_again_at else "open"

    def begin(self, now: int) -> bool:
        """Return whether a request may begin. In the half-open state one may, until its outcome is noted."""
        match self.state(now):
            case "closed":
                return True
            case "half_open" if not self._is_trying:
                self._is_trying = True
                return True
            case _:
                return False

    def ready_at(self) -> int:
        """Return when a request may begin at the earliest."""
        return self._opens_again_at if self._openings else 0

    def succeed(self) -> None:
        """Note that the receiver has answered as it should, even if it refused a delivery."""
        self._failures = self._openings = 0
        self._is_trying = False

    def fail(self, now: int, spread: float, after_ms: int | None = None) -> None:
        """Note that the receiver has failed; `after_ms`: how long it asks to be left alone, `spread`: from -1 to 1."""
        self._failures += 1
        if not self._openings and self._failures < FAILURES_TO_OPEN:
            return
        if self._openings and not self._is_trying:
            return  # begun before it opened
        self._openings += 1
        self._is_trying = False
        asked_ms = min(after_ms or 0, LONGEST_ASKED_MS)
        self._opens_again_at = now + max(min(step_ms(self._openings + 1, spread), LONGEST_PAUSE_MS), asked_ms)

    def reset(self) -> None:
        """Forget all failures: somebody says that the receiver is well."""
        self.succeed()

    def give_up(self) -> None:
        """Note that the request which was let through was broken off, and says nothing of the receiver."""
        self._is_trying = False
