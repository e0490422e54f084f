"""Exits by time: how long after its exact time each is on the topic, and what live events feel of so many of them."""

import time

from bench.activation.applying import apply
from bench.activation.listening import Listener
from bench.activation.live import ENTERED, Live
from bench.activation.scale import Scale, described, judged, quantile
from bench.workload import Sender
from definitions import Definitions, Segment
from definitions.model import Call, EventCount, EventMatcher, Window
from embedded.stack import Stack
from runtime.clock import now_ms
from schemas.records import Event, Identifier, SegmentChange
from settings import Settings

CALL = Call("track", "Video Started")
WINDOW_MS = 120_000
WATCHING = Segment("bench_watching", EventCount(EventMatcher((CALL,)), Window(WINDOW_MS)))
BACK_MS = 40_000
"""The first of them happened so long ago when it is sent: less than what counts as late."""
REQUIRED_MS = 5_000
WAIT_S = 120.0


def measure(stack: Stack, scale: Scale) -> list[str]:
    """Have so many people leave a segment within a minute, each at its own millisecond."""
    lags_ms, lines = _measure(stack, scale.deadlines, scale.within_s, scale.steady_s)
    is_reached = quantile(lags_ms, 0.99) < REQUIRED_MS
    return [judged(_said(scale.deadlines, scale.within_s, lags_ms), is_reached, "p99 under 5 s"), *lines]


def measure_burst(stack: Stack, scale: Scale) -> list[str]:
    """Have the same number of people leave within one second; nothing is required of this."""
    lags_ms, lines = _measure(stack, scale.deadlines, 1.0, scale.steady_s)
    return [_said(scale.deadlines, 1.0, lags_ms), *lines]


def _said(people: int, within_s: float, lags_ms: list[float]) -> str:
    return described(f"{people:,} exits in {within_s:g} s, lag", lags_ms)


def _measure(stack: Stack, people: int, within_s: float, steady_s: float) -> tuple[list[float], list[str]]:
    """Return how late each exit was (ms), and what live events felt."""
    settings = stack.settings
    apply(settings, Definitions(segments=(ENTERED, WATCHING)))
    live, lags_ms = Live(settings), list[float]()

    def take(change: SegmentChange, arrived_ns: int) -> None:
        if change.segment == WATCHING.name and change.change == "exited":
            lags_ms.append((time.time_ns() - time.monotonic_ns() + arrived_ns) / 1e6 - change.changed_at)
        live.take(change, arrived_ns)

    with Listener(settings, take), live:
        time.sleep(steady_s)
        alone = live.taken_ms()
        first_ms = _send(settings, people, within_s)
        _sleep_until(first_ms + WINDOW_MS)
        live.taken_ms()
        give_up_at = time.monotonic() + within_s + WAIT_S
        while len(lags_ms) < people and time.monotonic() < give_up_at:
            time.sleep(0.1)
        beside = live.taken_ms()
    if len(lags_ms) != people:
        raise RuntimeError(f"{len(lags_ms):,} of {people:,} people have left")
    return lags_ms, [
        described("entries by live events before", alone),
        described("entries by live events meanwhile", beside),
    ]


def _send(settings: Settings, people: int, within_s: float) -> int:
    """Send an event of each, all at once but with times spread evenly; return the time (ms) of the first."""
    sender, first_ms = Sender(settings), now_ms() - BACK_MS
    for number in range(people):
        at = first_ms + int(number * within_s * 1_000 / people)
        _sleep_until(at)
        now, who = now_ms(), (Identifier("user_id", f"watching-{number}"),)
        sender.send(
            Event("main", "bench", f"watching-{number}", "track", CALL.name, at, None, now, who, ordinal=at * 1_000)
        )
    sender.flush()
    return first_ms


def _sleep_until(at_ms: int) -> None:
    ahead_s = at_ms / 1_000 - time.time()
    if ahead_s > 0:
        time.sleep(ahead_s)
