"""The topics: names, what they carry, how they are kept. Creating them is `runtime.kafka.topics`."""

from collections.abc import Iterable

import msgspec

from runtime.kafka.clients import MAX_RECORD_BYTES
from schemas import records

EVENTS = "events"
EVENTS_RESOLVED = "events.resolved"
EVENTS_REPEATED = "events.repeated"
EVENTS_REJECTED = "events.rejected"
EVENTS_DEAD = "events.dead"
IDENTITY_REQUESTS = "identity.requests"
IDENTITY_LINKS = "identity.links"
IDENTITY_ROUTES = "identity.routes"
IDENTITY_CHANGES = "identity.changes"
PROFILE_COMMANDS = "profile.commands"
PROFILES = "profiles"
SESSIONS = "sessions"
SEGMENTS = "segments"
TRIGGERS = "triggers"
DELIVERIES = "deliveries"
CONSENTS = "consents"
DEFINITIONS = "definitions"
"""Carries JSON (`definitions.sets`), on one partition."""

TRIGGERS_ACROSS = "triggers.across"
"""Carries JSON (`definitions.across.remembered`), on one partition: what is remembered of triggers across persons."""

DELIVERIES_CONTROL = "deliveries.control"
"""Carries JSON (`schemas.delivery_control`), on one partition: which destinations are sent nothing, and why."""

RECORD_OF: dict[str, type[msgspec.Struct]] = {
    EVENTS: records.Event,
    EVENTS_RESOLVED: records.Event,
    EVENTS_REPEATED: records.Repetition,
    EVENTS_REJECTED: records.RejectedEvent,
    EVENTS_DEAD: records.DeadLetter,
    IDENTITY_REQUESTS: records.IdentityRequest,
    IDENTITY_LINKS: records.Link,
    IDENTITY_ROUTES: records.Route,
    IDENTITY_CHANGES: records.IdentityChange,
    PROFILE_COMMANDS: records.ProfileCommand,
    PROFILES: records.Profile,
    SESSIONS: records.Session,
    SEGMENTS: records.SegmentChange,
    TRIGGERS: records.FiredTrigger,
    DELIVERIES: records.DeliveryAttempt,
    CONSENTS: records.ConsentChange,
}

APP = "onefold"
TABLES = ("identifiers", "graph", "profiles")
DELIVERY_LINES = "deliveries"
"""The table of the deliverer."""

MAX_EVENT_BYTES = 1_000_000
_COMPACTED = frozenset({IDENTITY_LINKS, IDENTITY_ROUTES, PROFILES})
_KEPT_FOR_EVER = {"retention.ms": "-1"}
_FOR_EVER = frozenset({EVENTS, EVENTS_RESOLVED, EVENTS_REPEATED, EVENTS_DEAD, IDENTITY_CHANGES, CONSENTS})
_WEEK = {"retention.ms": str(7 * 24 * 3600 * 1000)}


def topic_of(record: type[msgspec.Struct]) -> str:
    """Return the first topic that carries a record."""
    return next(topic for topic, carried in RECORD_OF.items() if carried is record)


def activation(destination: str) -> str:
    """Return the topic from which a destination is served; carries SegmentChange and FiredTrigger."""
    return f"activation.{destination}"


def changelog(table: str) -> str:
    """Return the changelog topic of a table of the worker or the deliverer."""
    return f"{APP}-{table}-changelog"


def configurations(destinations: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """Map topic name -> broker settings, for all topics of one installation."""
    wanted = {topic: _configuration(topic) for topic in RECORD_OF}
    wanted |= activations(destinations)
    wanted |= {changelog(table): _compacted() for table in (*TABLES, DELIVERY_LINES)}
    return wanted


def activations(destinations: Iterable[str]) -> dict[str, dict[str, str]]:
    """Map topic name -> broker settings, for the topics from which destinations are served."""
    return {topic: _configuration(topic) for topic in map(activation, destinations)}


def single_partition_configuration() -> dict[str, str]:
    """Return the broker settings of `definitions`, `triggers.across` and `deliveries.control`, which are read whole."""
    return _compacted()


def _configuration(topic: str) -> dict[str, str]:
    if topic in _COMPACTED:
        return _compacted()
    size = MAX_EVENT_BYTES + 50_000 if topic == EVENTS else MAX_RECORD_BYTES
    kept = _KEPT_FOR_EVER if topic in _FOR_EVER else _WEEK
    return kept | {"cleanup.policy": "delete", "max.message.bytes": str(size)}


def _compacted() -> dict[str, str]:
    """Deletions are kept for a week: whoever was away for less than that hears of them."""
    return {
        "cleanup.policy": "compact",
        "max.message.bytes": str(MAX_RECORD_BYTES),
        "segment.ms": "3600000",
        "delete.retention.ms": _WEEK["retention.ms"],
    }
