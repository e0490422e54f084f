"""Predicts what definitions would do that are not applied yet: who enters and leaves, how many events they touch."""

from collections.abc import Collection, Mapping, Sequence
from itertools import chain
from typing import get_args

import msgspec

from definitions.model import Call, EventMatcher, Root
from definitions.plan.sought import Sought
from definitions.sql import DefinitionsQuery, called
from warehouse.client import Warehouse
from warehouse.queries.definitions import EvaluationQuery, scope_of, sliced, source_of
from warehouse.queries.values import literal, literals

DAY_MS = 24 * 3600 * 1000
_MOST_NAMES = 1_000
_ROOTS: tuple[Root, ...] = get_args(Root)

_PREDICTED = """
SELECT {counted}
FROM
(
{evaluated}
) AS evaluated
FULL OUTER JOIN
(
    SELECT profile_id, groupArray(toString(segment)) AS by_streams
    FROM onefold.segment_members FINAL WHERE workspace = {workspace} AND profile_kind = {kind} GROUP BY profile_id
) AS followed USING (profile_id)
SETTINGS join_use_nulls = 0
"""


class Prediction(msgspec.Struct, frozen=True):
    """How many would be in a segment; of them who is not in it now, and who is in it now and would not be."""

    size: int
    entries: int
    exits: int


class Touch(msgspec.Struct, frozen=True):
    """How many events a definition looks at: all so far, and those of the last day."""

    events: int
    last_day: int

    @property
    def per_s(self) -> float:
        """Return how many a second there were in the last day."""
        return self.last_day * 1_000 / DAY_MS

    def added(self, more: "Touch") -> "Touch":
        """Return what two workspaces have together."""
        return Touch(self.events + more.events, self.last_day + more.last_day)


class SentNames(msgspec.Struct, frozen=True):
    """Names at the top of what was sent with the events of a type and name, by open part.

    `wanted`: of those that were asked for, `known`: of all, so many as an answer has room for.
    """

    type: str
    event: str | None
    wanted: Mapping[Root, frozenset[str]]
    known: Mapping[Root, tuple[str, ...]]

    def is_any_of(self, calls: Collection[Call]) -> bool:
        """Return whether the events are some of these calls (none: of any)."""
        return not calls or any(call.type in {None, self.type} and call.name in {None, self.event} for call in calls)


def predict(warehouse: Warehouse, wanted: EvaluationQuery, names: Collection[str]) -> dict[str, Prediction]:
    """Return what would become of the named segments; nobody is in one that is not defined."""
    predictions: dict[str, Prediction] = {}
    for some in sliced(names):
        predictions |= _predict(warehouse, wanted, some)
    return predictions


def _predict(warehouse: Warehouse, wanted: EvaluationQuery, names: Sequence[str]) -> dict[str, Prediction]:
    scope = scope_of(wanted)
    defined = [segment.name for segment in scope.definitions.segments if segment.name in names]
    until = f"occurred_at <= fromUnixTimestamp64Milli({wanted.now})"
    source = source_of(wanted.workspace, wanted.kind, until)
    counted = [
        f"countIf({would}) AS size{at}, countIf({would} AND NOT {is_now}) AS entries{at},"
        f" countIf({is_now} AND NOT {would}) AS exits{at}"
        for at, name in enumerate(names)
        for would, is_now in [(f"has(by_sql, {literal(name)})", f"has(by_streams, {literal(name)})")]
    ]
    query = _PREDICTED.format(
        counted=", ".join(counted),
        evaluated=DefinitionsQuery(scope).listed(source, defined, ()),
        workspace=literal(wanted.workspace),
        kind=literal(wanted.kind),
    )
    (row,) = warehouse.rows(query)
    return {
        name: Prediction(*(int(str(row[f"{what}{at}"])) for what in ("size", "entries", "exits")))
        for at, name in enumerate(names)
    }


def count_touches(
    warehouse: Warehouse, workspace: str, now: int, touched: Mapping[str, Sequence[EventMatcher]]
) -> dict[str, Touch]:
    """Return how many events until `now` (ms) are of the calls that each name looks for."""
    touches: dict[str, Touch] = {}
    for some in sliced(touched.items()):
        touches |= _count_touches(warehouse, workspace, now, dict(some))
    return touches


def _count_touches(
    warehouse: Warehouse, workspace: str, now: int, touched: Mapping[str, Sequence[EventMatcher]]
) -> dict[str, Touch]:
    conditions = [" OR ".join(called(events.calls) for events in matchers) or "0" for matchers in touched.values()]
    counted = ", ".join(
        f"countIf({condition}) AS n{at}, countIf(({condition}) AND is_recent) AS recent{at}"
        for at, condition in enumerate(conditions)
    )
    (row,) = warehouse.rows(
        f"SELECT {counted} FROM (SELECT type, event AS name,"
        f" occurred_at > fromUnixTimestamp64Milli({now - DAY_MS}) AS is_recent"
        f" FROM onefold.events WHERE workspace = {literal(workspace)}"
        f" AND occurred_at <= fromUnixTimestamp64Milli({now}))"
    )
    return {name: Touch(int(str(row[f"n{at}"])), int(str(row[f"recent{at}"]))) for at, name in enumerate(touched)}


def sent_events(
    warehouse: Warehouse, workspaces: Collection[str], wanted: Collection[str]
) -> tuple[set[str], list[str]]:
    """Return which of the wanted names of events were sent, and of all names those that were sent most."""
    source = f"FROM onefold.raw_events WHERE workspace IN {literals(workspaces)}"
    those = f"SELECT DISTINCT toString(event) AS name {source} AND event IN {literals(wanted)}"
    most = f"SELECT toString(event) AS name {source} GROUP BY event ORDER BY count() DESC LIMIT {_MOST_NAMES}"
    sent, known = ([str(row["name"]) for row in warehouse.rows(query)] for query in (those, most))
    return set(sent), known


def sent_names(warehouse: Warehouse, workspaces: Collection[str], sought: Collection[Sought]) -> list[SentNames]:
    """Return what was sent with the events of each type and name: those with wanted names first, then the commonest.

    Only the events and their parts are read in which something is looked for.
    """
    looked: dict[Root, str] = {}
    for root in _ROOTS:
        in_root = [each.calls for each in sought if each.field.root == root]
        calls = () if () in in_root else tuple(dict.fromkeys(chain.from_iterable(in_root)))
        looked[root] = called(calls) if in_root else "0"
    wanted = f"({', '.join(map(literal, dict.fromkeys(each.field.path[0] for each in sought)))})"
    keys = ", ".join(
        f"if({condition}, JSONExtractKeys({root}_text), []) AS {root}" for root, condition in looked.items()
    )
    named = ", ".join(
        f"groupUniqArrayArray(arrayFilter(key -> key IN {wanted}, {root})) AS wanted_{root},"
        f" groupUniqArrayArray({_MOST_NAMES})({root}) AS known_{root}"
        for root in _ROOTS
    )
    has_wanted = " OR ".join(f"notEmpty(wanted_{root})" for root in _ROOTS)
    rows = warehouse.rows(
        f"SELECT toString(type) AS of_type, toString(name) AS of_event, {named}"
        f" FROM (SELECT type, event AS name, {keys} FROM onefold.raw_events"
        f" WHERE workspace IN {literals(workspaces)} AND ({' OR '.join(looked.values())}))"
        f" GROUP BY type, name ORDER BY ({has_wanted}) DESC, count() DESC LIMIT {_MOST_NAMES}"
    )
    return [_sent_names(row) for row in rows]


def _sent_names(row: Mapping[str, object]) -> SentNames:
    def names(what: str, root: Root) -> tuple[str, ...]:
        return msgspec.convert(row[f"{what}_{root}"], tuple[str, ...])

    return SentNames(
        str(row["of_type"]),
        None if row["of_event"] is None else str(row["of_event"]),
        {root: frozenset(names("wanted", root)) for root in _ROOTS},
        {root: names("known", root) for root in _ROOTS},
    )
