"""The questions, each with how long an answer may take."""

from collections.abc import Callable
from typing import NamedTuple

from bench.warehouse.generated import NOW
from identity.rules import DEFAULT_RULES
from schemas.records import Identifier
from warehouse.client import Warehouse
from warehouse.queries.explanation import explain
from warehouse.queries.profiles import find_profile, find_profile_by_id

_PERSON = "00000000-0000-5000-9000-000000004200"
_IDENTIFIER = Identifier("anonymous_id", "a4200")
_MONTH = f"occurred_at >= {NOW} - INTERVAL 30 DAY"
_HOURLY = f"""
SELECT hour, source, event, sum(events) AS events, uniqMerge(people) AS people FROM onefold.hourly_events
WHERE workspace = 'main' AND hour >= {NOW} - INTERVAL 30 DAY GROUP BY hour, source, event
"""
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
    """What is asked, by SQL of each layout. `wanted_ms`: within how long; None: no matter. `grows`: with the events."""

    what: str
    now: str
    before: str
    wanted_ms: int | None
    grows: bool = True


class LookUp(NamedTuple):
    """What the API, the commands and the console ask, in our layout only."""

    what: str
    ask: Callable[[Warehouse], object]
    wanted_ms: int | None


def questions() -> list[Question]:
    """Return the questions of analysts, as they are written for either layout."""
    last = "SELECT occurred_at, event, properties, context FROM {table} ORDER BY occurred_at DESC LIMIT 50"
    of_person = f" WHERE workspace = 'main' AND profile_id = '{_PERSON}'"
    return [
        Question(
            "one person's last 50 events (`events_of`)",
            last.format(table=f"onefold.events_of(workspace = 'main', profile = '{_PERSON}')"),
            last.format(table=f"onefold.before_current {of_person}"),
            100,
            grows=False,
        ),
        _in_both("the same, by `profile_id` in WHERE", last.format(table=f"{{table}} {of_person}"), None),
        _in_both(
            "events and people of the last hour",
            "SELECT count(), uniq(profile_id) FROM {table}"
            f" WHERE workspace = 'main' AND occurred_at >= {NOW} - INTERVAL 1 HOUR",
            100,
        )._replace(grows=False),
        _in_both(
            "events by name and day, 30 days",
            "SELECT event, toDate(occurred_at) AS day, count() FROM {table}"
            f" WHERE workspace = 'main' AND {_MONTH} GROUP BY event, day ORDER BY event, day",
            1_000,
        ),
        _in_both(
            "ten biggest spenders of 30 days, by person of now",
            "SELECT profile_id, sum(num(properties.total)) AS spent FROM {table}"
            f" WHERE workspace = 'main' AND event = 'paid' AND {_MONTH}"
            " GROUP BY profile_id ORDER BY spent DESC, profile_id LIMIT 10",
            2_000,
        ),
        _in_both("three-step funnel, 30 days, exact to the millisecond", _FUNNEL, 6_000),
    ]


def look_ups() -> list[LookUp]:
    """Return the look-ups of a person, and those of the console."""
    return [
        LookUp(
            "everything the API shows of a person, by id",
            lambda warehouse: _found(find_profile_by_id(warehouse, "main", _PERSON)),
            100,
        ),
        LookUp(
            "the same, by an identifier", lambda warehouse: _found(find_profile(warehouse, "main", _IDENTIFIER)), 100
        ),
        LookUp(
            "`onefold explain identity` of a person",
            lambda warehouse: _found(explain(warehouse, "main", _IDENTIFIER, DEFAULT_RULES)),
            300,
        ),
        LookUp(
            "events and people by hour, source and name, 30 days (`hourly_events`)",
            lambda warehouse: warehouse.rows(_HOURLY),
            None,
        ),
    ]


def _in_both(what: str, query: str, wanted_ms: int | None) -> Question:
    return Question(what, query.format(table="onefold.events"), query.format(table="onefold.before_current"), wanted_ms)


def _found(answer: object) -> object:
    if answer is None:
        raise RuntimeError("the person of the questions was not found")
    return answer
