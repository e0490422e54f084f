"""What is counted and timed of triggers across persons; served on the rebuilder's metrics port."""

from prometheus_client import Counter, Gauge, Histogram

FIRED = Counter("onefold_across_fired", "Triggers across persons that fired.", ["workspace", "trigger"])
WITHHELD = Counter(
    "onefold_across_withheld",
    "Triggers across persons that came too late for a destination.",
    ["workspace", "destination"],
)
MISSED_TEXTS = Counter(
    "onefold_across_missed_texts",
    "Texts that payloads of triggers across persons lack, since their templates failed.",
    ["workspace", "trigger"],
)
FAILED = Counter(
    "onefold_across_failed",
    "Times that a trigger across persons could not be evaluated or published, and waits for its next tick.",
    ["workspace", "trigger"],
)
DELAY_S = Gauge(
    "onefold_across_delay_seconds",
    "On the wall clock, how long ago the tick was that was evaluated last.",
    ["workspace", "trigger"],
)
QUERY_S = Histogram(
    "onefold_across_query_seconds",
    "How long the queries of a tick, or of a range of ticks, take.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
