"""When a delivery that has failed is attempted again. Pure: what is due lies in the store, nothing sleeps for it."""

STEPS_MS = (1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 10_800_000)
"""From an attempt to the next one, by how many there were; the last one goes on."""
SPREAD = 0.2
"""By which part a step is longer or shorter, so that what has failed together does not come again together."""
SHORTEST_MS = 1_000
"""A receiver that asks to come again at once is given a moment all the same."""


def next_attempt_at(attempts: int, now: int, retry_until: int, after_ms: int | None, spread: float) -> int | None:
    """Return when to attempt again; None: no more. Times in ms.

    `attempts`: how many there were, at least 1. `retry_until`: the end of the time for it. `after_ms`: how long the
    receiver asks to be left alone, if it does; it is taken at its word. `spread`: from -1 to 1, by chance. The last
    attempt is at the end of the time, also where the receiver asks for more.
    """
    if now >= retry_until:
        return None
    wait_ms = step_ms(attempts, spread) if after_ms is None else max(after_ms, SHORTEST_MS)
    return min(now + wait_ms, retry_until)


def step_ms(attempts: int, spread: float) -> int:
    """Return how long to wait after so many failures in a row, at least 1."""
    return round(STEPS_MS[min(attempts, len(STEPS_MS)) - 1] * (1 + SPREAD * spread))
