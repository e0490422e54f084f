"""What the deliverer counts and times; served on its metrics port. Labels are bounded: destinations and outcomes."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from sinks.delivery.outlet import Outlet

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_BREAKER = {"closed": 0, "half_open": 1, "open": 2}

DELIVERIES = Counter(
    "onefold_deliveries", "Attempts, and what was not sent, by what became of them.", ["destination", "outcome"]
)
REASONS = Counter(
    "onefold_deliveries_reasons", "Why deliveries were not delivered, or not yet.", ["destination", "reason"]
)
ADMITTED = Counter("onefold_deliveries_admitted", "Changes and triggers that came for destinations.", ["destination"])
CONSENTS = Counter("onefold_deliverer_consents", "Records of what people have said that were read.")
DEAD = Counter("onefold_deliverer_dead_letters", "Records that could not be read and became a dead letter.", ["reason"])
WAITING = Gauge("onefold_deliveries_waiting", "Deliveries that wait or are under way.", ["destination", "partition"])
OLDEST_S = Gauge(
    "onefold_deliveries_oldest_seconds", "For how long the oldest delivery waits.", ["destination", "partition"]
)
BREAKER = Gauge("onefold_deliveries_breaker", "The circuit breaker: 0 closed, 1 half open, 2 open.", ["destination"])
PAUSED = Gauge("onefold_deliveries_paused", "1 while an operator has paused a destination.", ["destination"])
UNAUTHORISED = Gauge(
    "onefold_deliveries_unauthorised",
    "1 while a destination does not accept its credentials, or cannot be opened.",
    ["destination"],
)
ATTEMPT_S = Histogram(
    "onefold_deliveries_attempt_seconds", "Duration of one request.", ["destination"], buckets=_SECONDS
)
RETRIES = Counter("onefold_deliverer_retries", "Attempts that failed and were repeated.", ["step"])
COMMIT_S = Histogram("onefold_deliverer_commit_seconds", "Duration of one commit.", buckets=_SECONDS)
DELAY_S = Histogram(
    "onefold_deliveries_delay_seconds",
    "From the moment at which a change was decided to the end of its first attempt; of a request the longest.",
    ["destination"],
    buckets=_SECONDS,
)


def note_attempt(destination: str, took_s: float, decided_at: Iterable[int], now: int) -> None:
    """Count a request that has ended; `decided_at`: when (ms) what it has attempted for the first time was decided."""
    ATTEMPT_S.labels(destination).observe(took_s)
    earliest = min(decided_at, default=None)
    if earliest is not None:
        DELAY_S.labels(destination).observe((now - earliest) / 1000)


def note_waiting(partition: int, waiting: Mapping[str, tuple[int, float]]) -> None:
    """Show how many deliveries wait in a partition, and for how long the oldest does: of these destinations alone."""
    for name, (number, oldest_s) in waiting.items():
        WAITING.labels(name, partition).set(number)
        OLDEST_S.labels(name, partition).set(oldest_s)
    for gauge in (WAITING, OLDEST_S):
        for labels in _labels(gauge):
            if labels["partition"] == str(partition) and labels["destination"] not in waiting:
                gauge.remove(*labels.values())


def forget(partition: int) -> None:
    """Show nothing of a partition that is another process's from now on."""
    note_waiting(partition, {})


def note_outlets(outlets: "Mapping[str, Outlet]") -> None:
    """Show the state of the limits: of these destinations alone."""
    for name, outlet in outlets.items():
        BREAKER.labels(name).set(_BREAKER[outlet.breaker])
        PAUSED.labels(name).set(outlet.is_paused)
        UNAUTHORISED.labels(name).set(bool(outlet.unauthorised))
        for outcome in ("delivered", "refused"):
            DELIVERIES.labels(name, outcome)  # begins at 0: Prometheus knows of no increase before its first value
    for gauge in (BREAKER, PAUSED, UNAUTHORISED):
        for labels in _labels(gauge):
            if labels["destination"] not in outlets:
                gauge.remove(labels["destination"])


def _labels(gauge: Gauge) -> list[dict[str, str]]:
    """Return the labels of every series of a gauge."""
    return [each.labels for metric in gauge.collect() for each in metric.samples]
