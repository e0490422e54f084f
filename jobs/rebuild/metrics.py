"""What the rebuilder counts and times; served on its metrics port."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800)

CHANGES = Counter(
    "onefold_rebuilder_changes",
    "Changes that requested a rebuild: rebuilt, superseded by a later one about the same profiles, or refused.",
    ["outcome"],
)
PROFILES = Counter("onefold_rebuilder_profiles", "Profiles whose events were replayed.")
REFUSED = Counter(
    "onefold_rebuilder_profiles_refused", "Profiles that still wait: a chunk of their replay became a dead letter."
)
EVENTS = Counter("onefold_rebuilder_events", "Events replayed.")
UNDECODABLE = Counter("onefold_rebuilder_undecodable", "Records of identity.changes that could not be decoded.")
REBUILD_S = Histogram(
    "onefold_rebuilder_rebuild_seconds", "From taking changes up to their rebuilt profiles.", buckets=_SECONDS
)
POSTPONED = Gauge(
    "onefold_rebuilder_changes_postponed",
    "Changes that wait for another try, since ClickHouse refuses a query about a profile's past.",
)
WAITING = Gauge("onefold_rebuilder_changes_waiting", "Changes taken up and not yet done.")
