-- What becomes of the events: profiles, their identifiers and sessions, segments, triggers.

CREATE TABLE IF NOT EXISTS onefold.profiles
(
    workspace LowCardinality(String),
    profile_id String,
    kind LowCardinality(String) COMMENT 'person, device or account',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    traits_sent String EPHEMERAL '{}',
    traits JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(traits_sent) = 'Object', traits_sent, '{}')::JSON(max_dynamic_paths = 256),
    traits_text String MATERIALIZED traits_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    unparsed Array(LowCardinality(String)) DEFAULT arrayFilter((field, text) -> JSONType(text) != 'Object', ['traits'], [traits_sent]) COMMENT 'JSON columns that are empty because ClickHouse cannot read what was sent',
    counters Map(LowCardinality(String), Int64),
    segments Array(Tuple(segment LowCardinality(String), entered_at DateTime64(3, 'UTC'))),
    session_id Nullable(String) COMMENT 'The open session, as are the next four; NULL when there is none',
    session_started_at Nullable(DateTime64(3, 'UTC')),
    session_last_event_at Nullable(DateTime64(3, 'UTC')),
    session_events Nullable(Int64),
    session_entry_url Nullable(String),
    events Int64,
    first_seen_at Nullable(DateTime64(3, 'UTC')),
    last_seen_at Nullable(DateTime64(3, 'UTC')),
    updated_at DateTime64(3, 'UTC'),
    merged_into Nullable(String),
    decision Int64,
    version UInt64,
    is_deleted UInt8 COMMENT 'The profile was merged into another, or ended'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, profile_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.identifiers
(
    workspace LowCardinality(String),
    namespace LowCardinality(String),
    value String,
    profile_id String,
    profile_kind LowCardinality(String),
    version UInt64 COMMENT 'The identity decision first, then the profile''s version',
    is_deleted UInt8 COMMENT 'Its profile ended, and no other has the identifier now'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, namespace, value)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.sessions
(
    workspace LowCardinality(String),
    session_id String,
    profile_id String,
    profile_kind LowCardinality(String),
    status LowCardinality(String),
    started_at DateTime64(3, 'UTC'),
    ended_at DateTime64(3, 'UTC'),
    events Int64,
    entry_url Nullable(String),
    version UInt64,
    is_deleted UInt8 COMMENT 'The session was joined into another',
    INDEX profile_id profile_id TYPE bloom_filter
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, session_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.segment_changes
(
    workspace LowCardinality(String),
    change_id String,
    profile_id String,
    profile_kind LowCardinality(String),
    segment LowCardinality(String),
    change LowCardinality(String),
    changed_at DateTime64(3, 'UTC'),
    cause String,
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, change_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.segment_members
(
    workspace LowCardinality(String),
    segment LowCardinality(String),
    profile_id String,
    profile_kind LowCardinality(String),
    entered_at DateTime64(3, 'UTC'),
    version UInt64,
    is_deleted UInt8 COMMENT 'The profile left the segment'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, segment, profile_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.triggers
(
    workspace LowCardinality(String),
    trigger_id String,
    trigger LowCardinality(String),
    profile_id String,
    profile_kind LowCardinality(String),
    fired_at DateTime64(3, 'UTC'),
    cause String,
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    payload_sent String EPHEMERAL '{}',
    payload JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(payload_sent) = 'Object', payload_sent, '{}')::JSON(max_dynamic_paths = 256),
    payload_text String MATERIALIZED payload_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    unparsed Array(LowCardinality(String)) DEFAULT arrayFilter((field, text) -> JSONType(text) != 'Object', ['payload'], [payload_sent]) COMMENT 'JSON columns that are empty because ClickHouse cannot read what was sent',
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, trigger_id)
SETTINGS non_replicated_deduplication_window = 1000;

-- Filled by destinations.
CREATE TABLE IF NOT EXISTS onefold.deliveries
(
    workspace LowCardinality(String),
    delivery_id String,
    destination LowCardinality(String),
    profile_id String,
    profile_kind LowCardinality(String),
    cause String,
    status LowCardinality(String),
    attempts Int64,
    detail String,
    delivered_at DateTime64(3, 'UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, delivery_id)
SETTINGS non_replicated_deduplication_window = 1000;
