"""What one destination feels of another one that hangs: while deliveries for that come in, and while they wait."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.activation.scale import described, judged, quantile
from bench.deliveries.steady import (
    Steady,
    admitted,
    for_seconds,
    p99_of,
    send_steadily,
    taken_ms,
    wait,
    waiting,
    warm,
)
from bench.deliveries.world import ReceivedDelivery, TopicRecord, World, world

REQUIRED = 1.10
RATE = 500
FLOOD = 20_000
FLOODS = 3
"""So often they come in: once takes a few seconds."""


def measure(folder: Path, scale: float) -> Iterator[str]:
    """Compare latencies with those of the destination alone, in one run."""
    with world(folder, "hook", "hanging") as bench:
        warm(bench)
        alone_ms = _alone(bench, 60 * scale)
        yield described("alone", alone_ms)
        coming_ms = [each for turn in range(FLOODS) for each in _flooded(bench, turn)]
        yield described(f"while {FLOOD:,} come in, {FLOODS} times", coming_ms)
        yield _compared("while deliveries for a receiver that hangs come in", alone_ms, coming_ms)
        wait(lambda: waiting(bench, "hanging") >= FLOODS * FLOOD, "all to wait")
        beside = Steady("hook", RATE, "b")
        send_steadily(bench, [beside], for_seconds(60 * scale))
        yield _compared(f"while {FLOODS * FLOOD:,} of them wait", alone_ms, taken_ms(bench, beside))


def _alone(bench: World, seconds: float) -> list[float]:
    p99_of(bench, Steady("hook", RATE, "v"), seconds / 2)  # what has just started is slow
    live = Steady("hook", RATE, "a")
    send_steadily(bench, [live], for_seconds(seconds))
    return taken_ms(bench, live)


def _flooded(bench: World, turn: int) -> list[float]:
    """Send live deliveries until all of a flood are admitted; return how long those took (ms)."""
    flood: list[TopicRecord] = [bench.record("hanging", turn * FLOOD + person) for person in range(FLOOD)]
    live, before = Steady("hook", RATE, f"f{chr(ord('a') + turn)}"), admitted(bench, "hanging")
    send_steadily(bench, [live], lambda: admitted(bench, "hanging") - before >= FLOOD, flood)
    received: Sequence[ReceivedDelivery] = bench.received(live.prefix)
    return [(each.came - each.sent) / 1e6 for each in received]


def _compared(when: str, alone_ms: list[float], beside_ms: list[float]) -> str:
    alone, beside = (quantile(each, 0.99) for each in (alone_ms, beside_ms))
    text = f"p99 {alone:,.0f} ms alone, {beside:,.0f} ms {when}: {beside / alone:.2f}"
    return judged(text, beside / alone < REQUIRED, f"{REQUIRED:.2f}")
