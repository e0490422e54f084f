"""Entries by events: from the moment a request is due at the collector to a consumer of `segments`."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import msgspec

from bench.activation.applying import apply
from bench.activation.listening import Listener
from bench.activation.live import ENTERED, took_ms
from bench.activation.scale import RATE, Scale, described, judged, quantile
from bench.definitions import definitions_of
from bench.measure import Usage
from embedded.stack import Stack
from schemas.records import SegmentChange

DEFINITIONS = 200
CASES = ((True, 10), (False, 10), (True, 1))
"""Whether the definitions are spread over as many events as a company has (see `bench.definitions`), and calls in one
request: of a sender that batches, as SDKs on servers do, and of one that does not. That falls behind on two cores, and
so comes last."""
WARM_S = 45.0
"""At this rate before anything counts: a broker that has just started compiles itself for most of a minute."""
REQUIRED_MS = 250
PROCESSES = ("collector", "worker", "sink", "clickhouse", "kafka")


def measure(stack: Stack, scale: Scale) -> list[str]:
    """Send 2,000 events a second by HTTP, one in four of which has a person enter a segment, with 200 definitions."""
    return [line for spread, calls in CASES for line in _measured(stack, scale.steady_s, spread, calls)]


def _measured(stack: Stack, steady_s: float, spread: bool, calls: int) -> Iterator[str]:
    defined = definitions_of(DEFINITIONS - 1, spread)
    apply(stack.settings, msgspec.structs.replace(defined, segments=(*defined.segments, ENTERED)))
    run, taken_ms = uuid.uuid4().hex[:8], list[float]()

    def take(change: SegmentChange, arrived_ns: int) -> None:
        if change.segment == ENTERED.name and (ms := took_ms(change.cause, run, arrived_ns)) is not None:
            taken_ms.append(ms)

    usages = {name: Usage(stack.process(name).pid) for name in PROCESSES}
    command = [sys.executable, "-m", "bench.activation.requests", str(stack.options.ports.http), run]
    with Listener(stack.settings, take):
        sent = subprocess.run(
            [*command, str(RATE), str(WARM_S + steady_s), str(calls)], check=True, capture_output=True, text=True
        )
        wanted = int(RATE * (WARM_S + steady_s)) // 4
        _wait_for(taken_ms, wanted)
    counted = taken_ms[int(RATE * WARM_S) // 4 :]
    which = f"{DEFINITIONS} definitions, {'spread' if spread else 'all about the same events'}"
    what = f"{RATE:,} events/s in requests of {calls}, {which}, request to change"
    yield judged(described(what, counted), quantile(counted, 0.99) < REQUIRED_MS, "p99 under 250 ms")
    seconds = WARM_S + steady_s
    cores = ", ".join(f"{name} {usage.cpu_s() / seconds:.2f}" for name, usage in usages.items())
    yield f"cores that were used: {cores}"
    if int(sent.stdout):
        yield f"MISSED: {int(sent.stdout):,} requests were refused"


def _wait_for(taken_ms: list[float], number: int) -> None:
    give_up_at = time.monotonic() + 60
    while len(taken_ms) < number:
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{len(taken_ms):,} of {number:,} changes came")
        time.sleep(0.1)
