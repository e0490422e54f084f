"""Queries what definitions say: who is in a segment at a time, which value a trait has, how many there are.

All is computed anew of the events, each with the profile of now, in one query for a hundred definitions and what these
read: a longer one takes ClickHouse out of proportion longer. A time that lies back is that time as it is known now: who
was merged since is one. Only what a query has yielded (`mining`) is taken from the profiles, and what people have said
about being sent things from `consents`, both as of now: events of the past count by the rules of then (decision 0043).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from definitions.model import Definitions
from definitions.plan import leaves, narrowed
from definitions.sql import DefinitionsQuery, Inputs, Scope
from definitions.sql.consent import CODES
from schemas.records import ProfileKind
from warehouse.client import Warehouse
from warehouse.queries.values import literal, literals

if TYPE_CHECKING:
    import pyarrow as pa

ANSWER_TIMEOUT_S = 300.0
MOST_IN_A_QUERY = 100

_EVENTS = """SELECT
    profile_id, toUnixTimestamp64Milli(occurred_at) AS at, ordinal, leftUTF8(message_id, 128) AS id, type,
    event AS name, source, properties_text AS properties, traits_text AS traits, context_text AS context
FROM onefold.current_events
WHERE workspace = {workspace} AND profile_kind = {kind} AND {condition}"""
_SHOWN = """SELECT profile_id, traits_text AS shown FROM onefold.profiles FINAL
WHERE workspace = {workspace} AND kind = {kind}"""
_STATEMENTS = f"""SELECT profile_id, mapFromArrays(groupArray(about), groupArray(said)) AS statements
FROM (
    SELECT profile_id, concat(purpose, '|', channel) AS about, argMax((transform(
        toString(status), {[*CODES]}, {[*CODES.values()]}::Array(UInt8), 0::UInt8), toUnixTimestamp64Milli(since)),
        version) AS said
    FROM onefold.consents
    WHERE workspace = {{workspace}} AND profile_kind = {{kind}}
    GROUP BY profile_id, about
)
GROUP BY profile_id"""

T = TypeVar("T")


class EvaluationQuery(NamedTuple):
    """Definitions, of any workspaces and kinds, evaluated for profiles of one kind in one workspace at a time (ms).

    `priorities`: of the workspace's sources, by name.
    """

    definitions: Definitions
    workspace: str
    kind: ProfileKind
    now: int
    priorities: Mapping[str, int] = {}


class Evaluated(NamedTuple):
    """What holds of one profile: its segments, and the traits that it shows, as decoded JSON."""

    profile_id: str
    segments: frozenset[str]
    traits: Mapping[str, object]


def source_of(workspace: str, kind: ProfileKind, condition: str) -> Inputs:
    """Return what definitions are computed of; the condition is one of events."""
    named = {"workspace": literal(workspace), "kind": literal(kind)}
    return Inputs(_EVENTS.format(**named, condition=condition), _SHOWN.format(**named), _STATEMENTS.format(**named))


def evaluate(
    warehouse: Warehouse, wanted: EvaluationQuery, profile_ids: Sequence[str] | None = None
) -> Iterator[Evaluated]:
    """Yield all definitions of each profile that has an event by then; of those named, or of all."""
    definitions = scope_of(wanted).definitions
    compiled = DefinitionsQuery(scope_of(wanted))
    segments = [segment.name for segment in definitions.segments]
    traits = [trait.name for trait in definitions.traits]
    columns = {f"s{number}": compiled.segment(name) for number, name in enumerate(segments)}
    for number, name in enumerate(traits):
        columns |= compiled.shown(name, f"t{number}")
    for batch in warehouse.stream(compiled.selected(_source(wanted, profile_ids), columns)):
        yield from _evaluated(batch, segments, traits)


def members(warehouse: Warehouse, wanted: EvaluationQuery, segment: str) -> Iterator[str]:
    """Yield the ids of the profiles that are in a segment."""
    compiled = DefinitionsQuery(scope_of(wanted))
    query = compiled.selected(_source(wanted), {"is_member": compiled.segment(segment)})
    for batch in warehouse.stream(f"SELECT profile_id FROM (\n{query}\n) WHERE is_member"):
        yield from batch.column("profile_id").to_pylist()


def trait_values(warehouse: Warehouse, wanted: EvaluationQuery, trait: str) -> Iterator[tuple[str, object]]:
    """Yield the profiles that show a trait, each its id and the value as decoded JSON."""
    compiled = DefinitionsQuery(scope_of(wanted))
    query = compiled.selected(_source(wanted), compiled.shown(trait, "value"))
    for batch in warehouse.stream(f"SELECT * FROM (\n{query}\n) WHERE value_kind != 0"):
        values = _values(batch, "value")
        yield from zip(batch.column("profile_id").to_pylist(), values, strict=True)


def sizes(warehouse: Warehouse, wanted: EvaluationQuery) -> dict[str, int]:
    """Count the members of every segment."""
    scope, counted = scope_of(wanted), dict[str, int]()
    for names in sliced(segment.name for segment in scope.definitions.segments):
        counted |= _sizes(warehouse, wanted, names)
    return counted


def sliced(names: Iterable[T], most: int = MOST_IN_A_QUERY) -> Iterator[tuple[T, ...]]:
    """Yield what is to be queried in parts, each for one query."""
    rest = iter(names)
    while part := tuple(islice(rest, most)):
        yield part


def _sizes(warehouse: Warehouse, wanted: EvaluationQuery, names: Sequence[str]) -> dict[str, int]:
    compiled = DefinitionsQuery(scope_of(wanted))
    query = compiled.selected(_source(wanted), {f"s{at}": compiled.segment(name) for at, name in enumerate(names)})
    counted = ", ".join(f"countIf(s{number}) AS n{number}" for number in range(len(names)))
    (row,) = warehouse.rows(f"SELECT {counted} FROM (\n{query}\n)")
    return {name: int(str(row[f"n{number}"])) for number, name in enumerate(names)}


def leaf_values(
    warehouse: Warehouse, wanted: EvaluationQuery, segment: str, profile_ids: Sequence[str]
) -> dict[str, tuple[bool, ...]]:
    """Find by profile which leaves of a segment's condition hold, in the order in which they are written."""
    scope = scope_of(wanted)
    (condition,) = (each.when for each in scope.definitions.segments if each.name == segment)
    compiled = DefinitionsQuery(scope)
    columns = {f"l{number}": compiled.holds(leaf) for number, leaf in enumerate(leaves(condition))}
    rows = warehouse.rows(compiled.selected(_source(wanted, profile_ids), columns))
    return {str(row["profile_id"]): tuple(bool(row[name]) for name in columns) for row in rows}


def scope_of(wanted: EvaluationQuery) -> Scope:
    """Return what concerns the profiles that are queried."""
    definitions = narrowed(wanted.definitions, wanted.workspace, wanted.kind)
    return Scope(definitions, wanted.now, wanted.priorities)


def _source(wanted: EvaluationQuery, profile_ids: Sequence[str] | None = None) -> Inputs:
    condition = f"occurred_at <= fromUnixTimestamp64Milli({wanted.now})"
    if profile_ids is not None:
        condition += f" AND has({literals(profile_ids)}, profile_id)"
    return source_of(wanted.workspace, wanted.kind, condition)


def _evaluated(batch: "pa.RecordBatch", segments: Sequence[str], traits: Sequence[str]) -> Iterator[Evaluated]:
    members = [batch.column(f"s{number}").to_pylist() for number in range(len(segments))]
    values = [_values(batch, f"t{number}") for number in range(len(traits))]
    for row, profile_id in enumerate(batch.column("profile_id").to_pylist()):
        yield Evaluated(
            profile_id,
            frozenset(name for name, column in zip(segments, members, strict=True) if column[row]),
            {name: column[row] for name, column in zip(traits, values, strict=True) if column[row] is not None},
        )


def _values(batch: "pa.RecordBatch", name: str) -> list[object]:
    kinds, numbers, texts = (batch.column(f"{name}_{part}").to_pylist() for part in ("kind", "number", "text"))
    return [decoded(*parts) for parts in zip(kinds, numbers, texts, strict=True)]


def decoded(kind: int, number: float, text: str) -> object:
    """Return the value that a tuple stands for."""
    match kind:
        case 1:
            return text
        case 2:
            return number
        case 3:
            return bool(number)
        case 4:
            return json.loads(text)
        case _:
            return None
