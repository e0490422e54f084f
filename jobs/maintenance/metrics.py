"""What maintenance counts and times; served on its metrics port."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 7_200)

STEPS = Counter("onefold_maintenance_steps", "Steps that were run: done, or failed.", ["step", "outcome"])
STEP_S = Histogram("onefold_maintenance_step_seconds", "How long a step took.", ["step"], buckets=_SECONDS)
DONE_AT = Gauge("onefold_maintenance_done_timestamp_seconds", "When a step was last done.", ["step"])
