-- The warehouse: what is queried first (events, profiles, sessions, segments), who is who, and what went wrong.
--
-- Every table keeps one row for each sorting key: the one with the highest `version`. Inserts may therefore be repeated,
-- replayed and overlap. Queries see that row with FINAL, or everywhere with the setting `final = 1`.

-- Every event as it was routed: the table behind the view `events`, which everybody queries. It is not for questions: its
-- `profile_id` is the profile at the time of routing, and what is a repetition shows with FINAL only.
--
-- A month is a partition; whatever lies before 2000 or after 2100 is in one, so that no sender's clock makes thousands of
-- them. Within it events lie by workspace, hour and name: a question about a time, or a time and a name, reads just that.
-- The index on `identifier_id` leads to the events of one person, whatever the size of the table. The rest of the key makes
-- a row of each event that was received: sent once more it may have another time, and then is a row of its own, until its
-- profile says that it is a repetition (docs/decisions/0019, 0029). All versions of a row have their time in common, so
-- FINAL need not look across partitions.
--
-- The sender's JSON comes as text in a column that is not stored, so that one hostile event never costs a batch. A JSON
-- column is for queries and drops what it has no place for, such as nulls, empty objects and whether a number was 1 or
-- 1.0; the text beside it is exact. A rebuild must be exact: `body` has the accepted bytes. SELECT * shows neither.
CREATE TABLE IF NOT EXISTS onefold.raw_events
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    source LowCardinality(String) COMMENT 'The sending system',
    message_id String COMMENT 'The id that the sender gave the event',
    type LowCardinality(String) COMMENT 'track, identify, page, screen, group or alias',
    event LowCardinality(Nullable(String)) COMMENT 'The name of a tracked event; NULL for the other types',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened, the sender''s clock corrected',
    sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was sent, by the sender''s clock',
    received_at DateTime64(3, 'UTC') COMMENT 'When Onefold accepted it',
    ordinal Int64 COMMENT 'Orders events of one occurred_at: the greater is the later',
    profile_id String COMMENT 'The profile at the time of routing; the view events has the one of now',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)) COMMENT 'Whom the event names, the primary identifier first',
    properties_sent String EPHEMERAL '{}',
    traits_sent String EPHEMERAL '{}',
    context_sent String EPHEMERAL '{}',
    properties JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(properties_sent) = 'Object', properties_sent, '{}')::JSON(max_dynamic_paths = 256) COMMENT 'What the event says of itself',
    traits JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(traits_sent) = 'Object', traits_sent, '{}')::JSON(max_dynamic_paths = 256) COMMENT 'What the event says of the person',
    context JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(context_sent) = 'Object', context_sent, '{}')::JSON(max_dynamic_paths = 256) COMMENT 'Page, device, campaign and the like',
    properties_text String MATERIALIZED properties_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    traits_text String MATERIALIZED traits_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    context_text String MATERIALIZED context_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    repairs Array(Tuple(field String, reason LowCardinality(String))) COMMENT 'What was changed because it could not be kept as it was sent',
    unparsed Array(LowCardinality(String)) DEFAULT arrayFilter((field, text) -> JSONType(text) != 'Object', ['properties', 'traits', 'context'], [properties_sent, traits_sent, context_sent]) COMMENT 'JSON columns that are empty because ClickHouse cannot read what was sent',
    is_repetition UInt8 COMMENT 'Its profile has folded another event with this source and message id; FINAL leaves it out',
    version UInt64 COMMENT 'Below 2^63: falls with the offset, so that the first event counts. From 2^63: what its profile says of it since',
    body_bytes String EPHEMERAL '',
    body String MATERIALIZED body_bytes CODEC(ZSTD(1)) COMMENT 'The event as it was accepted: Avro in Confluent''s framing; not part of SELECT *',
    identifier_id UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(workspace, identifiers.namespace[1], identifiers.value[1])) COMMENT 'The primary identifier as a number, to find and to join by; not part of SELECT *',
    position Nullable(UInt64) ALIAS if(version < 9223372036854775808, 9223372036854775807 - version, NULL),
    offset Nullable(UInt64) ALIAS bitShiftRight(position, 10),
    partition Nullable(UInt16) ALIAS bitAnd(position, 1023),
    INDEX identifier_id identifier_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX message_id message_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX identifier_values identifiers.value TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_repetition)
PARTITION BY toYYYYMM(least(greatest(occurred_at, toDateTime64('2000-01-01 00:00:00', 3, 'UTC')), toDateTime64('2100-01-01 00:00:00', 3, 'UTC')))
ORDER BY (workspace, intDiv(toUnixTimestamp64Milli(occurred_at), 3600000), event, identifier_id, occurred_at, ordinal, source, message_id, profile_kind = 'account')
SETTINGS allow_nullable_key = 1, non_replicated_deduplication_window = 1000;

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

-- Whose the events of an identifier are, where that may be another profile than the one they were routed to: of the
-- identifiers that GRAPH has decided about. Events of all others keep the profile that they were routed to, and cost a
-- question nothing.
CREATE TABLE IF NOT EXISTS onefold.profile_overrides
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    identifier_id UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(workspace, namespace, value)) COMMENT 'As in raw_events',
    namespace LowCardinality(String),
    value String,
    profile_id String COMMENT 'The profile that has the identifier now, or had it last: what vanished together stays together',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    version UInt64 COMMENT 'The identity decision first, then the profile''s version'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, identifier_id)
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

-- Who signed in on a shared device, and when, where its namespace says `shared: last_login`: of identity_changes those that
-- are `attributed` or `unshared`, a row for each sign-in that they name.
CREATE TABLE IF NOT EXISTS onefold.device_sign_ins
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    device_namespace LowCardinality(String),
    device_value String,
    signed_in_at DateTime64(3, 'UTC') COMMENT 'From when on the person owns the device',
    namespace LowCardinality(String) COMMENT 'Of the person, or of the device itself; empty if the device was unshared',
    value String,
    decision Int64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, device_namespace, device_value, signed_in_at, namespace, value, decision)
SETTINGS non_replicated_deduplication_window = 1000;

-- To whom the events of a shared device belong, from when to when, where its namespace says `shared: last_login`.
-- The first owner has what came before the sign-in, too; from when on a device is its own owner, no person is. Nobody
-- owns a device that was unshared, until it is found shared anew: then all its owners are published once more.
CREATE OR REPLACE VIEW onefold.device_owners AS
SELECT
    workspace, device_namespace, device_value,
    if(row_number() OVER owned = 1, toDateTime64('1900-01-01 00:00:00', 3, 'UTC'), signed_in_at) AS since,
    leadInFrame(toNullable(signed_in_at)) OVER (owned ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS until,
    tupleElement(owner, 1) AS namespace, tupleElement(owner, 2) AS value, signed_in_at
FROM
(
    SELECT workspace, device_namespace, device_value, signed_in_at, max((person_namespace, value)) AS owner
    FROM
    (
        SELECT
            workspace, toString(device_namespace) AS device_namespace, device_value, signed_in_at,
            toString(namespace) AS person_namespace, value, decision,
            maxIf(decision, value = '') OVER (PARTITION BY workspace, device_namespace, device_value) AS unshared
        FROM onefold.device_sign_ins FINAL
    )
    WHERE decision > unshared AND value != ''
    GROUP BY workspace, device_namespace, device_value, signed_in_at
)
WINDOW owned AS (PARTITION BY workspace, device_namespace, device_value ORDER BY signed_in_at);

-- What the view `events` puts in place of the profile that events were routed to. A row for each identifier: its profile of
-- now, or, of a shared device, its owners in order of time, each with the profile of now.
CREATE OR REPLACE VIEW onefold.current_overrides AS
SELECT
    identifier_id, profile_id, profile_kind,
    CAST([], 'Array(Tuple(since DateTime64(3, \'UTC\'), profile_id String, profile_kind String))') AS owners
FROM (SELECT identifier_id, profile_id, toString(profile_kind) AS profile_kind FROM onefold.profile_overrides FINAL)
WHERE identifier_id NOT IN (
    SELECT reinterpretAsUInt128(sipHash128(workspace, device_namespace, device_value)) FROM onefold.device_owners
)
UNION ALL
SELECT
    reinterpretAsUInt128(sipHash128(owned.workspace, owned.device_namespace, owned.device_value)) AS identifier_id,
    '' AS profile_id, '' AS profile_kind,
    arraySort(groupArray((owned.since, claimed.profile_id, claimed.profile_kind)))::Array(Tuple(since DateTime64(3, 'UTC'), profile_id String, profile_kind String)) AS owners
FROM onefold.device_owners AS owned
LEFT ANY JOIN
(
    SELECT workspace, toString(namespace) AS namespace, value, profile_id, toString(profile_kind) AS profile_kind
    FROM onefold.identifiers FINAL
    WHERE (workspace, namespace, value) IN (SELECT workspace, namespace, value FROM onefold.device_owners)
) AS claimed
    ON owned.workspace = claimed.workspace AND owned.namespace = claimed.namespace AND owned.value = claimed.value
GROUP BY identifier_id;

-- The events, each once, each with the profile that it belongs to now: after every merge and unmerge since, and, if it came
-- from a shared device, by the device's owner at its time. An identifier that no profile has claimed keeps the profile that
-- its events were routed to. `events` and `events_of` are made of this one, which has the identifier's number, too.
CREATE OR REPLACE VIEW onefold.current_events AS
WITH arrayLast(period -> period.since <= occurred_at, owners) AS owner
SELECT
    workspace, source, message_id, type, event, occurred_at, sent_at, received_at, ordinal,
    multiIf(
        routed_kind = 'account', routed_id,
        notEmpty(owners), coalesce(nullIf(owner.profile_id, ''), routed_id),
        current_id != '', current_id,
        routed_id) AS profile_id,
    multiIf(
        routed_kind = 'account', toString(routed_kind),
        notEmpty(owners), coalesce(nullIf(owner.profile_kind, ''), toString(routed_kind)),
        current_id != '', current_kind,
        toString(routed_kind)) AS profile_kind,
    identifiers, properties, traits, context, repairs, routed.identifier_id AS identifier_id
FROM
(
    SELECT
        workspace, source, message_id, type, event, occurred_at, sent_at, received_at, ordinal, identifiers, properties,
        traits, context, repairs, identifier_id, profile_id AS routed_id, profile_kind AS routed_kind
    FROM onefold.raw_events FINAL
) AS routed
LEFT ANY JOIN
(
    SELECT identifier_id, profile_id AS current_id, profile_kind AS current_kind, owners FROM onefold.current_overrides
) AS current ON routed.identifier_id = current.identifier_id
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- What everybody queries.
CREATE OR REPLACE VIEW onefold.events AS SELECT * EXCEPT (identifier_id) FROM onefold.current_events;

-- The events of one profile, whatever the size of the table:
-- SELECT * FROM events_of(workspace = 'main', profile = '...'). They are looked for among those of its identifiers, and of
-- the shared devices that they have owned.
CREATE OR REPLACE VIEW onefold.events_of AS
WITH named AS
(
    SELECT workspace, toString(identifier.namespace) AS namespace, identifier.value AS value
    FROM onefold.profiles FINAL ARRAY JOIN identifiers AS identifier
    WHERE workspace = {workspace:String} AND profile_id = {profile:String}
)
SELECT * EXCEPT (identifier_id) FROM onefold.current_events
WHERE workspace = {workspace:String} AND profile_id = {profile:String} AND identifier_id IN (
    SELECT reinterpretAsUInt128(sipHash128(workspace, namespace, value)) FROM named
    UNION ALL
    SELECT reinterpretAsUInt128(sipHash128(workspace, device_namespace, device_value)) FROM onefold.device_owners
    WHERE (workspace, namespace, value) IN (SELECT workspace, namespace, value FROM named)
);
