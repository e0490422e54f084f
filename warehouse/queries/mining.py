"""Runs the query of a mined trait within bounds, and compares its result with what profiles show (docs/decisions/0040).

When it is run, and what becomes of the differences, is left to `jobs.mining`.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from definitions.sql.values import ITEMS_OF, VALUE_OF
from runtime.errors import TerminalError
from schemas.records import ProfileKind
from warehouse.client import DATABASE, Warehouse
from warehouse.errors import IncompleteError
from warehouse.lexing import Token, UnreadableSql, lex
from warehouse.names import explained
from warehouse.queries.values import literal

LONGEST_S = 300
ANSWER_TIMEOUT_S = LONGEST_S + 30.0
MOST_ITEMS = 200
MOST_BYTES = 8 * 1024
_EXACT = 2**53  # up to it a double has every whole number

_BOUNDS = {
    "database": DATABASE,
    "readonly": "1",
    "max_execution_time": str(LONGEST_S),
    "max_memory_usage": "4000000000",
    "max_result_rows": "20000000",
    "max_bytes_before_external_group_by": "500000000",  # what is beyond goes to disk
    "join_use_nulls": "0",
}
# By texts: a conversion to DateTime64(3) fails for the whole query where a time of whole seconds is too far off.
_MILLISECONDS = (
    "arrayMap(time -> substring(concat(time, if(length(time) = 19, '.', ''), '000'), 1, 23),"
    " [toString(toTimeZone(value, 'UTC'))])[1]"
)
_TEXTS = {
    "Bool": "if(value, 'true', 'false')",
    "U?Int[0-9]+": f"if(value >= -{_EXACT} AND value <= {_EXACT}, toString(value), '')",
    "Decimal[0-9]*": f"if(abs(toFloat64(value)) <= {_EXACT}, toString(value), '')",
    "B?Float[0-9]+": "if(isFinite(value), toString(value), '')",
    "DateTime(64)?": f"concat('\"', replaceOne({_MILLISECONDS}, ' ', 'T'), 'Z\"')",
    "FixedString": "toJSONString(toStringCutToZero(value))",
    "String|Enum[0-9]+|UUID|IPv[46]|Date(32)?": "toJSONString(toString(value))",
}
"""By the name of a scalar's type, the JSON text of `value`; empty where no trait can have it."""

_HARMLESS = frozenset(
    {"numbers", "numbers_mt", "zeros", "zeros_mt", "values", "generate_series", "generateseries", "format", "null"}
)
_FUNCTIONS = (
    *("file", "dictget", "joinget", "hascolumnintable", "merge", "ai", "catboost"),
    *("getsetting", "getserversetting", "getmergetreesetting", "getmacro"),
    *("hostname", "fullhostname", "fqdn", "serveruuid", "showcertificate"),
)
"""Beginnings of the names of functions, in lower case, that read something else than the tables that are named."""

_CATALOG = f"""
SELECT
    (SELECT groupArray(name) FROM system.databases WHERE name != '{DATABASE}') AS databases,
    (SELECT groupArray(lower(name)) FROM system.table_functions) AS table_functions,
    (
        SELECT groupArray(name) FROM system.tables
        WHERE database = '{DATABASE}' AND NOT endsWith(engine, 'View') AND name IN (
            SELECT table FROM system.columns WHERE database = '{DATABASE}' AND name = 'workspace')
    ) AS tables
"""
# What gave way, and to whom: a profile that is there gave way to nobody, or came apart again. Whoever is the end of the
# way is there, or ended.
_COMPARED = """
WITH RECURSIVE
merges AS
(
    SELECT retired_id, argMax(profile_id, decision) AS survivor
    FROM (SELECT arrayJoin(retired) AS retired_id, profile_id, decision FROM onefold.identity_changes FINAL
          WHERE workspace = {workspace})
    WHERE retired_id NOT IN (
        SELECT profile_id FROM onefold.profiles FINAL WHERE workspace = {workspace} AND profile_id IN (
            SELECT arrayJoin(retired) FROM onefold.identity_changes FINAL WHERE workspace = {workspace}))
    GROUP BY retired_id
),
ways AS
(
    SELECT retired_id AS id, survivor AS target, 1 AS steps FROM merges
    UNION ALL
    SELECT ways.id, merges.survivor, ways.steps + 1
    FROM ways INNER JOIN merges ON ways.target = merges.retired_id WHERE ways.steps < 100
),
({value_of}) AS tuple_of,
({items_of}) AS items
SELECT if(outcome IN ('changed', 'lost'), profile_id, '') AS profile_id,
       if(outcome = 'changed', text, '') AS value, outcome, misfits
FROM
(
    SELECT profile_id, max(found) AS text, max(seen) AS shown, sum(misfit) AS misfits,
           multiIf(max(is_known) = 0, 'unknown', {is_same}, 'same', text = '', 'lost', 'changed') AS outcome
    FROM
    (
        SELECT profile_id, argMaxIf(text, (is_own, value), text != '') AS found, countIf(text = '') AS misfit,
               '' AS seen, 0 AS is_known
        FROM
        (
            SELECT if(way.target = '', id, way.target) AS profile_id, way.target = '' AS is_own, value, {text} AS text
            FROM
            (
                SELECT toString(assumeNotNull(result.profile_id)) AS id, assumeNotNull(result.value) AS value
                FROM (
{query}
                ) AS result
                WHERE isNotNull(result.profile_id) AND isNotNull(result.value)
            ) AS found
            LEFT ANY JOIN (SELECT id, argMax(target, steps) AS target FROM ways GROUP BY id) AS way USING (id)
        )
        GROUP BY profile_id
        UNION ALL
        SELECT profile_id, '', 0, JSONExtractRaw(traits_text, {trait}), 1
        FROM onefold.profiles FINAL WHERE workspace = {workspace} AND kind = {kind}
    )
    GROUP BY profile_id
    HAVING text != '' OR shown != '' OR misfits != 0
)
"""
_SAME = "if(text = '' OR shown = '', text = shown, items(tuple_of(text, text)) = items(tuple_of(shown, shown)))"


class MinedQuery(NamedTuple):
    """The query of a trait, for the profiles of a kind in a workspace. `is_new`: nothing that is shown is of it."""

    workspace: str
    kind: ProfileKind
    trait: str
    query: str
    is_new: bool = False


class Compared(NamedTuple):
    """Some profiles: the JSON text of the value of each that is to show another, None for no value.

    `counts`: of profiles by outcome: same, changed, lost, unknown (there is none of the id); `misfits`: of values.
    """

    values: Mapping[str, str | None]
    counts: Counter[str]


class QueryRefused(TerminalError):
    """Is no query that a mined trait can have; the text says why."""


def compare(warehouse: Warehouse, mined: MinedQuery) -> Iterator[Compared]:
    """Yield what is different between the result of a query and what profiles show, a block at a time.

    Raises QueryRefused, TransientError or TerminalError, also on the way.
    """
    query, settings, text = _prepared(warehouse, mined)
    compared = _COMPARED.format(
        value_of=VALUE_OF,
        items_of=ITEMS_OF,
        is_same="text = '' AND shown = ''" if mined.is_new else _SAME,
        text=text,
        query=query,
        trait=literal(mined.trait),
        workspace=literal(mined.workspace),
        kind=literal(mined.kind),
    )
    for batch in warehouse.stream(compared, {"workspace": mined.workspace}, settings):
        ids, values, outcomes = (batch.column(name).to_pylist() for name in ("profile_id", "value", "outcome"))
        counts = Counter(outcomes)
        counts["misfits"] = sum(batch.column("misfits").to_pylist())
        yield Compared({each: value or None for each, value in zip(ids, values, strict=True) if each}, counts)


def check(warehouse: Warehouse, mined: MinedQuery) -> None:
    """Raise QueryRefused, or what ClickHouse says, for a query that cannot run; it is not run."""
    _prepared(warehouse, mined)


def _prepared(warehouse: Warehouse, mined: MinedQuery) -> tuple[str, dict[str, str], str]:
    """Return the query as it may stand in brackets, its settings, and the expression of a value's JSON text."""
    (catalog,) = warehouse.rows(_CATALOG)
    query = checked(mined.query, _texts(catalog["databases"]), _texts(catalog["table_functions"]))
    settings = {**_BOUNDS, "additional_table_filters": _row_filters(_texts(catalog["tables"]), mined.workspace)}
    try:
        described = warehouse.rows(f"DESCRIBE TABLE (\n{query}\n)", {"workspace": mined.workspace}, settings)
    except (IncompleteError, TerminalError) as error:
        raise QueryRefused(explained(warehouse, error, mined.query)) from error
    types = {str(row["name"]): str(row["type"]) for row in described}
    for column in ("profile_id", "value"):
        if column not in types:
            raise QueryRefused(f"the query of {mined.trait!r} has no column {column!r}, but {', '.join(types)}")
    text = json_text(types["value"])
    if text is None:
        raise QueryRefused(
            f"the column 'value' of the query of {mined.trait!r} is of type {types['value']}: a trait is a text, a"
            " number, true or false, a date or time, or a list of these"
        )
    return query, settings, text


def checked(query: str, databases: Collection[str], table_functions: Collection[str]) -> str:
    """Return a query without what ends it. Raises QueryRefused for what leads out of the tables of Onefold's database.

    `databases`: other ones. What is not seen here, such as a write, ClickHouse refuses by `readonly`.
    """
    try:
        tokens = list(lex(query.encode()))
    except UnreadableSql as error:
        raise QueryRefused(f"the query cannot be read: {error}") from None
    while tokens and tokens[-1].word == b";":
        query = query.encode()[: tokens.pop().start].decode()
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token.word == b"(") - (token.word == b")")
        if depth < 0 or token.word == b";":
            raise QueryRefused("the query is more than one: it ends before its last word")
        _refuse(token, [each.word for each in tokens[index + 1 : index + 2]], databases, table_functions)
    return query


def _refuse(token: Token, following: list[bytes], databases: Collection[str], table_functions: Collection[str]) -> None:
    name = token.value.decode(errors="replace")
    if token.word == b"SETTINGS":
        raise QueryRefused(
            "the query has SETTINGS of its own: the bounds are Onefold's (a column of that name: `settings`)"
        )
    if not token.name:
        return
    if following == [b"."] and name in databases:
        raise QueryRefused(f"the query reads the database {name!r}: it may read {DATABASE!r} only")
    if following == [b"("] and (
        name.lower().startswith(_FUNCTIONS) or name.lower() in set(table_functions) - _HARMLESS
    ):
        raise QueryRefused(f"the query calls {name}(): it may read tables of the database {DATABASE!r} only")


def json_text(column_type: str) -> str | None:
    """Return the expression of the JSON text of `value` by its type, empty where it does not fit; None for no trait."""
    plain = _plain(column_type)
    inner = re.fullmatch(r"Array\((.*)\)", plain)
    text = _scalar_text(plain) if inner is None else _list_text(_scalar_text(_plain(inner[1])))
    if text is None:
        return None
    return f"arrayMap(json -> if(length(json) > {MOST_BYTES} OR NOT isValidUTF8(json), '', json), [{text}])[1]"


def _list_text(item: str | None) -> str | None:
    if item is None:
        return None
    of_item = f"if(isNull(value), '', {item.replace('value', 'assumeNotNull(value)')})"
    items = f"arrayMap(value -> {of_item}, value)"
    joined = f"concat('[', arrayStringConcat({items}, ','), ']')"
    return f"if(length(value) > {MOST_ITEMS} OR has({items}, ''), '', {joined})"


def _scalar_text(plain: str) -> str | None:
    kind = plain.partition("(")[0]
    return next((text for pattern, text in _TEXTS.items() if re.fullmatch(pattern, kind)), None)


def _plain(column_type: str) -> str:
    while wrapped := re.fullmatch(
        r"(?:LowCardinality|Nullable|SimpleAggregateFunction)\((?:\w+, )?(.*)\)", column_type
    ):
        column_type = wrapped[1]
    return column_type


def _row_filters(tables: Collection[str], workspace: str) -> str:
    """Return the value of `additional_table_filters`: of each of the tables the rows of one workspace.

    In hexadecimals, so that nothing in a name can mean something to whoever reads the setting.
    """
    condition = literal(f"workspace = unhex({literal(workspace.encode().hex().upper())})")
    return "{" + ",".join(f"{literal(f'{DATABASE}.{table}')}:{condition}" for table in sorted(tables)) + "}"


def _texts(column: object) -> list[str]:
    return list(map(str, column)) if isinstance(column, list) else []
