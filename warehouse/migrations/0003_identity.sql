-- Who is who: the evidence by source, with its history, and what GRAPH decided.

-- The last decision about a pair and source.
CREATE TABLE IF NOT EXISTS onefold.links
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
ORDER BY (workspace, left_namespace, left_value, right_namespace, right_value, source)
SETTINGS non_replicated_deduplication_window = 1000;

-- Every decision about a pair and source, for ever: the same columns and index.
CREATE TABLE IF NOT EXISTS onefold.link_log AS onefold.links
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, left_namespace, left_value, right_namespace, right_value, source, decision)
SETTINGS non_replicated_deduplication_window = 1000;

-- What GRAPH decided, by its position on the topic: nothing of it is ever replaced.
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
