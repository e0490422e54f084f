-- Every table keeps one row for each sorting key: the one with the highest `version`. Inserts may therefore be repeated,
-- replayed and overlap. Queries see that row with FINAL, or everywhere with the setting `final = 1`.

-- The sender's JSON comes as text in a column that is not stored. Text that is no JSON object for ClickHouse is kept in
-- `unparsed`, so that one hostile event never costs a batch. `profile_id` is the profile at the time of routing.
CREATE TABLE IF NOT EXISTS onefold.events
(
    workspace LowCardinality(String),
    source LowCardinality(String),
    message_id String,
    type LowCardinality(String),
    event LowCardinality(Nullable(String)),
    occurred_at DateTime64(3, 'UTC'),
    sent_at Nullable(DateTime64(3, 'UTC')),
    received_at DateTime64(3, 'UTC'),
    profile_id String,
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    properties_text String EPHEMERAL '{}',
    traits_text String EPHEMERAL '{}',
    context_text String EPHEMERAL '{}',
    properties JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(properties_text) = 'Object', properties_text, '{}')::JSON(max_dynamic_paths = 256),
    traits JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(traits_text) = 'Object', traits_text, '{}')::JSON(max_dynamic_paths = 256),
    context JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(context_text) = 'Object', context_text, '{}')::JSON(max_dynamic_paths = 256),
    unparsed Map(LowCardinality(String), String) DEFAULT mapFilter((part, text) -> JSONType(text) != 'Object', map('properties', properties_text, 'traits', traits_text, 'context', context_text)),
    version UInt64 COMMENT 'Falls with the offset: of events with one message id the first counts, as it does in the profile',
    INDEX occurred_at occurred_at TYPE minmax,
    INDEX profile_id profile_id TYPE bloom_filter
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, message_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.profiles
(
    workspace LowCardinality(String),
    profile_id String,
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    traits_text String EPHEMERAL '{}',
    traits JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(traits_text) = 'Object', traits_text, '{}')::JSON(max_dynamic_paths = 256),
    unparsed Map(LowCardinality(String), String) DEFAULT mapFilter((part, text) -> JSONType(text) != 'Object', map('traits', traits_text)),
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
    is_deleted UInt8 COMMENT 'The profile was merged into another'
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
    version UInt64 COMMENT 'The identity decision first, then the profile''s version'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, namespace, value)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.sessions
(
    workspace LowCardinality(String),
    session_id String,
    profile_id String,
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
    fired_at DateTime64(3, 'UTC'),
    cause String,
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    payload_text String EPHEMERAL '{}',
    payload JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(payload_text) = 'Object', payload_text, '{}')::JSON(max_dynamic_paths = 256),
    unparsed Map(LowCardinality(String), String) DEFAULT mapFilter((part, text) -> JSONType(text) != 'Object', map('payload', payload_text)),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, trigger_id)
SETTINGS non_replicated_deduplication_window = 1000;

-- A rejected event has no id of its own that could be relied upon: its place on the topic is its key.
CREATE TABLE IF NOT EXISTS onefold.rejected_events
(
    workspace LowCardinality(String),
    source LowCardinality(String),
    message_id Nullable(String),
    reason LowCardinality(String),
    detail String,
    body String,
    received_at DateTime64(3, 'UTC'),
    partition Int64,
    offset Int64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, received_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.dead_letters
(
    workspace LowCardinality(String) COMMENT 'Empty where it could not be read',
    dead_id String,
    topic LowCardinality(String),
    partition Int64,
    offset Int64,
    key Nullable(String),
    value Nullable(String),
    headers Array(Tuple(name String, value Nullable(String))),
    stage LowCardinality(String),
    reason LowCardinality(String),
    detail String,
    failed_at DateTime64(3, 'UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, dead_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS onefold.links
(
    workspace LowCardinality(String),
    left_namespace LowCardinality(String),
    left_value String,
    right_namespace LowCardinality(String),
    right_value String,
    status LowCardinality(String),
    reason LowCardinality(String),
    message_id String,
    source LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    rule_version LowCardinality(String),
    decision Int64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, left_namespace, left_value, right_namespace, right_value)
SETTINGS non_replicated_deduplication_window = 1000;

-- Filled by destinations.
CREATE TABLE IF NOT EXISTS onefold.deliveries
(
    workspace LowCardinality(String),
    delivery_id String,
    destination LowCardinality(String),
    profile_id String,
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
