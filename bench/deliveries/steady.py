"""Live deliveries at a steady rate, and what a deliverer says meanwhile of what waits."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx

from bench.activation.scale import quantile
from bench.deliveries.world import TopicRecord, World

WITHIN_S = 600.0
WARM = 200
LOOK_EVERY_S = 0.5
FLOOD_RATE = 20_000
FIRST_S = 1.0
"""What is sent so early does not count."""


class Steady(NamedTuple):
    """Live deliveries to a destination: so many a second. `prefix`: of their causes; each run has its own."""

    destination: str
    rate: int
    prefix: str


def warm(bench: World, name: str = "hook") -> None:
    """Have a destination receive something."""
    for person in range(WARM):
        bench.send(name, person, "w")
    bench.flush()
    wait(lambda: len(bench.received("w")) >= WARM, "the first deliveries")


def send_steadily(
    bench: World, live: Sequence[Steady], is_over: Callable[[], bool], flood: Sequence[TopicRecord] = ()
) -> None:
    """Send to several destinations, each at its rate, until something holds; return once all have come.

    `flood`: what is sent besides from the beginning on, at `FLOOD_RATE`.
    """
    started, looked_at, sent, flooded = time.monotonic(), time.monotonic(), [0] * len(live), 0
    while True:
        now = time.monotonic()
        if now - looked_at > LOOK_EVERY_S:
            looked_at = now
            if is_over():
                break
        for place, each in enumerate(live):
            while sent[place] < (now - started) * each.rate:
                bench.send(each.destination, sent[place], each.prefix)
                sent[place] += 1
        while flooded < min((now - started) * FLOOD_RATE, len(flood)):
            bench.put(flood[flooded])
            flooded += 1
        bench.poll()
        time.sleep(1 / max(each.rate for each in live))
    bench.flush()
    for number, each in zip(sent, live, strict=True):
        wait(lambda of=each, until=number: len(bench.received(of.prefix)) >= until, "all live deliveries")  # type: ignore[misc]


def for_seconds(seconds: float) -> Callable[[], bool]:
    """Return what holds once the first second and so many more have passed."""
    until = time.monotonic() + FIRST_S + seconds
    return lambda: time.monotonic() > until


def taken_ms(bench: World, live: Steady) -> list[float]:
    """Return how long each delivery took, but those of the first second."""
    received = sorted(bench.received(live.prefix))
    first = received[0].sent + FIRST_S * 1e9
    return [(each.came - each.sent) / 1e6 for each in received if each.sent >= first]


def p99_of(bench: World, live: Steady, seconds: float) -> float:
    """Send for a while; return the 99th percentile of what each delivery took (ms)."""
    send_steadily(bench, [live], for_seconds(seconds))
    return quantile(taken_ms(bench, live), 0.99)


def waiting(bench: World, name: str) -> int:
    """Return how many deliveries of a destination wait, as the deliverer's gauge says, every few seconds."""
    return _metric(bench, "onefold_deliveries_waiting", name)


def admitted(bench: World, name: str) -> int:
    """Return how many deliveries of a destination were admitted since the deliverer has started."""
    return _metric(bench, "onefold_deliveries_admitted_total", name)


def _metric(bench: World, metric: str, name: str) -> int:
    text = httpx.get(f"http://127.0.0.1:{bench.stack.options.ports.deliverer_metrics}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith(f'{metric}{{destination="{name}"')]
    return round(sum(float(line.rpartition(" ")[2]) for line in lines))


def rss_mb(bench: World) -> float:
    """Return the memory of the deliverer."""
    return float(bench.deliverer.memory_info().rss) / 1e6


def wait(condition: Callable[[], bool], what: str) -> None:
    """Return once something holds; end the run if it does not in time."""
    until = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"waited {WITHIN_S:.0f} s for {what}")
        time.sleep(LOOK_EVERY_S)
