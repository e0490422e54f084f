"""What the sink counts and times; served on its metrics port."""

from prometheus_client import Counter, Gauge, Histogram

_SIZES = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 50_000, 100_000)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

ROWS = Counter("onefold_sink_rows", "Rows accepted by ClickHouse.", ["table"])
DEAD = Counter(
    "onefold_sink_dead_letters", "Records that could not be decoded and became a dead letter.", ["topic", "reason"]
)
DROPPED = Counter("onefold_sink_dropped", "Records of events.dead that could not be decoded either.", ["reason"])
RETRIES = Counter("onefold_sink_retries", "Attempts that failed and were repeated.", ["step"])
BATCH_ROWS = Histogram("onefold_sink_batch_rows", "Rows of one insert.", ["table"], buckets=_SIZES)
INSERT_S = Histogram("onefold_sink_insert_seconds", "Duration of one insert.", ["table"], buckets=_SECONDS)
LATENCY_S = Histogram(
    "onefold_sink_event_latency_seconds",
    "From accepting an event to its row; a sample of each batch.",
    buckets=_SECONDS,
)
IN_FLIGHT = Gauge("onefold_sink_batches_in_flight", "1 while a batch is being written.")
LAG = Gauge("onefold_sink_lag_records", "Records not yet in ClickHouse.", ["topic"])
