-- The warehouse: what is queried first (events, profiles, sessions, segments), who is who, and what went wrong.
--
-- Every table keeps one row for each sorting key, which begins with the workspace: the one with the highest `version`.
-- Inserts may therefore be repeated, replayed and overlap. Queries see that row with FINAL, or everywhere with the setting
-- `final = 1`. What a table is for is its comment, which ClickHouse shows as well, and docs/reference/tables.md.

-- A month is a partition, so that old ones can be dropped; whatever lies before 2000 or after 2100 is in one, so that no
-- sender's clock makes thousands of them. Within it events lie by workspace, hour and name: a question about a time, or a
-- time and a name, reads just that. The time itself is no part of the key, only what is left of it within its hour: if it
-- were, ClickHouse would not look at the hours. Conditions on a function of it, such as its date in a time zone, are for
-- the index of each granule's times. The index on `identifier_id` leads to the events of one person, whatever the size of
-- the table. Sent once more an event may have another time, and then is a row of its own, until its profile says that it
-- is a repetition (docs/decisions/0019, 0029). All versions of a row have their time in common, so FINAL need not look
-- across partitions.
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
    event LowCardinality(Nullable(String)) COMMENT 'Name of what happened, or of the page or screen; NULL where the call has none',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened, the sender''s clock corrected',
    sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was sent, by the sender''s clock',
    received_at DateTime64(3, 'UTC') COMMENT 'When Onefold accepted it',
    ordinal Int64 COMMENT 'Orders events of one occurred_at: the greater is the later',
    profile_id String COMMENT 'The profile at the time of routing; the view events has the one of now',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)) COMMENT 'Whom the event names, the primary identifier first',
    properties_sent String EPHEMERAL '{}' COMMENT 'For inserts only: what becomes properties and properties_text',
    traits_sent String EPHEMERAL '{}' COMMENT 'For inserts only: what becomes traits and traits_text',
    context_sent String EPHEMERAL '{}' COMMENT 'For inserts only: what becomes context and context_text',
    properties JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(properties_sent) = 'Object', properties_sent, '{}')::JSON(max_dynamic_paths = 256) COMMENT 'What the event says of itself',
    traits JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(traits_sent) = 'Object', traits_sent, '{}')::JSON(max_dynamic_paths = 256) COMMENT 'What the event says of the person',
    context JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(context_sent) = 'Object', context_sent, '{}')::JSON(max_dynamic_paths = 256) COMMENT 'Page, device, campaign and the like',
    properties_text String MATERIALIZED properties_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    traits_text String MATERIALIZED traits_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    context_text String MATERIALIZED context_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    repairs Array(Tuple(field String, reason LowCardinality(String))) COMMENT 'What was changed because it could not be kept as it was sent',
    definitions UInt32 COMMENT 'Version of the definitions that were known when it was routed; 0 before there were any',
    unparsed Array(LowCardinality(String)) DEFAULT arrayFilter((field, text) -> JSONType(text) != 'Object', ['properties', 'traits', 'context'], [properties_sent, traits_sent, context_sent]) COMMENT 'JSON columns that are empty because ClickHouse cannot read what was sent',
    is_repetition UInt8 COMMENT 'Its profile has folded another event with this source and message id; FINAL leaves it out',
    version UInt64 COMMENT 'Below 2^62: falls with the offset, so that the first event counts. From 2^62: an override was squashed into it, rises with the decision. From 2^63: what its profile says of it since',
    body_bytes String EPHEMERAL '' COMMENT 'For inserts only: what becomes body',
    body String MATERIALIZED body_bytes CODEC(ZSTD(1)) COMMENT 'The event as it was accepted: Avro in Confluent''s framing; not part of SELECT *',
    identifier_id UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(workspace, identifiers.namespace[1], identifiers.value[1])) COMMENT 'The primary identifier as a number, to find and to join by; not part of SELECT *',
    bytes UInt32 MATERIALIZED length(body_bytes) COMMENT 'How long body is; not part of SELECT *',
    written_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When the row came here',
    position Nullable(UInt64) ALIAS if(version < 4611686018427387904, 4611686018427387903 - version, NULL) COMMENT 'Where it lies on events.resolved, offset and partition in one; NULL once an override was squashed into it, or its profile has spoken of it',
    offset Nullable(UInt64) ALIAS bitShiftRight(position, 10) COMMENT 'Its offset in that partition',
    partition Nullable(UInt16) ALIAS bitAnd(position, 1023) COMMENT 'The partition of events.resolved',
    INDEX occurred_at occurred_at TYPE minmax GRANULARITY 1,
    INDEX identifier_id identifier_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX message_id message_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX identifier_values identifiers.value TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX written_at written_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_repetition)
PARTITION BY toYYYYMM(least(greatest(occurred_at, toDateTime64('2000-01-01 00:00:00', 3, 'UTC')), toDateTime64('2100-01-01 00:00:00', 3, 'UTC')))
ORDER BY (workspace, intDiv(toUnixTimestamp64Milli(occurred_at), 3600000), event, identifier_id, toUnixTimestamp64Milli(occurred_at) % 3600000, ordinal, source, message_id, profile_kind = 'account')
SETTINGS allow_nullable_key = 1, non_replicated_deduplication_window = 1000
COMMENT 'Every event as it was routed, with the exact texts: what the view events is made of, and not for questions. One row for
each event that was received. Key: workspace, hour, name, primary identifier and time, since questions name a time, a name
or a person; the rest tells two events apart. A partition is a month.';

CREATE TABLE IF NOT EXISTS onefold.rejected_events
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    source LowCardinality(String) COMMENT 'The sending system',
    message_id Nullable(String) COMMENT 'The id that the sender gave the event; NULL where it could not be read',
    reason LowCardinality(String) COMMENT 'Why it was rejected, in one word for machines, such as missing_identifier',
    detail String COMMENT 'What was wrong, in words, with the name of the field',
    body String COMMENT 'What was sent, cut at 64 KiB',
    received_at DateTime64(3, 'UTC') COMMENT 'When it came',
    partition Int64 COMMENT 'Where it lies on events.rejected',
    offset Int64 COMMENT 'Its offset in that partition',
    version UInt64 COMMENT '1: a rejected event never changes'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, received_at, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What senders sent and the collector rejected, with the reason. Key: workspace, time and position on the topic, as a
rejected event has no id of its own that could be relied upon.';

CREATE TABLE IF NOT EXISTS onefold.dead_letters
(
    workspace LowCardinality(String) COMMENT 'Empty where it could not be read',
    dead_id String COMMENT 'Hash of topic, partition, offset and stage',
    topic LowCardinality(String) COMMENT 'Where the record lies',
    partition Int64 COMMENT 'Its partition there',
    offset Int64 COMMENT 'Its offset in that partition',
    key Nullable(String) COMMENT 'Its key',
    value Nullable(String) COMMENT 'Its bytes',
    headers Array(Tuple(name String, value Nullable(String))) COMMENT 'Its headers',
    stage LowCardinality(String) COMMENT 'Who could not process it: resolve, graph, profile or sink',
    reason LowCardinality(String) COMMENT 'Why, in one word for machines',
    detail String COMMENT 'What exactly, in words',
    failed_at DateTime64(3, 'UTC') COMMENT 'When that happened',
    version UInt64 COMMENT '1: a dead letter never changes'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, dead_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Records that could not be processed, whole, so that they can be sent once more. Key: a hash of where the record lies
and who could not process it, so that a second try makes no second row.';

-- What becomes of the events: profiles, their identifiers and sessions, segments, triggers.

CREATE TABLE IF NOT EXISTS onefold.profiles
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    profile_id String COMMENT 'UUID that follows from the canonical identifier, and says the kind',
    kind LowCardinality(String) COMMENT 'person, device or account',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)) COMMENT 'Every identifier that belongs to the profile',
    traits_sent String EPHEMERAL '{}' COMMENT 'For inserts only: what becomes traits and traits_text',
    traits JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(traits_sent) = 'Object', traits_sent, '{}')::JSON(max_dynamic_paths = 256) COMMENT 'The traits that hold: of each the last one said, by the time of its event',
    traits_text String MATERIALIZED traits_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    unparsed Array(LowCardinality(String)) DEFAULT arrayFilter((field, text) -> JSONType(text) != 'Object', ['traits'], [traits_sent]) COMMENT 'JSON columns that are empty because ClickHouse cannot read what was sent',
    counters Map(LowCardinality(String), Int64) COMMENT 'How many events of each name; of each type for events without one',
    segments Array(Tuple(segment LowCardinality(String), entered_at DateTime64(3, 'UTC'))) COMMENT 'The segments that the profile is in, each since when',
    session_id Nullable(String) COMMENT 'The open session, as are the next four; NULL when there is none',
    session_started_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Time of its first event',
    session_last_event_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Time of its last event',
    session_events Nullable(Int64) COMMENT 'How many events it has',
    session_entry_url Nullable(String) COMMENT 'The page on which it began',
    events Int64 COMMENT 'How many events were folded into the profile',
    first_seen_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Time of the earliest event',
    last_seen_at Nullable(DateTime64(3, 'UTC')) COMMENT 'Time of the latest event',
    updated_at DateTime64(3, 'UTC') COMMENT 'When the profile changed last, by the clock of its workspace',
    merged_into Nullable(String) COMMENT 'The profile to look at instead, since this one was merged into it',
    decision Int64 COMMENT 'Number of the last identity decision about the profile; 0 without one',
    version UInt64 COMMENT 'Grows with every change of the profile: the highest counts',
    is_deleted UInt8 COMMENT 'The profile was merged into another, or ended'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, profile_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What is known of each person, device and account now. Key: the profile id.';

CREATE TABLE IF NOT EXISTS onefold.identifiers
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    namespace LowCardinality(String) COMMENT 'Kind of identifier, such as user_id, email or anonymous_id',
    value String COMMENT 'The value, in its one spelling',
    profile_id String COMMENT 'The profile that has it',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    version UInt64 COMMENT 'The identity decision first, then the profile''s version',
    is_deleted UInt8 COMMENT 'Its profile ended, and no other has the identifier now'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, namespace, value)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Which profile an identifier belongs to now. Key: the identifier, as it is what a look-up begins with.';

CREATE TABLE IF NOT EXISTS onefold.profile_overrides
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    identifier_id UInt128 MATERIALIZED reinterpretAsUInt128(sipHash128(workspace, namespace, value)) COMMENT 'As in raw_events',
    namespace LowCardinality(String) COMMENT 'Kind of identifier',
    value String COMMENT 'The value, in its one spelling',
    profile_id String COMMENT 'The profile that has the identifier now, or had it last: what vanished together stays together',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    version UInt64 COMMENT 'The identity decision first, then the profile''s version',
    is_squashed UInt8 DEFAULT 0 COMMENT 'Every event of the identifier has its profile; FINAL leaves the row out',
    written_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When the row came here'
)
ENGINE = ReplacingMergeTree(version, is_squashed)
ORDER BY (workspace, identifier_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Whose the events of an identifier are, where that may be another profile than the one they were routed to: of the
identifiers that GRAPH has decided about. Events of all others keep the profile that they were routed to, and cost a
question nothing. Once every event of an identifier has its profile, maintenance marks the row; the mark stays a month, so
that no older row that comes once more is taken for the newest. Key: the identifier as a number, by which events are joined.';

CREATE TABLE IF NOT EXISTS onefold.sessions
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    session_id String COMMENT 'Hash of the profile and the time of the first event',
    profile_id String COMMENT 'Whose visit it is',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    status LowCardinality(String) COMMENT 'open, closed, or retracted: joined into another',
    started_at DateTime64(3, 'UTC') COMMENT 'Time of its first event',
    ended_at DateTime64(3, 'UTC') COMMENT 'Time of its last event',
    events Int64 COMMENT 'How many events it has',
    entry_url Nullable(String) COMMENT 'The page on which it began; NULL if no event says one',
    source LowCardinality(String) COMMENT 'Where the visit came from, such as google; empty, as all facts, if no event says it',
    medium LowCardinality(String) COMMENT 'How: cpc, organic, email ...',
    campaign LowCardinality(String) COMMENT 'Which campaign led to it',
    keyword String COMMENT 'What was searched for, or the term of the campaign',
    content String COMMENT 'Which advertisement or link of the campaign',
    channel LowCardinality(String) COMMENT 'Group of sources and mediums, such as paid search',
    referrer String COMMENT 'Registrable domain of the page before',
    entry_page String COMMENT 'Path of its first page',
    device LowCardinality(String) COMMENT 'desktop, mobile, tablet, tv, console, watch or bot',
    system LowCardinality(String) COMMENT 'Family of the operating system',
    browser LowCardinality(String) COMMENT 'Family of the browser',
    country LowCardinality(String) COMMENT 'Two letters of ISO 3166',
    region LowCardinality(String) COMMENT 'Part of the country',
    version UInt64 COMMENT 'Version of the profile that wrote the row: the highest counts',
    is_deleted UInt8 COMMENT 'The session was joined into another',
    INDEX profile_id profile_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, session_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Visits: events of one profile with less than 30 minutes between them, and the facts of the first of them that has any.
Key: the session id. The index leads to those of one profile.';

-- What is queried of changes: who was in a segment at a time, what happened to one person, what happened within the last hour.
-- Sorted by profile within the segment the first reads each profile's changes in a row, and a page of members just
-- its part; the index leads to one person, the months to a time. All versions of a row have the key's columns in common.
CREATE TABLE IF NOT EXISTS onefold.segment_changes
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    change_id String COMMENT 'Hash of what caused the change: the same on every repetition',
    profile_id String COMMENT 'Who',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    segment LowCardinality(String) COMMENT 'Name of the segment',
    change LowCardinality(String) COMMENT 'entered or exited',
    changed_at DateTime64(3, 'UTC') COMMENT 'When it became true; of an exit by time, the exact deadline',
    decided_at DateTime64(3, 'UTC') COMMENT 'When it was decided, by the system''s time: of history, long after it became true',
    cause String COMMENT 'Message id of the event, or deadline, merge, definition, mining, rebuild or session_end',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)) COMMENT 'Identifiers of the profile, for whoever acts on the change',
    definition Int64 COMMENT 'Version of the definitions by which it was decided',
    version UInt64 COMMENT 'Version of the profile: orders its changes. At a past time the highest counts of those at or before it',
    INDEX profile_id profile_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX changed_at changed_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(least(greatest(changed_at, toDateTime64('2000-01-01 00:00:00', 3, 'UTC')), toDateTime64('2100-01-01 00:00:00', 3, 'UTC')))
ORDER BY (workspace, segment, profile_id, changed_at, change_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Who entered or left a segment, when and because of what. Key: segment, profile and time; the hash of the cause makes one
row of a change that is published twice. A partition is a month.';

CREATE TABLE IF NOT EXISTS onefold.segment_members
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    segment LowCardinality(String) COMMENT 'Name of the segment',
    profile_id String COMMENT 'Who',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    entered_at DateTime64(3, 'UTC') COMMENT 'Since when',
    version UInt64 COMMENT 'Version of the profile: the highest counts',
    is_deleted UInt8 COMMENT 'The profile left the segment'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, segment, profile_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Who is in which segment now. Key: segment and profile, so that the members of a segment lie together.';

CREATE TABLE IF NOT EXISTS onefold.triggers
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    trigger_id String COMMENT 'Hash of what caused it: the same on every repetition',
    trigger LowCardinality(String) COMMENT 'Name of the trigger',
    profile_id String COMMENT 'Who; empty if it is across persons, and about nobody',
    profile_kind LowCardinality(String) COMMENT 'person, device or account; empty if it is across persons',
    across String COMMENT 'If it is across persons, the value that its events have in common, as JSON; empty if all count together',
    fired_at DateTime64(3, 'UTC') COMMENT 'When its condition became true',
    decided_at DateTime64(3, 'UTC') COMMENT 'When it was decided, by the system''s time: of history, long after its time',
    cause String COMMENT 'Message id of the event, or deadline; tick if it is across persons',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)) COMMENT 'Identifiers of the profile',
    payload_sent String EPHEMERAL '{}' COMMENT 'For inserts only: what becomes payload and payload_text',
    payload JSON(max_dynamic_paths = 256) DEFAULT if(JSONType(payload_sent) = 'Object', payload_sent, '{}')::JSON(max_dynamic_paths = 256) COMMENT 'What the definition says',
    payload_text String MATERIALIZED payload_sent CODEC(ZSTD(1)) COMMENT 'The exact text; not part of SELECT *',
    unparsed Array(LowCardinality(String)) DEFAULT arrayFilter((field, text) -> JSONType(text) != 'Object', ['payload'], [payload_sent]) COMMENT 'JSON columns that are empty because ClickHouse cannot read what was sent',
    version UInt64 COMMENT 'Version of the profile: the highest counts; 0 if it is across persons',
    INDEX profile_id profile_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX fired_at fired_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(least(greatest(fired_at, toDateTime64('2000-01-01 00:00:00', 3, 'UTC')), toDateTime64('2100-01-01 00:00:00', 3, 'UTC')))
ORDER BY (workspace, trigger, profile_id, fired_at, trigger_id)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Moments for which a trigger is defined. Key: trigger, profile and time; the hash of the cause makes one row of one
that is published twice. Those across persons have no profile. A partition is a month.';

-- Questions name a destination and a time, so that is the key; the indexes lead to what is about one person, to one
-- delivery and to what became of one change.
CREATE TABLE IF NOT EXISTS onefold.deliveries
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    delivery_id String COMMENT 'One change at one destination: the key that the receiver sees, the same in every attempt and replay while the mapping is the same',
    destination LowCardinality(String) COMMENT 'Name of the destination',
    kind LowCardinality(String) COMMENT 'segment or trigger',
    name LowCardinality(String) COMMENT 'Name of the segment or trigger',
    change LowCardinality(String) COMMENT 'entered, exited or fired',
    activation_id String COMMENT 'The change_id of segment_changes, or the trigger_id of triggers',
    profile_id String COMMENT 'About whom; empty of a trigger across persons',
    profile_kind LowCardinality(String) COMMENT 'person, device or account; empty of a trigger across persons',
    happened_at DateTime64(3, 'UTC') COMMENT 'When the change became true, or the trigger fired',
    attempt Int64 COMMENT 'How often it was sent so far, from 1; 0 if it never was',
    outcome LowCardinality(String) COMMENT 'delivered, retry, suspended, refused, suppressed or superseded',
    reason LowCardinality(String) COMMENT 'Why, in one word for machines, such as throttled or no_consent; empty if delivered',
    detail String CODEC(ZSTD(1)) COMMENT 'Why, in words',
    attempted_at DateTime64(3, 'UTC') COMMENT 'When it was sent, or decided not to be',
    took_ms Int64 COMMENT 'How long the receiver took to answer',
    due_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it is tried again; NULL if it is not',
    status Nullable(Int64) COMMENT 'The receiver''s status, of HTTP, SMTP or the like; NULL without an answer',
    request String CODEC(ZSTD(1)) COMMENT 'What was sent, without secrets, cut to 4,000 characters',
    answer String CODEC(ZSTD(1)) COMMENT 'What the receiver answered, cut to 4,000 characters',
    mapping LowCardinality(String) COMMENT 'Fingerprint of the mapping that made the request',
    version UInt64 COMMENT 'Version of the profile; 0 of a trigger across persons',
    kept_as LowCardinality(String) COMMENT 'The first name of the destination, whatever it was called at the attempt',
    activation Nullable(String) CODEC(ZSTD(1)) COMMENT 'The record of activation.DESTINATION, whole, so that it can be replayed: of what was refused or suppressed',
    INDEX profile_id profile_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX delivery_id delivery_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX activation_id activation_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX attempted_at attempted_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(least(greatest(attempted_at, toDateTime64('2000-01-01 00:00:00', 3, 'UTC')), toDateTime64('2100-01-01 00:00:00', 3, 'UTC')))
ORDER BY (workspace, destination, attempted_at, delivery_id, attempt, outcome)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What became of each delivery: a row for each attempt, and for what was not sent, with the reason. Key: destination and time; the rest makes one row of one
attempt that is published twice. A partition is a month.';

-- What is asked of consent is what one person has said, now and before.
CREATE TABLE IF NOT EXISTS onefold.consents
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    profile_id String COMMENT 'Who',
    profile_kind LowCardinality(String) COMMENT 'person, device or account',
    purpose LowCardinality(String) COMMENT 'Name of the purpose; all for every one',
    channel LowCardinality(String) COMMENT 'Name of the channel; all for every one',
    status LowCardinality(String) COMMENT 'granted, denied or unknown',
    since DateTime64(3, 'UTC') COMMENT 'When it was said, by the event',
    event String COMMENT 'Message id of the event that says so; empty if no event of the profile says anything any more',
    source LowCardinality(String) COMMENT 'The sending system of the event',
    text String COMMENT 'Version of the text that the person has read; empty if the event does not say',
    reason String COMMENT 'Why, such as unsubscribed or hard_bounce; empty if the event does not say',
    changed_at DateTime64(3, 'UTC') COMMENT 'When it was learnt, by the clock in force',
    decision Int64 COMMENT 'Number of the last decision of who is who that the profile had obeyed',
    version UInt64 COMMENT 'Decision and version of the profile: of one profile, purpose and channel the highest is what counts now'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, profile_id, purpose, channel, version)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What people have said about being sent things, a row for each change. Key: profile, purpose and channel, with the version: nothing is replaced.';

-- Who is who: the evidence by source, with its history, and what GRAPH decided.

CREATE TABLE IF NOT EXISTS onefold.links
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    left_namespace LowCardinality(String) COMMENT 'Namespace of the stronger identifier',
    left_value String COMMENT 'Its value',
    right_namespace LowCardinality(String) COMMENT 'Namespace of the weaker identifier',
    right_value String COMMENT 'Its value',
    source LowCardinality(String) COMMENT 'The sending system whose evidence it is',
    status LowCardinality(String) COMMENT 'active, refused, retracted or waiting',
    reason String COMMENT 'Why it was refused or retracted; empty when active',
    message_id String COMMENT 'The event that showed the pair',
    occurred_at DateTime64(3, 'UTC') COMMENT 'Time of that event',
    rule_version LowCardinality(String) COMMENT 'The identity rules in force',
    decision Int64 COMMENT 'Number of the decision in its workspace',
    request_id String COMMENT 'The operator''s request that retracted it; empty otherwise',
    version UInt64 COMMENT 'The decision: the highest counts',
    INDEX right_value right_value TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, left_namespace, left_value, right_namespace, right_value, source)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Evidence that two identifiers are one person, or must not be taken for one: by pair and source the last decision. Key:
pair and source, the stronger identifier first. The index leads to the pairs of the weaker one.';

CREATE TABLE IF NOT EXISTS onefold.link_log AS onefold.links
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, left_namespace, left_value, right_namespace, right_value, source, decision)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Every decision about a pair and source, for ever: the columns of links. Key: pair, source and decision.';

CREATE TABLE IF NOT EXISTS onefold.identity_changes
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    decision Int64 COMMENT 'Number of the decision in its workspace; of nothing, that of the last one before',
    kind LowCardinality(String) COMMENT 'merged, unmerged, shared, attributed, reattributed, unshared, quarantined, accepted, refused, allowed, recounted, rebuilt, or nothing',
    request_id String COMMENT 'The operator''s request; empty when an event caused it',
    message_id String COMMENT 'The event that caused it; empty for an operator''s request',
    source LowCardinality(String) COMMENT 'The sending system',
    occurred_at DateTime64(3, 'UTC') COMMENT 'Time of the event, or of the request',
    rule_version LowCardinality(String) COMMENT 'The identity rules in force',
    reason String COMMENT 'Why: such as limit:user_id, forbidden, or an operator''s words',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)) COMMENT 'The identifiers that it is about; of a shared device, the device first, then persons',
    retired Array(String) COMMENT 'Profiles that gave way',
    profile_id String COMMENT 'Of merged, the profile that survives; otherwise the one that it is about',
    claimants String COMMENT 'JSON: the profiles to rebuild, and the events that each consists of',
    events Int64 COMMENT 'Of rebuilt: how many were replayed',
    milliseconds Int64 COMMENT 'Of rebuilt: how long it took',
    partition Int64 COMMENT 'Where it lies on identity.changes',
    offset Int64 COMMENT 'Its offset in that partition',
    version UInt64 COMMENT '1: a decision never changes',
    profile_ids Array(String) MATERIALIZED arrayConcat([profile_id], retired, JSONExtract(claimants, 'Array(Tuple(profile_id String))').profile_id) COMMENT 'The profiles that it is about, to find it by; not part of SELECT *',
    INDEX profile_ids profile_ids TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX identifier_values identifiers.value TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, decision, kind, partition, offset)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What GRAPH decided, and what became of it. Key: the decision and its position on the topic, so that nothing of it is
ever replaced.';

CREATE TABLE IF NOT EXISTS onefold.device_sign_ins
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    device_namespace LowCardinality(String) COMMENT 'Namespace of the device''s identifier',
    device_value String COMMENT 'Its value',
    signed_in_at DateTime64(3, 'UTC') COMMENT 'From when on the person owns the device',
    namespace LowCardinality(String) COMMENT 'Of the person, or of the device itself',
    value String COMMENT 'The value of that identifier',
    version UInt64 COMMENT 'Number of the decision that said so',
    is_deleted UInt8 COMMENT 'The owner changes then no more: an earlier sign-in is known by now, or the device is unshared'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, device_namespace, device_value, signed_in_at)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Who owns a shared device from when on, where its namespace says shared: last_login. Of identity_changes those that are
attributed, a row for each sign-in that changes the owner: GRAPH has the same ones. Key: device and time.';

CREATE OR REPLACE VIEW onefold.device_owners
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    device_namespace LowCardinality(String) COMMENT 'Namespace of the device''s identifier',
    device_value String COMMENT 'Its value',
    since DateTime64(3, 'UTC') COMMENT 'From when on: that of the first owner lies before all events',
    until Nullable(DateTime64(3, 'UTC')) COMMENT 'Until when, not included; NULL of the last owner',
    namespace LowCardinality(String) COMMENT 'Namespace of the owner''s identifier, or of the device''s if no person owns it',
    value String COMMENT 'Its value',
    signed_in_at DateTime64(3, 'UTC') COMMENT 'When the owner signed in'
)
COMMENT 'To whom the events of a shared device belong, from when to when, where its namespace says shared: last_login. The first
owner has what came before the sign-in, too; from when on a device is its own owner, no person is. Nobody owns a device
that was unshared, until it is found shared anew.'
AS
SELECT
    workspace, device_namespace, device_value,
    if(row_number() OVER owned = 1, toDateTime64('1900-01-01 00:00:00', 3, 'UTC'), signed_in_at) AS since,
    leadInFrame(toNullable(signed_in_at)) OVER (owned ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS until,
    namespace, value, signed_in_at
FROM onefold.device_sign_ins FINAL
WINDOW owned AS (PARTITION BY workspace, device_namespace, device_value ORDER BY signed_in_at);

CREATE OR REPLACE VIEW onefold.current_overrides
(
    identifier_id UInt128 COMMENT 'The primary identifier as a number, as in raw_events',
    profile_id String COMMENT 'Its profile of now; empty of a shared device',
    profile_kind String COMMENT 'person, device or account; empty of a shared device',
    owners Array(Tuple(since DateTime64(3, 'UTC'), profile_id String, profile_kind String)) COMMENT 'Of a shared device its owners in order of time, each with the profile of now'
)
COMMENT 'What the view events puts in place of the profile that events were routed to. A row for each identifier: its profile of
now, or, of a shared device, its owners.'
AS
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
GROUP BY identifier_id
SETTINGS join_use_nulls = 0;

-- The first two settings rest on this: whatever the partition or an index of raw_events looks at is the same in all
-- versions of a row, so FINAL need not look across partitions, nor beyond the granules that an index has found. It is not
-- quite true of `written_at`, which the view does not show, nor of identifiers behind the primary one: if a file is
-- corrected there and imported again, its first rows count, but until parts are merged a condition on `identifiers.value`
-- finds the others as well. The third: a question may set it for its own joins, and a view must not heed it.
CREATE OR REPLACE VIEW onefold.current_events
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    source LowCardinality(String) COMMENT 'The sending system',
    message_id String COMMENT 'The id that the sender gave the event',
    type LowCardinality(String) COMMENT 'track, identify, page, screen, group or alias',
    event LowCardinality(Nullable(String)) COMMENT 'Name of what happened, or of the page or screen; NULL where the call has none',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened, the sender''s clock corrected',
    sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was sent, by the sender''s clock',
    received_at DateTime64(3, 'UTC') COMMENT 'When Onefold accepted it',
    ordinal Int64 COMMENT 'Orders events of one occurred_at: the greater is the later',
    profile_id String COMMENT 'Whose it is now, after every merge and unmerge since',
    profile_kind String COMMENT 'person, device or account',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)) COMMENT 'Whom the event names, the primary identifier first',
    properties JSON(max_dynamic_paths = 256) COMMENT 'What the event says of itself',
    traits JSON(max_dynamic_paths = 256) COMMENT 'What the event says of the person',
    context JSON(max_dynamic_paths = 256) COMMENT 'Page, device, campaign and the like',
    repairs Array(Tuple(field String, reason LowCardinality(String))) COMMENT 'What was changed because it could not be kept as it was sent',
    identifier_id UInt128 COMMENT 'The primary identifier as a number',
    bytes UInt32 COMMENT 'How long the event was as it was accepted',
    squashed_id String COMMENT 'Whose it was when overrides were squashed last; if it came from a shared device, whose it is now',
    definitions UInt32 COMMENT 'Version of the definitions that were known when it was routed',
    properties_text String COMMENT 'The exact text of properties',
    traits_text String COMMENT 'The exact text of traits',
    context_text String COMMENT 'The exact text of context'
)
COMMENT 'The events, each once, each with the profile that it belongs to now, if it came from a shared device with that of the
device''s owner at its time. An identifier that no profile has claimed keeps the profile that its events were routed to.
The views events, events_of and hourly_events are made of this one.'
AS
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
    identifiers, properties, traits, context, repairs, routed.identifier_id AS identifier_id, bytes,
    if(notEmpty(owners), profile_id, routed_id) AS squashed_id, definitions, properties_text, traits_text, context_text
FROM
(
    SELECT
        workspace, source, message_id, type, event, occurred_at, sent_at, received_at, ordinal, identifiers, properties,
        traits, context, repairs, identifier_id, bytes, definitions, properties_text, traits_text, context_text,
        profile_id AS routed_id, profile_kind AS routed_kind
    FROM onefold.raw_events FINAL
) AS routed
LEFT ANY JOIN
(
    SELECT identifier_id, profile_id AS current_id, profile_kind AS current_kind, owners FROM onefold.current_overrides
) AS current ON routed.identifier_id = current.identifier_id
SETTINGS do_not_merge_across_partitions_select_final = 1, use_skip_indexes_if_final_exact_mode = 0, join_use_nulls = 0;

CREATE OR REPLACE VIEW onefold.events
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    source LowCardinality(String) COMMENT 'The sending system',
    message_id String COMMENT 'The id that the sender gave the event',
    type LowCardinality(String) COMMENT 'track, identify, page, screen, group or alias',
    event LowCardinality(Nullable(String)) COMMENT 'Name of what happened, or of the page or screen; NULL where the call has none',
    occurred_at DateTime64(3, 'UTC') COMMENT 'When it happened, the sender''s clock corrected',
    sent_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When it was sent, by the sender''s clock',
    received_at DateTime64(3, 'UTC') COMMENT 'When Onefold accepted it',
    ordinal Int64 COMMENT 'Orders events of one occurred_at: the greater is the later',
    profile_id String COMMENT 'Whose it is now, after every merge and unmerge since',
    profile_kind String COMMENT 'person, device or account',
    identifiers Array(Tuple(namespace LowCardinality(String), value String)) COMMENT 'Whom the event names, the primary identifier first',
    properties JSON(max_dynamic_paths = 256) COMMENT 'What the event says of itself',
    traits JSON(max_dynamic_paths = 256) COMMENT 'What the event says of the person',
    context JSON(max_dynamic_paths = 256) COMMENT 'Page, device, campaign and the like',
    repairs Array(Tuple(field String, reason LowCardinality(String))) COMMENT 'What was changed because it could not be kept as it was sent'
)
COMMENT 'What everybody queries: the events, each once, each with the profile that it belongs to now.'
AS SELECT * EXCEPT (identifier_id, bytes, squashed_id, definitions, properties_text, traits_text, context_text)
FROM onefold.current_events;

-- Looked for among the events of its identifiers, and of the shared devices that they have owned.
CREATE OR REPLACE VIEW onefold.events_of
COMMENT 'The events of one profile, whatever the size of the table, with the columns of events. Ask it as a function:
SELECT * FROM events_of(workspace = ''main'', profile = ''...'')'
AS
WITH named AS
(
    SELECT workspace, toString(identifier.namespace) AS namespace, identifier.value AS value
    FROM onefold.profiles FINAL ARRAY JOIN identifiers AS identifier
    WHERE workspace = {workspace:String} AND profile_id = {profile:String}
)
SELECT * EXCEPT (identifier_id, bytes, squashed_id, definitions, properties_text, traits_text, context_text)
FROM onefold.current_events
WHERE workspace = {workspace:String} AND profile_id = {profile:String} AND identifier_id IN (
    SELECT reinterpretAsUInt128(sipHash128(workspace, namespace, value)) FROM named
    UNION ALL
    SELECT reinterpretAsUInt128(sipHash128(workspace, device_namespace, device_value)) FROM onefold.device_owners
    WHERE (workspace, namespace, value) IN (SELECT workspace, namespace, value FROM named)
);

-- How much came, by the hour. Hours that are counted are stored, all others are counted when somebody asks; so the answer
-- is right at any moment, and quick once `onefold maintenance` has run (docs/decisions/0031).

CREATE TABLE IF NOT EXISTS onefold.rolled_up_hours
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    hour DateTime64(3, 'UTC') COMMENT 'When the hour begins',
    hour_number Int64 COMMENT 'The hour as in the key of raw_events',
    source LowCardinality(String) COMMENT 'The sending system',
    event LowCardinality(Nullable(String)) COMMENT 'Name of what happened, or of the page or screen; NULL where the call has none',
    events UInt64 COMMENT 'How many occurred in the hour',
    people AggregateFunction(uniq, String) COMMENT 'Whose they were when overrides were squashed last',
    bytes UInt64 COMMENT 'How long they were as they were accepted',
    version UInt64 COMMENT 'When they were counted, in ms: the highest counts',
    is_deleted UInt8 COMMENT 'There are no such events any more'
)
ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (workspace, hour, hour_number, source, event)
SETTINGS allow_nullable_key = 1, non_replicated_deduplication_window = 1000
COMMENT 'Hours that were counted, which the view hourly_events takes where nothing has come since. Key: the hour first, since
questions name a time.';

CREATE TABLE IF NOT EXISTS onefold.rolled_up_until
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    until DateTime64(3, 'UTC') COMMENT 'Rows of raw_events that were written until then are in rolled_up_hours',
    version UInt64 COMMENT 'The same in ms: the highest counts'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY workspace
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Until when hours are counted. Key: the workspace, though it is the same for all.';

CREATE TABLE IF NOT EXISTS onefold.retained_since
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    retention LowCardinality(String) COMMENT 'What was dropped, as the settings call it, such as events',
    since DateTime64(3, 'UTC') COMMENT 'What is older is gone',
    version UInt64 COMMENT 'The same in ms: the highest counts'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, retention)
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'What retention has dropped, so that nobody takes what is left for all there was. Key: workspace and what was dropped.';

CREATE OR REPLACE VIEW onefold.computed_hours
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    hour_number Int64 COMMENT 'The hour as in the key of raw_events',
    hour DateTime64(3, 'UTC') COMMENT 'When the hour begins',
    source LowCardinality(String) COMMENT 'The sending system',
    event LowCardinality(Nullable(String)) COMMENT 'Name of what happened, or of the page or screen; NULL where the call has none',
    events UInt64 COMMENT 'How many occurred in the hour',
    people AggregateFunction(uniq, String) COMMENT 'Whose they are now',
    squashed_people AggregateFunction(uniq, String) COMMENT 'Whose they were when overrides were squashed last',
    bytes UInt64 COMMENT 'How long they were as they were accepted'
)
COMMENT 'What hourly_events says of an hour, counted now: for hours that are named by their number.'
AS
SELECT
    workspace, intDiv(toUnixTimestamp64Milli(occurred_at), 3600000) AS hour_number,
    subtractMilliseconds(occurred_at, positiveModulo(toUnixTimestamp64Milli(occurred_at), 3600000)) AS hour,
    source, event, count() AS events, uniqState(profile_id) AS people, uniqState(squashed_id) AS squashed_people,
    sum(bytes) AS bytes
FROM onefold.current_events
GROUP BY workspace, hour_number, hour, source, event;

-- Rows that are replaced or left out count here, as their hour has changed, too. Where retention has dropped events, what
-- was counted before stays: what comes that late is not counted.
CREATE OR REPLACE VIEW onefold.uncounted_hours
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    hour_number Int64 COMMENT 'The hour as in the key of raw_events',
    written_at DateTime64(3, 'UTC') COMMENT 'When the last of its rows came'
)
COMMENT 'Hours to which something has come since hours were counted.'
AS
SELECT workspace, hour_number, last_written_at AS written_at
FROM
(
    SELECT workspace, intDiv(toUnixTimestamp64Milli(occurred_at), 3600000) AS hour_number, max(written_at) AS last_written_at
    FROM onefold.raw_events
    WHERE written_at > (SELECT max(until) FROM onefold.rolled_up_until)
    GROUP BY workspace, hour_number
) AS written
LEFT ANY JOIN
(
    SELECT workspace, max(since) AS since, 1 AS is_cut FROM onefold.retained_since
    WHERE retention = 'events' GROUP BY workspace
) AS retained ON written.workspace = retained.workspace
WHERE NOT (is_cut AND hour_number * 3600000 < toUnixTimestamp64Milli(since))
SETTINGS final = 0, join_use_nulls = 0;

CREATE OR REPLACE VIEW onefold.hourly_events
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    source LowCardinality(String) COMMENT 'The sending system',
    event LowCardinality(Nullable(String)) COMMENT 'Name of what happened, or of the page or screen; NULL where the call has none',
    hour DateTime64(3, 'UTC') COMMENT 'When the hour begins',
    events UInt64 COMMENT 'How many occurred in the hour: add them up with sum(events)',
    people AggregateFunction(uniq, String) COMMENT 'Whose they are: count them with uniqMerge(people), over any hours',
    bytes UInt64 COMMENT 'How long they were as they were accepted'
)
COMMENT 'How many events, of how many people, occurred in each hour, by source and name. Events are exact at any moment; people
are those of now, but for merges and unmerges since maintenance last ran that concern hours that were counted before.'
AS
SELECT workspace, source, event, hour, events, people, bytes
FROM onefold.rolled_up_hours FINAL
WHERE (workspace, hour_number) NOT IN (SELECT workspace, hour_number FROM onefold.uncounted_hours)
UNION ALL
SELECT workspace, source, event, hour, events, people, bytes
FROM onefold.computed_hours
WHERE (workspace, hour_number) IN (SELECT workspace, hour_number FROM onefold.uncounted_hours);

CREATE OR REPLACE VIEW onefold.hourly_rejections
(
    workspace LowCardinality(String) COMMENT 'The tenant',
    source LowCardinality(String) COMMENT 'The sending system',
    reason LowCardinality(String) COMMENT 'Why they were rejected, in one word for machines, such as missing_identifier',
    hour DateTime64(3, 'UTC') COMMENT 'When the hour begins',
    events UInt64 COMMENT 'How many came in the hour',
    bytes UInt64 COMMENT 'How long they were as they were sent, up to 64 KiB each'
)
COMMENT 'How many events were rejected in each hour, by source and reason.'
AS
SELECT
    workspace, source, reason,
    subtractMilliseconds(received_at, positiveModulo(toUnixTimestamp64Milli(received_at), 3600000)) AS hour,
    count() AS events, sum(length(body)) AS bytes
FROM onefold.rejected_events FINAL
GROUP BY workspace, source, reason, hour;

-- What is sent twice is folded once, so an event is told by source and message id. A delivery that waits while its
-- destination gets another name keeps its id: its last attempt is its fate, and what was said under the name before is none.
-- Whether anything is missing no query can tell: that takes the topics and the definitions (`onefold fates check`,
-- docs/decisions/0044).
CREATE OR REPLACE VIEW onefold.fates
(
    workspace LowCardinality(String) COMMENT 'The tenant; empty of a dead letter of which nobody could read it',
    subject String COMMENT 'event or delivery',
    name LowCardinality(String) COMMENT 'Of an event the source, of a dead letter its topic; of a delivery the destination, by its name at the last attempt',
    id String COMMENT 'Of an event the message id, of a dead letter its dead_id; of a delivery the id of the change or trigger',
    fate String COMMENT 'Of an event folded, rejected or dead; of a delivery delivered, suppressed, superseded, refused or waiting',
    reason String COMMENT 'Why, in one word for machines; empty where nothing stands against it',
    due_at Nullable(DateTime64(3, 'UTC')) COMMENT 'When a delivery that waits is tried again'
)
COMMENT 'Where each event and each delivery has ended. A delivery of which nothing was said so far is not in it.'
AS
SELECT
    workspace, 'event' AS subject, source AS name, message_id AS id, 'folded' AS fate,
    '' AS reason, CAST(NULL AS Nullable(DateTime64(3, 'UTC'))) AS due_at
FROM onefold.raw_events
GROUP BY workspace, source, message_id
UNION ALL
SELECT workspace, 'event', source, ifNull(message_id, ''), 'rejected', toString(reason), NULL
FROM onefold.rejected_events FINAL
UNION ALL
SELECT workspace, 'event', topic, dead_id, 'dead', toString(reason), NULL
FROM onefold.dead_letters FINAL
UNION ALL
SELECT
    workspace, 'delivery', toLowCardinality(last.4), activation_id,
    if(last.1 IN ('retry', 'suspended'), 'waiting', last.1), last.2, last.3
FROM
(
    SELECT
        workspace, activation_id,
        argMax((toString(outcome), toString(reason), due_at, toString(destination)), (attempted_at, attempt, outcome)) AS last
    FROM onefold.deliveries
    GROUP BY workspace, kept_as, activation_id
);

-- Functions for people's SQL. Senders write a number as a text, a list or nothing at all; these read a path of `properties`,
-- `traits` or `context`, whatever was sent there, and are NULL where it is not what they read: no value fails a query. A
-- function belongs to the server and to no database (docs/decisions/0032).

-- A number, or a text that is one: exact to nine decimals, below 10^15. sum(num(properties.total)) adds without rounding.
-- toFloat64OrNull decides whether it is a number, as toDecimal128OrNull also takes '-' and '1.2.3'.
CREATE FUNCTION IF NOT EXISTS num AS (value) ->
    if(abs(toFloat64OrNull(trimBoth(toString(value)))) < 1e15,
       toDecimal256(round(toDecimal128OrNull(trimBoth(toString(value)), 18), 9), 9), NULL);

-- A text, and a number or a truth as one; JSON of a list.
CREATE FUNCTION IF NOT EXISTS text AS (value) ->
    multiIf(isNull(value), NULL,
            JSONType(ifNull(toJSONString(value), '')) IN ('Array', 'Object'), toJSONString(value),
            toString(value));

-- True or false, as JSON has it or as a word or digit.
CREATE FUNCTION IF NOT EXISTS bool AS (value) ->
    multiIf(lower(trimBoth(toString(value))) IN ('true', 'yes', 'y', 'on', '1'), true,
            lower(trimBoth(toString(value))) IN ('false', 'no', 'n', 'off', '0'), false, NULL);

-- A time: a date of ISO 8601, with a time of day and a zone or without (UTC); or seconds (10 digits) or milliseconds (13).
CREATE FUNCTION IF NOT EXISTS time AS (value) ->
    if(match(trimBoth(toString(value)), '^(\\d{4}-\\d\\d-\\d\\d($|[T ])|\\d{10}(\\.\\d+)?$|\\d{13}$)'),
       parseDateTime64BestEffortOrNull(trimBoth(toString(value)), 3, 'UTC'), NULL);

-- The objects of a list, for ARRAY JOIN items(properties.products) AS product: product.price, product.quantity. ClickHouse's
-- properties.products[] loses lists without a word: one with a text among its objects, and others of the same batch.
CREATE FUNCTION IF NOT EXISTS items AS (value) ->
    arrayMap(item -> item::JSON,
             arrayFilter(item -> JSONType(item) = 'Object', JSONExtractArrayRaw(ifNull(text(value), ''))));
