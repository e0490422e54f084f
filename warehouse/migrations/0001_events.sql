-- Every table keeps one row for each sorting key: the one with the highest `version`. Inserts may therefore be repeated,
-- replayed and overlap. Queries see that row with FINAL, or everywhere with the setting `final = 1`.

-- The sender's JSON comes as text in a column that is not stored, so that one hostile event never costs a batch. A JSON column
-- is for queries and drops what it has no place for, such as nulls, empty objects and whether a number was 1 or 1.0; the text
-- beside it is exact. `profile_id` is the profile at the time of routing. A rebuild must be exact: `body` has the accepted
-- bytes. SELECT * shows neither the texts nor the body nor the event's position on events.resolved, which `version` is made of.
-- An event has one row for the person or the device that it is of, and may have one more for an account. The same message
-- id by another primary identifier is another row, until a profile finds both among its events (docs/decisions/0019).
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
    ordinal Int64 COMMENT 'Orders events of one occurred_at: the greater is the later',
    profile_id String,
    profile_kind LowCardinality(String),
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    properties_sent String EPHEMERAL '{}',
    traits_sent String EPHEMERAL '{}',
    context_sent String EPHEMERAL '{}',
    properties JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(properties_sent) = 'Object', properties_sent, '{}')::JSON(max_dynamic_paths = 256),
    traits JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(traits_sent) = 'Object', traits_sent, '{}')::JSON(max_dynamic_paths = 256),
    context JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(context_sent) = 'Object', context_sent, '{}')::JSON(max_dynamic_paths = 256),
    properties_text String MATERIALIZED properties_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    traits_text String MATERIALIZED traits_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    context_text String MATERIALIZED context_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    repairs Array(Tuple(field String, reason LowCardinality(String))) COMMENT 'What was changed because it could not be kept as it was sent',
    unparsed Array(LowCardinality(String)) DEFAULT arrayFilter((field, text) -> JSONType(text) != 'Object', ['properties', 'traits', 'context'], [properties_sent, traits_sent, context_sent]) COMMENT 'JSON columns that are empty because ClickHouse cannot read what was sent',
    is_repetition UInt8 COMMENT 'Its profile has folded another event with this source and message id; FINAL leaves it out',
    version UInt64 COMMENT 'Below 2^63: falls with the offset, so that the first event counts. From 2^63: what its profile says of it since',
    body_bytes String EPHEMERAL '',
    body String MATERIALIZED body_bytes CODEC(ZSTD(1)) COMMENT 'The event as it was accepted: Avro in Confluent''s framing; not part of SELECT *',
    position Nullable(UInt64) ALIAS if(version < 9223372036854775808, 9223372036854775807 - version, NULL),
    offset Nullable(UInt64) ALIAS bitShiftRight(position, 10),
    partition Nullable(UInt16) ALIAS bitAnd(position, 1023),
    INDEX occurred_at occurred_at TYPE minmax,
    INDEX profile_id profile_id TYPE bloom_filter,
    INDEX identifier_values identifiers.value TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_repetition)
ORDER BY (workspace, message_id, source, identifiers.namespace[1], identifiers.value[1], profile_kind = 'account')
SETTINGS non_replicated_deduplication_window = 1000;

-- A rejected event has no id of its own that could be relied upon: its position on the topic is its key.
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
