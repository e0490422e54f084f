"""`python -m bench.deliveries`: how many webhooks a deliverer sends, how soon, beside one that hangs, in what memory.

The deliverer, Kafka, the sender and the receiver share the machine; CPU is the deliverer's own.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.activation.scale import described, judged, quantile
from bench.deliveries import isolation, outage
from bench.deliveries.steady import Steady, for_seconds, rss_mb, send_steadily, taken_ms, wait, waiting, warm
from bench.deliveries.world import World, world

RATE_REQUIRED, BATCH_RATE_REQUIRED = 1_500.0, 10_000.0
LATENCY_REQUIRED_MS, LATENCY_RATE = 500.0, 500
MEMORY_REQUIRED_MB, WAITING_REQUIRED = 500, 1_000_000
TOGETHER = 25
"""Events of one request."""


def main() -> int:
    """Measure and print; 1 when something is not as fast as is asked for."""
    arguments = argparse.ArgumentParser(prog="python -m bench.deliveries", description=__doc__)
    arguments.add_argument("--small", action="store_true", help="a tenth of everything but the rates")
    arguments.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), help="some of the parts")
    chosen, missed = arguments.parse_args(), 0
    for name in chosen.only:
        with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
            for line in PARTS[name](Path(folder), 0.1 if chosen.small else 1.0):
                print(f"{name}: {line}", flush=True)
                missed += line.startswith("MISSED")
    return 1 if missed else 0


def _throughput(folder: Path, scale: float) -> Iterator[str]:
    yield from _rate(folder, "hook", round(60_000 * scale), RATE_REQUIRED)


def _batches(folder: Path, scale: float) -> Iterator[str]:
    yield from _rate(folder, "batches", round(200_000 * scale), BATCH_RATE_REQUIRED)


def _rate(folder: Path, name: str, number: int, required: float) -> Iterator[str]:
    with world(folder, name) as bench:
        warm(bench, name)
        cpu_s = _cpu_s(bench)
        for person in range(number):
            bench.send(name, person, "t")
        bench.flush()
        wait(lambda: len(bench.received("t")) >= number, "all deliveries")
        came = [each.came for each in bench.received("t")]
        per_s = number / ((max(came) - min(came)) / 1e9)
        cpu_us = (_cpu_s(bench) - cpu_s) / number * 1e6
        # What one core does: the machine has others, and the rest of them is somebody else's.
        yield f"{per_s:,.0f} deliveries/s, {cpu_us:,.0f} us of CPU each: {1e6 / cpu_us:,.0f} a second of one core"
        yield judged(
            f"{min(per_s, 1e6 / cpu_us):,.0f}", min(per_s, 1e6 / cpu_us) >= required, f"{required:,.0f} a second"
        )


def _latency(folder: Path, scale: float) -> Iterator[str]:
    with world(folder, "hook") as bench:
        warm(bench)
        live = Steady("hook", LATENCY_RATE, "l")
        send_steadily(bench, [live], for_seconds(60 * scale))
        taken = taken_ms(bench, live)
        yield described(f"from the topic to the socket at {LATENCY_RATE}/s", taken)
        p99 = quantile(taken, 0.99)
        yield judged(f"p99 {p99:,.0f} ms", p99 < LATENCY_REQUIRED_MS, "500 ms from the event, so less than that here")


def _event(folder: Path, scale: float) -> Iterator[str]:
    with world(folder, "hook", is_whole=True) as bench:
        number = round(60 * scale * LATENCY_RATE)
        for prefix in ("w", "e"):  # the first run warms up
            started = time.monotonic()
            for first in range(0, number, TOGETHER):
                bench.track(range(first, first + TOGETHER), prefix)
                time.sleep(max(started + (first + TOGETHER) / LATENCY_RATE - time.monotonic(), 0))
            wait(lambda of=prefix: len(bench.received(of)) >= number, "all deliveries")  # type: ignore[misc]
        taken = [(each.came - each.sent) / 1e6 for each in bench.received("e")]
        yield described(f"from the request to the socket at {LATENCY_RATE}/s", taken)
        p99 = quantile(taken, 0.99)
        yield judged(f"p99 {p99:,.0f} ms", p99 < LATENCY_REQUIRED_MS, "500 ms")


def _memory(folder: Path, scale: float) -> Iterator[str]:
    number = round(WAITING_REQUIRED * scale)
    with world(folder, "hook", "hanging") as bench:
        warm(bench)
        for person in range(number):
            bench.send("hanging", person)
        bench.flush()
        bench.send("hanging", number)
        wait(lambda: waiting(bench, "hanging") >= number, "all to wait")
        mb = rss_mb(bench)
        yield judged(f"{number:,} wait in {mb:,.0f} MB", mb < MEMORY_REQUIRED_MB, "a million in 500 MB")


PARTS: dict[str, Callable[[Path, float], Iterator[str]]] = {
    "throughput": _throughput,
    "batches": _batches,
    "latency": _latency,
    "event": _event,
    "outage": outage.measure,
    "isolation": isolation.measure,
    "memory": _memory,
}


def _cpu_s(bench: World) -> float:
    times = bench.deliverer.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    sys.exit(main())
