"""Makes events of 90 days, and who is who, inside of ClickHouse: in our tables, and in the layout that was before."""

from warehouse.client import Warehouse

DAYS = 90
NOW = "toDateTime64('2026-11-01 00:00:00', 3, 'UTC')"
_PIECE = 2_000_000  # events of one insert
_MERGED = 5  # of so many people one was merged, into a profile of its own

_ROW = """
    concat('m', toString(number)) AS message_id,
    ['web', 'app', 'shop'][number % 3 + 1] AS source,
    if(number % 10 = 0, 'page', 'track') AS type,
    if(number % 10 = 0, NULL, ['viewed', 'added', 'paid', 'searched', 'clicked'][number % 7 % 5 + 1]) AS event,
    {now} - toIntervalMillisecond(intDiv(number * {span}, {events})) AS occurred_at,
    cityHash64(number, 'person') % {people} AS person,
    concat('a', toString(person)) AS device
"""
_COLUMNS = """'main' AS workspace, source, message_id, type, event, occurred_at, occurred_at AS received_at,
    toInt64(number) AS ordinal, concat('00000000-0000-5000-8000-', leftPad(toString(person), 12, '0')) AS profile_id,
    'person' AS profile_kind, [('anonymous_id', device)] AS identifiers,
    concat('{"total":', toString(number % 1000 / 10), ',"product":"p', toString(number % 5000), '"}')
        AS properties_sent,
    concat('{"page":{"url":"https://shop.example/p/', toString(number % 5000), '"}}') AS context_sent,
    toUInt64(4611686018427387903 - number * 1024) AS version"""
_NAMES = (
    "workspace, source, message_id, type, event, occurred_at, received_at, ordinal, profile_id, profile_kind,"
    " identifiers, properties_sent, context_sent, version"
)
_BEFORE = """
CREATE TABLE onefold.before_events
(
    workspace LowCardinality(String), source LowCardinality(String), message_id String, type LowCardinality(String),
    event LowCardinality(Nullable(String)), occurred_at DateTime64(3, 'UTC'), received_at DateTime64(3, 'UTC'),
    ordinal Int64, profile_id String, profile_kind LowCardinality(String),
    identifiers Array(Tuple(namespace LowCardinality(String), value String)),
    properties_sent String EPHEMERAL '{}', context_sent String EPHEMERAL '{}',
    properties JSON(max_dynamic_paths = 256) DEFAULT properties_sent::JSON(max_dynamic_paths = 256),
    context JSON(max_dynamic_paths = 256) DEFAULT context_sent::JSON(max_dynamic_paths = 256),
    properties_text String MATERIALIZED properties_sent CODEC(ZSTD(1)),
    context_text String MATERIALIZED context_sent CODEC(ZSTD(1)),
    version UInt64,
    INDEX occurred_at occurred_at TYPE minmax,
    INDEX profile_id profile_id TYPE bloom_filter
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (workspace, message_id, source, identifiers.namespace[1], identifiers.value[1])
"""
_BEFORE_CURRENT = """
CREATE VIEW onefold.before_current AS
SELECT routed.* EXCEPT (profile_id), coalesce(nullIf(claimed.profile_id, ''), routed.profile_id) AS profile_id
FROM (
    SELECT *, identifiers[1].namespace AS owner_namespace, identifiers[1].value AS owner_value
    FROM onefold.before_events FINAL
) AS routed
LEFT ANY JOIN (SELECT workspace, namespace, value, profile_id FROM onefold.identifiers FINAL) AS claimed
    ON routed.workspace = claimed.workspace AND routed.owner_namespace = claimed.namespace
    AND routed.owner_value = claimed.value
"""
_WHO_IS_WHO = """
WITH toString(number) AS person, concat('00000000-0000-5000-', {profile}, '000-', leftPad(person, 12, '0')) AS profile
SELECT {columns} FROM numbers({people}) WHERE {condition}
"""


def make_before(warehouse: Warehouse) -> None:
    """Create the layout that was before."""
    warehouse.run(_BEFORE)
    warehouse.run(_BEFORE_CURRENT)


def fill(warehouse: Warehouse, events: int, people: int, with_before: bool) -> None:
    """Make the same events in both layouts; of the people a fifth signed in once, and were merged by it."""
    row = _ROW.format(now=NOW, span=DAYS * 86_400_000, events=events, people=people)
    for start in range(0, events, _PIECE):
        rows = f"SELECT {_COLUMNS} FROM (SELECT number, {row} FROM numbers({start}, {min(_PIECE, events - start)}))"
        for table in ("raw_events", "before_events") if with_before else ("raw_events",):
            warehouse.run(f"INSERT INTO onefold.{table} ({_NAMES}) {rows} SETTINGS max_partitions_per_insert_block = 0")
    _fill_people(warehouse, people)


def _fill_people(warehouse: Warehouse, people: int) -> None:
    merged, alone = f"number % {_MERGED} = 0", f"number % {_MERGED} != 0"

    def insert(into: str, columns: str, condition: str, profile: str) -> None:
        rows = _WHO_IS_WHO.format(profile=profile, columns=columns, people=people, condition=condition)
        warehouse.run(f"INSERT INTO onefold.{into} {rows}")

    claim = "(workspace, namespace, value, profile_id, profile_kind, version)"
    device, user = "'anonymous_id', concat('a', person)", "'user_id', concat('u', person)"
    for condition, profile, version in ((merged, "'9'", "4294967297"), (alone, "'8'", "1")):
        insert(f"identifiers {claim}", f"'main', {device}, profile, 'person', {version}", condition, profile)
        insert(
            "profiles (workspace, profile_id, kind, identifiers, traits_sent, events, updated_at, decision, version)",
            f"""'main', profile, 'person', [({device})], '{{"plan":"pro"}}', 10, now64(3), 1, 1""", condition, profile,
        )  # fmt: skip
        insert(
            "sessions (workspace, session_id, profile_id, profile_kind, status, started_at, ended_at, events, version)",
            f"'main', toString(generateUUIDv4()), profile, 'person', 'ended', {NOW}, {NOW}, 10, 1", condition, profile,
        )  # fmt: skip
    insert(f"identifiers {claim}", f"'main', {user}, profile, 'person', 4294967297", merged, "'9'")
    insert(f"profile_overrides {claim}", f"'main', {device}, profile, 'person', 4294967297", merged, "'9'")
    for table in ("links", "link_log"):
        insert(
            f"{table} (workspace, left_namespace, left_value, right_namespace, right_value, source, status, message_id,"
            " occurred_at, decision, version)",
            f"'main', {device}, {user}, 'web', 'active', concat('m', person), {NOW} - toIntervalMillisecond(number),"
            " toInt64(number), number", merged, "'9'",
        )  # fmt: skip
    insert(
        "identity_changes (workspace, decision, kind, message_id, source, occurred_at, identifiers, retired,"
        " profile_id, claimants, offset, version)",
        f"'main', toInt64(number), 'merged', concat('m', person), 'web', {NOW}, [({device}), ({user})],"
        " [replace(profile, '-9000-', '-8000-')], profile, '[]', toInt64(number), 1", merged, "'9'",
    )  # fmt: skip
