"""How long people wait for the warehouse: the questions of analysts and of whoever looks at a person, in two layouts.

`python -m bench.warehouse` makes events of 90 days inside of ClickHouse: in the tables that the migrations create, and
in one that is sorted by message id and whose view joins every event with every identifier, as Onefold had it. Each
question is asked several times; the table shows the quickest answer, and the ratio of both.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from embedded.layout import Ports
from embedded.stack import Stack, StackOptions
from embedded.terminal import Terminal
from warehouse.client import Warehouse
from warehouse.migrate import migrate
from warehouse.queries.profiles import find_profile_by_id

ATTEMPTS = 3
DAYS = 90
_PIECE = 2_000_000  # events of one insert
_NOW = "toDateTime64('2026-11-01 00:00:00', 3, 'UTC')"
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
# A fifth of the people were merged once, into a profile of their own.
_IDENTIFIERS = """
SELECT 'main', 'anonymous_id', concat('a', toString(number)),
       concat('00000000-0000-5000-', if(number % 5 = 0, '9', '8'), '000-', leftPad(toString(number), 12, '0')),
       'person', if(number % 5 = 0, toUInt64(4294967297), 1)
FROM numbers({people})
"""
_PROFILES = """
INSERT INTO onefold.profiles
    (workspace, profile_id, kind, identifiers, traits_sent, events, updated_at, decision, version)
SELECT 'main', concat('00000000-0000-5000-9000-', leftPad(toString(number), 12, '0')), 'person',
       [('anonymous_id', concat('a', toString(number)))], '{{"plan":"pro"}}', 10, now64(3), 1, 1
FROM numbers({people}) WHERE number % 5 = 0
"""
_PERSON = "00000000-0000-5000-9000-000000004200"
_MONTH = f"occurred_at >= {_NOW} - INTERVAL 30 DAY"
_FUNNEL = f"""
SELECT countIf(level >= 1), countIf(level >= 2), countIf(level >= 3)
FROM (
    SELECT profile_id, arrayFold(
        (reached, step) -> if(step.2 = ['viewed', 'added', 'paid'][reached + 1], toUInt8(reached + 1), reached),
        arraySort(groupArray((toUnixTimestamp64Milli(occurred_at), event))), toUInt8(0)) AS level
    FROM {{table}}
    WHERE workspace = 'main' AND {_MONTH} AND event IN ('viewed', 'added', 'paid')
    GROUP BY profile_id
)
"""


class Question(NamedTuple):
    """What is asked of each layout, and within how many ms an answer is wanted; None: no matter how many."""

    what: str
    before: str
    now: str
    wanted_ms: int | None


def questions() -> list[Question]:
    """The questions, each as it is written for either layout."""

    def both(what: str, query: str, wanted_ms: int | None) -> Question:
        return Question(
            what, query.format(table="onefold.before_current"), query.format(table="onefold.events"), wanted_ms
        )

    last = "SELECT occurred_at, event, properties, context FROM {table} ORDER BY occurred_at DESC LIMIT 50"
    return [
        Question(
            "one person's last 50 events",
            last.format(table=f"onefold.before_current WHERE workspace = 'main' AND profile_id = '{_PERSON}'"),
            last.format(table=f"onefold.events_of(workspace = 'main', profile = '{_PERSON}')"),
            100,
        ),
        both(
            "the same, by profile_id in WHERE",
            "SELECT occurred_at, event, properties, context FROM {table}"
            f" WHERE workspace = 'main' AND profile_id = '{_PERSON}' ORDER BY occurred_at DESC LIMIT 50",
            None,
        ),
        both(
            "events and people of the last hour",
            "SELECT count(), uniq(profile_id) FROM {table}"
            f" WHERE workspace = 'main' AND occurred_at >= {_NOW} - INTERVAL 1 HOUR",
            100,
        ),
        both(
            "events by name and day, 30 days",
            "SELECT event, toDate(occurred_at) AS day, count() FROM {table}"
            f" WHERE workspace = 'main' AND {_MONTH} GROUP BY event, day ORDER BY event, day",
            1_000,
        ),
        both(
            "ten biggest spenders of 30 days",
            "SELECT profile_id, sum(toDecimal64OrNull(toString(properties.total), 2)) AS spent FROM {table}"
            f" WHERE workspace = 'main' AND event = 'paid' AND {_MONTH}"
            " GROUP BY profile_id ORDER BY spent DESC, profile_id LIMIT 10",
            2_000,
        ),
        both("three-step funnel, 30 days", _FUNNEL, 6_000),
    ]


def fill(warehouse: Warehouse, events: int, people: int, with_before: bool) -> None:
    """Make the same events in both layouts, and who is who."""
    span = DAYS * 86_400_000
    row = _ROW.format(now=_NOW, span=span, events=events, people=people)
    for start in range(0, events, _PIECE):
        rows = f"SELECT {_COLUMNS} FROM (SELECT number, {row} FROM numbers({start}, {min(_PIECE, events - start)}))"
        for table in ("raw_events", "before_events") if with_before else ("raw_events",):
            warehouse.run(f"INSERT INTO onefold.{table} ({_NAMES}) {rows} SETTINGS max_partitions_per_insert_block = 0")
    listed = _IDENTIFIERS.format(people=people)
    into = "(workspace, namespace, value, profile_id, profile_kind, version)"
    warehouse.run(f"INSERT INTO onefold.identifiers {into} {listed}")
    warehouse.run(f"INSERT INTO onefold.profile_overrides {into} {listed} WHERE number % 5 = 0")
    warehouse.run(_PROFILES.format(people=people))


def quickest_ms(ask: Callable[[], object]) -> float:
    """The quickest of several answers."""
    taken = []
    for _ in range(ATTEMPTS):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return min(taken) * 1_000


def measure(warehouse: Warehouse, with_before: bool) -> Table:
    """Ask everything, in turn. Raises RuntimeError when the layouts answer differently."""
    table = Table("question", "before, ms", "now, ms", "ratio", "wanted, ms")
    for question in questions():
        now = quickest_ms(lambda question=question: warehouse.rows(question.now))  # type: ignore[misc]
        before = None
        if with_before:
            before = quickest_ms(lambda question=question: warehouse.rows(question.before))  # type: ignore[misc]
            if warehouse.rows(question.now) != warehouse.rows(question.before):
                raise RuntimeError(f"the layouts differ: {question.what}")
        ratio = f"{before / now:.1f}" if before else ""
        shown = f"{before:,.0f}" if before else ""
        table.add_row(
            question.what, shown, f"{now:,.0f}", ratio, f"{question.wanted_ms:,}" if question.wanted_ms else ""
        )
    looked_up = quickest_ms(lambda: find_profile_by_id(warehouse, "main", _PERSON))
    table.add_row("everything the API shows of a person", "", f"{looked_up:,.0f}", "", "100")
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--people", type=int, help="default: a tenth of the events")
    parser.add_argument("--only-now", action="store_true", help="without the layout of before")
    arguments = parser.parse_args()
    people = arguments.people or max(arguments.events // 10, 10_000)
    with tempfile.TemporaryDirectory(prefix="onefold-bench-") as folder:
        options = StackOptions(data_dir=Path(folder), ports=Ports.free(), processes=("clickhouse",))
        with Stack(options) as stack, Warehouse(stack.addresses.clickhouse, answer_timeout_s=None) as warehouse:
            migrate(warehouse)
            if not arguments.only_now:
                warehouse.run(_BEFORE)
                warehouse.run(_BEFORE_CURRENT)
            started = time.monotonic()
            fill(warehouse, arguments.events, people, not arguments.only_now)
            filled_s = time.monotonic() - started
            Terminal().print(measure(warehouse, not arguments.only_now))
    made = f"{arguments.events:,} events of {people:,} people, a fifth of them merged once, over {DAYS} days"
    print(f"{made}; written in {filled_s:.0f} s")


if __name__ == "__main__":
    main()
