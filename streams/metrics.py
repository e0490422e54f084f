"""What the worker counts and times; served on its metrics port. Labels are bounded: no identifier ever becomes one."""

from bisect import bisect_left
from collections import Counter as Bag
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)

RECORDS = Counter("onefold_worker_records_total", "Records taken in by a stage", ["stage"])
RESOLVED = Counter("onefold_resolve_events_total", "Events by what became of them in RESOLVE", ["outcome"])
REPAIRS = Counter(
    "onefold_worker_repairs_total",
    "Fields of events from Kafka that could not be kept as they were sent, by reason; the event names them",
    ["reason"],
)
IDENTIFIERS_UNUSED = Counter(
    "onefold_worker_identifiers_unused_total", "Unusable identifiers of events from Kafka, by reason", ["reason"]
)
DECISIONS = Counter("onefold_graph_decisions_total", "Identity requests by what GRAPH decided", ["outcome"])
IDENTITY_CHANGES = Counter("onefold_identity_changes_total", "What GRAPH decided, by kind", ["workspace", "kind"])
MERGES = Counter("onefold_graph_merges_total", "Profiles that GRAPH moved into another")
EVENTS = Counter("onefold_profile_events_total", "Events by what became of them in PROFILE", ["workspace", "outcome"])
COMMANDS = Counter("onefold_profile_commands_total", "Commands obeyed by PROFILE", ["command"])
MINED = Counter(
    "onefold_profile_mined_values_total",
    "Values that queries have found, by what became of them: changed, unchanged, ignored",
    ["workspace", "outcome"],
)
BUFFERED = Counter("onefold_profile_records_buffered_total", "Records that waited while their profile was rebuilt")
REBUILT = Counter("onefold_profiles_rebuilt_total", "Profiles that were rebuilt from their events", ["workspace"])
CHANGES = Counter("onefold_segment_changes_total", "Segment entries and exits", ["workspace", "segment", "change"])
WITHHELD = Counter(
    "onefold_activation_withheld_total",
    "Changes of segments that a destination is not sent: coalesced, or too_late for it",
    ["workspace", "destination", "reason"],
)
FIRED = Counter("onefold_triggers_fired_total", "Triggers that fired", ["workspace", "trigger"])
MISSED_TEXTS = Counter(
    "onefold_triggers_missed_texts_total",
    "Texts that payloads lack, since their templates failed on what was sent",
    ["workspace", "trigger"],
)
SESSIONS = Counter("onefold_sessions_total", "Sessions opened, closed and retracted", ["workspace", "status"])
CREATED = Counter("onefold_profiles_created_total", "Profiles that came into being", ["workspace"])
DROPPED = Counter(
    "onefold_profile_dropped_total",
    "Fields of events that a profile does not keep as sent, by what they are and why; the event has them whole",
    ["workspace", "field", "reason"],
)
MISTYPED = Counter(
    "onefold_definitions_mistyped_total",
    "Values of events that a definition compares with numbers, sums or unites, and that are of another type; or of"
    " consent, that say nothing",
    ["workspace", "what", "name"],
)
DEAD = Counter("onefold_dead_letters_total", "Records that could not be processed", ["stage", "reason"])
BATCH = Histogram(
    "onefold_batch_records", "Records in a batch", ["stage"], buckets=(1, 10, 50, 100, 500, 1_000, 2_000, 5_000, 20_000)
)
FOLD = Histogram("onefold_batch_fold_seconds", "Time to fold a batch", ["stage"], buckets=_SECONDS)
COMMIT = Histogram("onefold_batch_commit_seconds", "Time to commit a batch", ["stage"], buckets=_SECONDS)
RECOVERED = Counter("onefold_recovered_records_total", "Changelog records applied on start", ["stage"])
STANDBY = Counter("onefold_standby_records_total", "Changelog records applied to stores of others", ["stage"])
RECOVERY = Histogram("onefold_recovery_seconds", "Time to recover a partition", ["stage"], buckets=_SECONDS)
STORE_KEYS = Gauge("onefold_store_keys", "Estimated keys in a store", ["stage", "partition"])
STORE_BYTES = Gauge("onefold_store_disk_bytes", "Bytes of a store's files", ["stage", "partition"])
RULES = Gauge("onefold_identity_rules", "1 for the fingerprint of the rules of identity that are in force", ["version"])
HELD = Gauge("onefold_profile_events_held", "Late events that are held back until their profile settles", ["partition"])
DEFINITIONS = Gauge("onefold_definitions_version", "Version of the newest definitions that this worker knows")
LAG = Gauge("onefold_worker_lag_records", "Records that wait to be processed", ["topic"])


class _Latencies(Collector):
    """Takes a whole batch at once into a histogram: `Histogram.observe` costs 3 us, as much as decoding an event."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def observe(self, receipts: Iterable[tuple[str, int]], now: float) -> None:
        """Count events that became part of a profile `now` (s), by workspace and time of receipt (ms)."""
        for workspace, received_at in receipts:
            latency_s = max(0.0, now - received_at / 1000)
            counts = self._counts.get(workspace)
            if counts is None:
                counts = self._counts[workspace] = [0] * (len(_SECONDS) + 1)
                self._sums[workspace] = 0.0
            counts[bisect_left(_SECONDS, latency_s)] += 1
            self._sums[workspace] += latency_s

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the histogram. The registry calls it in the thread that serves the metrics."""
        family = HistogramMetricFamily(
            "onefold_event_latency_seconds", "From receipt by the collector to the committed profile",
            labels=["workspace"],
        )  # fmt: skip
        bounds = [*map(str, _SECONDS), "+Inf"]
        for workspace, counts in list(self._counts.items()):
            family.add_metric([workspace], list(zip(bounds, accumulate(counts), strict=True)), self._sums[workspace])
        yield family


LATENCY = _Latencies()
REGISTRY.register(LATENCY)

Tally = Bag[tuple[Counter, tuple[str, ...]]]


def count(tally: Mapping[tuple[Counter, tuple[str, ...]], int]) -> None:
    """Add up what a committed batch has counted: by then it has happened, and one look-up serves many events."""
    for (counter, labels), number in tally.items():
        (counter.labels(*labels) if labels else counter).inc(number)


def note_batch(stage: str, records: int, fold_s: float, commit_s: float) -> None:
    """Note a committed batch."""
    RECORDS.labels(stage).inc(records)
    BATCH.labels(stage).observe(records)
    FOLD.labels(stage).observe(fold_s)
    COMMIT.labels(stage).observe(commit_s)


def note_recovery(stage: str, records: int, seconds: float) -> None:
    """Note a recovered partition."""
    RECOVERED.labels(stage).inc(records)
    RECOVERY.labels(stage).observe(seconds)


def note_held(partition: int, events: int | None) -> None:
    """Note how many late events a partition of PROFILE holds back; None: it is another worker's now."""
    if events is None:
        HELD.remove(partition)
    else:
        HELD.labels(partition).set(events)


def note_store(stage: str, partition: int, keys: int, disk_bytes: int) -> None:
    """Note the size of a store."""
    STORE_KEYS.labels(stage, partition).set(keys)
    STORE_BYTES.labels(stage, partition).set(disk_bytes)
