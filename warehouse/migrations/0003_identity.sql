-- Who is who can change again: evidence by source, with its history, what GRAPH decided, and the bytes to rebuild from.

-- The accepted bytes of an event, since JSON columns drop nulls and a rebuild must be exact. SELECT * shows neither them
-- nor the event's place on events.resolved, which `version` is made of. Rows of an older release have no bytes; reading
-- events.resolved once more fills them in.
ALTER TABLE onefold.events
    ADD COLUMN IF NOT EXISTS body_bytes String EPHEMERAL '',
    ADD COLUMN IF NOT EXISTS body String MATERIALIZED body_bytes CODEC(ZSTD(1)) COMMENT 'The event as it was accepted: Avro in Confluent''s framing; not part of SELECT *',
    ADD COLUMN IF NOT EXISTS offset UInt64 ALIAS bitShiftRight(bitNot(version), 10),
    ADD COLUMN IF NOT EXISTS partition UInt16 ALIAS bitAnd(bitNot(version), 1023);
ALTER TABLE onefold.events ADD INDEX IF NOT EXISTS identifier_values identifiers.value TYPE bloom_filter(0.01) GRANULARITY 1;
ALTER TABLE onefold.events MATERIALIZE INDEX IF EXISTS identifier_values;

-- Tables with another sorting key or engine are made of themselves and replaced in one step, whatever state they are in:
-- two processes may do it at once. A sink of the release before must have stopped; what it adds meanwhile would be lost.
ALTER TABLE onefold.identifiers ADD COLUMN IF NOT EXISTS is_deleted UInt8;
CREATE OR REPLACE TABLE onefold.identifiers
(
    workspace LowCardinality(String),
    namespace LowCardinality(String),
    value String,
    profile_id String,
    version UInt64 COMMENT 'The identity decision first, then the profile''s version',
    is_deleted UInt8 DEFAULT 0 COMMENT 'Its profile ended, and nobody has the identifier now'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, namespace, value)
SETTINGS non_replicated_deduplication_window = 1000
AS SELECT workspace, namespace, value, profile_id, version, is_deleted FROM onefold.identifiers;

ALTER TABLE onefold.links ADD COLUMN IF NOT EXISTS request_id String;
CREATE OR REPLACE TABLE onefold.links
(
    workspace LowCardinality(String),
    left_namespace LowCardinality(String),
    left_value String,
    right_namespace LowCardinality(String),
    right_value String,
    source LowCardinality(String),
    status LowCardinality(String),
    reason String,
    message_id String,
    occurred_at DateTime64(3, 'UTC'),
    rule_version LowCardinality(String),
    decision Int64,
    request_id String DEFAULT '',
    version UInt64,
    INDEX right_value right_value TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, left_namespace, left_value, right_namespace, right_value, source)
SETTINGS non_replicated_deduplication_window = 1000
AS SELECT
    workspace, left_namespace, left_value, right_namespace, right_value, source, status, reason, message_id,
    occurred_at, rule_version, decision, request_id, version
FROM onefold.links;

-- Every decision about a pair and source, for ever; `links` has the last one of each.
CREATE TABLE IF NOT EXISTS onefold.link_log
(
    workspace LowCardinality(String),
    left_namespace LowCardinality(String),
    left_value String,
    right_namespace LowCardinality(String),
    right_value String,
    source LowCardinality(String),
    status LowCardinality(String),
    reason String,
    message_id String,
    occurred_at DateTime64(3, 'UTC'),
    rule_version LowCardinality(String),
    decision Int64,
    request_id String,
    version UInt64,
    INDEX right_value right_value TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, left_namespace, left_value, right_namespace, right_value, source, decision)
SETTINGS non_replicated_deduplication_window = 1000;
INSERT INTO onefold.link_log
SELECT
    workspace, left_namespace, left_value, right_namespace, right_value, source, status, reason, message_id,
    occurred_at, rule_version, decision, request_id, version
FROM onefold.links;

-- What GRAPH decided, by its place on the topic: nothing of it is ever replaced.
CREATE TABLE IF NOT EXISTS onefold.identity_changes
(
    workspace LowCardinality(String),
    decision Int64,
    kind LowCardinality(String),
    request_id String,
    message_id String,
    source LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    rule_version LowCardinality(String),
    reason String,
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    retired Array(String) COMMENT 'Profiles that gave way',
    profile_id String,
    claimants String COMMENT 'JSON: the profiles to rebuild, and the events that each consists of',
    events Int64 COMMENT 'Of rebuilt: how many were replayed',
    milliseconds Int64 COMMENT 'Of rebuilt: how long it took',
    partition Int64,
    offset Int64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, decision, kind, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000;
