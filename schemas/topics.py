"""The topics: names, what they carry, how they are kept, and their creation."""

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas import records
from settings import Settings

EVENTS = "events"
EVENTS_RESOLVED = "events.resolved"
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

RECORD_OF: dict[str, type[msgspec.Struct]] = {
    EVENTS: records.Event,
    EVENTS_RESOLVED: records.Event,
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
    TRIGGERS: records.Trigger,
}

APP = "onefold"
TABLES = ("identifiers", "graph", "profiles")

MAX_EVENT_BYTES = 1_000_000
MAX_RECORD_BYTES = 8_000_000  # commands and dead letters wrap a whole event or a whole state
_COMPACTED = frozenset({IDENTITY_LINKS, IDENTITY_ROUTES, PROFILES})
_KEPT_FOR_EVER = {"retention.ms": "-1"}
_WEEK = {"retention.ms": str(7 * 24 * 3600 * 1000)}

# Co-partitioning with murmur2, as the Java client and aiokafka do; librdkafka's own default is another function.
PRODUCER_CONFIG: dict[str, str | int | float | bool] = {
    "partitioner": "murmur2_random",
    "message.max.bytes": MAX_RECORD_BYTES,
    "enable.idempotence": True,
    "acks": "all",
}


def topic_of(record: type[msgspec.Struct]) -> str:
    """The first topic that carries a record."""
    return next(topic for topic, carried in RECORD_OF.items() if carried is record)


def activation(destination: str) -> str:
    """The topic from which a destination is served; carries SegmentChange and Trigger."""
    return f"activation.{destination}"


def changelog(table: str) -> str:
    """The changelog topic of a table of the worker."""
    return f"{APP}-{table}-changelog"


def configurations(destinations: tuple[str, ...] = ()) -> dict[str, dict[str, str]]:
    """Topic name -> broker settings, for all topics of one installation."""
    wanted = {topic: _configuration(topic) for topic in RECORD_OF}
    wanted |= {activation(name): _WEEK | {"cleanup.policy": "delete"} for name in destinations}
    wanted |= {changelog(table): _compacted() for table in TABLES}
    return wanted


def create(settings: Settings, destinations: tuple[str, ...] = (), timeout_s: float = 30.0) -> None:
    """Create the topics that do not exist yet. Raises KafkaException when the broker refuses or cannot be reached."""
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 0})
    existing = admin.list_topics(timeout=timeout_s).topics
    missing = [
        NewTopic(name, num_partitions=settings.partitions, replication_factor=settings.replication, config=config)
        for name, config in configurations(destinations).items()
        if name not in existing
    ]
    if not missing:
        return
    for future in admin.create_topics(missing, operation_timeout=timeout_s).values():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _configuration(topic: str) -> dict[str, str]:
    if topic in _COMPACTED:
        return _compacted()
    size = MAX_EVENT_BYTES + 50_000 if topic == EVENTS else MAX_RECORD_BYTES
    kept = _KEPT_FOR_EVER if topic in {EVENTS, EVENTS_RESOLVED, EVENTS_DEAD, IDENTITY_CHANGES} else _WEEK
    return kept | {"cleanup.policy": "delete", "max.message.bytes": str(size)}


def _compacted() -> dict[str, str]:
    """Deletions are kept for a week: whoever was away for less than that hears of them."""
    return {
        "cleanup.policy": "compact",
        "max.message.bytes": str(MAX_RECORD_BYTES),
        "segment.ms": "3600000",
        "delete.retention.ms": _WEEK["retention.ms"],
    }
