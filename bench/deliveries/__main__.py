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
from bench.deliveries.world import World, world

RATE_REQUIRED, BATCH_RATE_REQUIRED = 1_500.0, 10_000.0
LATENCY_REQUIRED_MS, LATENCY_RATE = 500.0, 500
ISOLATION_REQUIRED = 1.10
MEMORY_REQUIRED_MB, WAITING_REQUIRED = 500, 1_000_000
WITHIN_S = 600.0
WARM = 200
HANGING = 20_000
OUTAGE = 720_000
"""200 a second for an hour."""
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
        _warm(bench, name)
        cpu_s = _cpu_s(bench)
        for person in range(number):
            bench.send(name, person, "t")
        bench.flush()
        _await(lambda: len(bench.received("t")) >= number, "all deliveries")
        came = [at for _, at in bench.received("t")]
        per_s = number / ((max(came) - min(came)) / 1e9)
        cpu_us = (_cpu_s(bench) - cpu_s) / number * 1e6
        # What one core does: the machine has others, and the rest of them is somebody else's.
        yield f"{per_s:,.0f} deliveries/s, {cpu_us:,.0f} us of CPU each: {1e6 / cpu_us:,.0f} a second of one core"
        yield judged(
            f"{min(per_s, 1e6 / cpu_us):,.0f}", min(per_s, 1e6 / cpu_us) >= required, f"{required:,.0f} a second"
        )


def _latency(folder: Path, scale: float) -> Iterator[str]:
    with world(folder, "hook") as bench:
        _warm(bench)
        taken = _steady(bench, 60 * scale, "l")
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
            _await(lambda of=prefix: len(bench.received(of)) >= number, "all deliveries")  # type: ignore[misc]
        taken = [(came - sent) / 1e6 for sent, came in bench.received("e")]
        yield described(f"from the request to the socket at {LATENCY_RATE}/s", taken)
        p99 = quantile(taken, 0.99)
        yield judged(f"p99 {p99:,.0f} ms", p99 < LATENCY_REQUIRED_MS, "500 ms")


def _outage(folder: Path, scale: float) -> Iterator[str]:
    number = round(OUTAGE * scale)
    with world(folder, "hook", "down") as bench:
        _warm(bench)
        alone = quantile(_steady(bench, 60 * scale, "a"), 0.99)
        bench.take_down(is_down=True)
        for person in range(number):
            bench.send("down", person, "d")
        bench.flush()
        _await(lambda: _waiting(bench, "down") >= number, "all to wait")
        bench.take_down(is_down=False)
        beside = quantile(_steady(bench, 60 * scale, "b"), 0.99)
        _await(lambda: len(bench.received("d")) >= number, "all that waited")
        came = [at for _, at in bench.received("d")]
        per_s = number / ((max(came) - min(came)) / 1e9)
        yield f"{number:,} that waited drained at {per_s:,.0f} a second beside {LATENCY_RATE} live ones"
        yield f"p99 of the live ones {beside:,.0f} ms meanwhile, {alone:,.0f} ms alone"


def _isolation(folder: Path, scale: float) -> Iterator[str]:
    with world(folder, "hook", "hanging") as bench:
        _warm(bench)
        alone = quantile(_steady(bench, 60 * scale, "a"), 0.99)
        for person in range(HANGING):
            bench.send("hanging", person)
        bench.flush()
        _await(lambda: _waiting(bench) >= HANGING, "all to wait")
        beside = quantile(_steady(bench, 60 * scale, "b"), 0.99)
        text = f"p99 {alone:,.0f} ms alone, {beside:,.0f} ms beside a receiver that hangs: {beside / alone:.2f}"
        yield judged(text, beside / alone < ISOLATION_REQUIRED, "1.10")


def _memory(folder: Path, scale: float) -> Iterator[str]:
    number = round(WAITING_REQUIRED * scale)
    with world(folder, "hook", "hanging") as bench:
        _warm(bench)
        for person in range(number):
            bench.send("hanging", person)
        bench.flush()
        bench.send("hanging", number)
        _await(lambda: _waiting(bench) >= number, "all to wait")
        mb = bench.deliverer.memory_info().rss / 1e6
        yield judged(f"{number:,} wait in {mb:,.0f} MB", mb < MEMORY_REQUIRED_MB, "a million in 500 MB")


PARTS: dict[str, Callable[[Path, float], Iterator[str]]] = {
    "throughput": _throughput,
    "batches": _batches,
    "latency": _latency,
    "event": _event,
    "outage": _outage,
    "isolation": _isolation,
    "memory": _memory,
}


def _steady(bench: World, for_s: float, prefix: str) -> list[float]:
    """Send at a steady rate; return how long each delivery took, in ms, but those of the first second."""
    started, number = time.monotonic(), round((for_s + 1) * LATENCY_RATE)
    for person in range(number):
        bench.send("hook", person, prefix)
        bench.poll()
        time.sleep(max(started + person / LATENCY_RATE - time.monotonic(), 0))
    bench.flush()
    _await(lambda: len(bench.received(prefix)) >= number, "all deliveries")
    taken = sorted(bench.received(prefix))
    return [(came - sent) / 1e6 for sent, came in taken[LATENCY_RATE:]]


def _warm(bench: World, name: str = "hook") -> None:
    for person in range(WARM):
        bench.send(name, person, "w")
    bench.flush()
    _await(lambda: len(bench.received("w")) >= WARM, "the first deliveries")


def _waiting(bench: World, name: str = "hanging") -> int:
    import httpx

    text = httpx.get(f"http://127.0.0.1:{bench.stack.options.ports.deliverer_metrics}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith(f'onefold_deliveries_waiting{{destination="{name}"')]
    return round(sum(float(line.rpartition(" ")[2]) for line in lines))


def _cpu_s(bench: World) -> float:
    times = bench.deliverer.cpu_times()
    return times.user + times.system


def _await(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > until:
            raise SystemExit(f"waited {WITHIN_S:.0f} s for {what}")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
