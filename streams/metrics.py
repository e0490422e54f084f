"""What the worker counts and times; served on its metrics port. Labels are bounded: no identifier ever becomes one."""

from collections import Counter as Bag
from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

RECORDS = Counter("onefold_worker_records_total", "Records taken in by a stage", ["stage"])
RESOLVED = Counter("onefold_resolve_events_total", "Events by what became of them in RESOLVE", ["outcome"])
DECISIONS = Counter("onefold_graph_decisions_total", "Identity requests by what GRAPH decided", ["outcome"])
MERGES = Counter("onefold_graph_merges_total", "Profiles that GRAPH moved into another")
EVENTS = Counter("onefold_profile_events_total", "Events by what became of them in PROFILE", ["workspace", "outcome"])
COMMANDS = Counter("onefold_profile_commands_total", "Commands obeyed by PROFILE", ["command"])
CHANGES = Counter("onefold_segment_changes_total", "Segment entries and exits", ["workspace", "segment", "change"])
SESSIONS = Counter("onefold_sessions_total", "Sessions opened, closed and retracted", ["workspace", "status"])
CREATED = Counter("onefold_profiles_created_total", "Profiles that came into being", ["workspace"])
DEAD = Counter("onefold_dead_letters_total", "Records that could not be processed", ["stage", "reason"])
LATENCY = Histogram(
    "onefold_event_latency_seconds",
    "From receipt by the collector to the committed profile",
    ["workspace"],
    buckets=_SECONDS,
)
BATCH = Histogram(
    "onefold_batch_records", "Records in a batch", ["stage"], buckets=(1, 10, 50, 100, 500, 1_000, 2_000, 5_000, 20_000)
)
FOLD = Histogram("onefold_batch_fold_seconds", "Time to fold a batch", ["stage"], buckets=_SECONDS)
COMMIT = Histogram("onefold_batch_commit_seconds", "Time to commit a batch", ["stage"], buckets=_SECONDS)
RECOVERED = Counter("onefold_recovered_records_total", "Changelog records applied on start", ["stage"])
RECOVERY = Histogram("onefold_recovery_seconds", "Time to recover a partition", ["stage"], buckets=_SECONDS)
STORE_KEYS = Gauge("onefold_store_keys", "Estimated keys in a store", ["stage", "partition"])
STORE_BYTES = Gauge("onefold_store_disk_bytes", "Bytes of a store's files", ["stage", "partition"])
LAG = Gauge("onefold_worker_lag_records", "Records that wait to be processed", ["topic"])

Tally = Bag[tuple[Counter, tuple[str, ...]]]


def count(tally: Mapping[tuple[Counter, tuple[str, ...]], int]) -> None:
    """Add up what a committed batch has counted: by then it has happened, and one look-up serves many events."""
    for (counter, labels), number in tally.items():
        (counter.labels(*labels) if labels else counter).inc(number)


def batch(stage: str, records: int, fold_s: float, commit_s: float) -> None:
    """Note a committed batch."""
    RECORDS.labels(stage).inc(records)
    BATCH.labels(stage).observe(records)
    FOLD.labels(stage).observe(fold_s)
    COMMIT.labels(stage).observe(commit_s)


def recovered(stage: str, records: int, seconds: float) -> None:
    """Note a recovered partition."""
    RECOVERED.labels(stage).inc(records)
    RECOVERY.labels(stage).observe(seconds)


def store(stage: str, partition: int, keys: int, disk_bytes: int) -> None:
    """Note the size of a store."""
    STORE_KEYS.labels(stage, partition).set(keys)
    STORE_BYTES.labels(stage, partition).set(disk_bytes)
