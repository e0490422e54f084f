"""What back-fills count and time; served on the rebuilder's metrics port."""

from prometheus_client import Counter, Histogram

_SECONDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 1_800)

PROFILES = Counter("onefold_backfill_profiles", "Profiles that got what new definitions need of the past.")
POSTPONED = Counter(
    "onefold_backfills_postponed",
    "Back-fills that are tried again after a minute, by what they wait for: query, seeds, rebuild.",
    ["workspace", "reason"],
)
LEFT_OUT = Counter(
    "onefold_backfill_profiles_left_out",
    "Profiles that lack some of what new definitions need of the past, as it is more than a record holds.",
    ["workspace"],
)
DURATION_S = Histogram("onefold_backfill_seconds", "From the start of a back-fill to its end.", buckets=_SECONDS)
