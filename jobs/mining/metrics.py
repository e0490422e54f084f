"""What refreshes of mined traits count and time; served on the rebuilder's metrics port."""

from prometheus_client import Counter, Histogram

_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

REFRESHES = Counter(
    "onefold_mining_refreshes", "Refreshes of mined traits by outcome: done, failed", ["workspace", "trait", "outcome"]
)
VALUES = Counter(
    "onefold_mining_values",
    "What queries found: profiles by what is different (same, changed, lost), unknown ids, and misfits",
    ["workspace", "trait", "outcome"],
)
DURATION_S = Histogram("onefold_mining_seconds", "From the start of a refresh to its end.", buckets=_SECONDS)
