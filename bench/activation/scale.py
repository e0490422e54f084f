"""How much is measured, and how what was measured is said."""

from collections.abc import Sequence
from typing import NamedTuple

RATE = 2_000
"""Live events a second, in every part."""


class Scale(NamedTuple):
    """`deadlines` of so many people in `within_s`; latencies over `steady_s`; a history of `events` by `people`."""

    deadlines: int
    within_s: float
    steady_s: float
    events: int
    people: int
    backfilled_within_s: float


WHOLE = Scale(100_000, 60.0, 60.0, 10_000_000, 1_000_000, 120.0)
SMALL = Scale(5_000, 3.0, 15.0, 500_000, 50_000, 30.0)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all lies at or below. Raises ValueError without any."""
    if not values:
        raise ValueError("nothing was measured")
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def described(what: str, taken_ms: Sequence[float]) -> str:
    """Say median, 99th percentile and maximum of latencies."""
    p50, p99, most = (quantile(taken_ms, share) for share in (0.5, 0.99, 1.0))
    return f"{what}: p50 {p50:,.0f} ms, p99 {p99:,.0f} ms, at most {most:,.0f} ms, of {len(taken_ms):,}"


def judged(line: str, is_reached: bool, required: str) -> str:
    """Say whether what was asked for is reached."""
    return f"{'reached' if is_reached else 'MISSED'} ({required}): {line}"
