"""When a delivery that has failed is attempted again. Pure: what is due lies in the store, nothing sleeps until then."""

STEPS_MS = (1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 10_800_000)
"""From an attempt to the next one, by how many there were; the last one goes on."""
SPREAD = 0.2
"""By which part a step is longer or shorter, so that what has failed together does not come again together."""
SHORTEST_MS = 1_000
"""A receiver that asks to come again at once is given a moment all the same."""


def next_attempt_at(
    attempts: int, first_attempt_at: int, now: int, after_ms: int | None, retry_for_ms: int, spread: float
) -> int | None:
    """Return when to attempt again (ms); None: no more, `retry_for_ms` after the first attempt.

    `attempts`: how many there were, at least 1. `after_ms`: how long the receiver asks to be left alone, if it does; it
    is taken at its word. `spread`: from -1 to 1, by chance. The last attempt is at the end of the time.
    """
    ends_at = first_attempt_at + retry_for_ms
    if now >= ends_at:
        return None
    if after_ms is not None:
        at = now + max(after_ms, SHORTEST_MS)
        return at if at <= ends_at else None
    return min(now + step_ms(attempts, spread), ends_at)


def step_ms(attempts: int, spread: float) -> int:
    """Return how long to wait after so many failures in a row, at least 1."""
    return round(STEPS_MS[min(attempts, len(STEPS_MS)) - 1] * (1 + SPREAD * spread))
