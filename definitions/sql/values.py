"""Values of JSON as tuples of one type (kind, number, text), and strict comparisons of them (docs/decisions/0033).

Of equal values the tuples are equal, and they are ordered as the values are.
"""

from collections.abc import Sequence

from definitions.model import Comparison, Operator, Scalar
from definitions.plan.accumulators import LONG_NUMBER_BYTES, MAX_LIST_BYTES
from definitions.sql.columns import SqlText, joined, sql
from definitions.sql.literals import double, literal
from definitions.sql.times import NO_TIME

TUPLE = "Tuple(UInt8, Float64, String)"
NOTHING = "(0, 0., '')"
TEXT, NUMBER, BOOLEAN, OTHER = 1, 2, 3, 4
"""Kinds; 0 is nothing. The number of a boolean is 0 or 1, the text of a list or an object is its JSON."""

# ClickHouse reads a whole number beyond 64 bits as a text: it is one if the document has it in quotes.
VALUE_OF = r"""(raw, document) -> multiIf(
    raw = '' OR raw = 'null', (0, 0., ''),
    startsWith(raw, '"') AND match(raw, '^"-?[0-9]{19,}"$') AND position(document, raw) = 0,
        (2, JSONExtractFloat(JSONExtractString(raw)), ''),
    startsWith(raw, '"'), (1, 0., JSONExtractString(raw)),
    raw IN ('true', 'false'), (3, if(raw = 'true', 1., 0.), ''),
    startsWith(raw, '[') OR startsWith(raw, '{'), (4, 0., raw),
    (2, JSONExtractFloat(raw) + 0., ''))"""

ITEMS_OF = "value -> if(value.1 = 4, arrayMap(raw -> tuple_of(raw, value.3), JSONExtractArrayRaw(value.3)), [value])"
"""The tuples of the items of a list, or of the value that is none; `tuple_of` is VALUE_OF."""

_ESCAPES = r"""countMatches(x.3, '["\\\\\\x08\\t\\n\\f\\r]') + 5 * countMatches(x.3, '[\\x00-\\x07\\x0b\\x0e-\\x1f]')"""
_JSON_BYTES = f"""multiIf(
    x.1 = 1, length(x.3) + 2 + {_ESCAPES},
    x.1 = 3, if(x.2 = 1, 4, 5),
    x.2 = trunc(x.2) AND abs(x.2) <= 9007199254740992., length(toString(x.2)),
    {LONG_NUMBER_BYTES})"""
"""How long the JSON of `x` is: of a text with the escapes that it needs, and with no others."""

_ORDERINGS = {
    Operator.GREATER_THAN: ">",
    Operator.GREATER_OR_EQUAL: ">=",
    Operator.LESS_THAN: "<",
    Operator.LESS_OR_EQUAL: "<=",
}
_OF_TIMES = {
    Operator.BEFORE: "time < {1}",
    Operator.AFTER: "time > {1}",
    Operator.WITHIN_LAST: "time > {2} - {1} AND time <= {2}",
    Operator.LONGER_AGO_THAN: "time <= {2} - {1}",
    Operator.WITHIN_NEXT: "time > {2} AND time <= {2} + {1}",
}

_OF_TEXTS = {Operator.STARTS_WITH: "startsWith", Operator.ENDS_WITH: "endsWith"}

# Of a pattern without flags ClickHouse requires a substring, which a quantifier cuts within a character of several
# bytes: `北京?` would not be found in 北. This flag, which is off anyway, keeps it from looking for one.
_NO_SUBSTRING = "(?-i)"


def of_scalar(value: Scalar) -> str:
    """Return the tuple of a scalar that is known."""
    if isinstance(value, str):
        return f"({TEXT}, 0., {literal(value)})"
    return f"({BOOLEAN if isinstance(value, bool) else NUMBER}, {double(value)}, '')"


def of_number(number: SqlText) -> SqlText:
    """Return the tuple of an expression that is a number."""
    return sql("(2, toFloat64({0}), '')", number)


def number_where(condition: SqlText, number: SqlText) -> SqlText:
    """Return the tuple of a number, nothing unless the condition holds."""
    return sql(f"if({{0}}, (2, toFloat64({{1}}), ''), {NOTHING})", condition, number)


def json_of(values: SqlText) -> SqlText:
    """Return the JSON text of a list of tuples of scalars."""
    texts = "arrayMap(x -> multiIf(x.1 = 1, toJSONString(x.3), x.1 = 2, toString(x.2), x.2 = 1, 'true', 'false'), {0})"
    return sql(f"concat('[', arrayStringConcat({texts}, ','), ']')", values)


def fitting(values: SqlText) -> SqlText:
    """Return the first tuples of a list of scalars, as many as fit into 8 KiB of JSON."""
    totals = f"arrayCumSum(x -> {_JSON_BYTES} + 1, {{0}})"  # behind each value stands a comma or a bracket
    return sql(f"arraySlice({{0}}, 1, arrayCount(total -> 1 + total <= {MAX_LIST_BYTES}, {totals}))", values)


def passes(value: SqlText, comparisons: Sequence[Comparison], now: int) -> SqlText:
    """Say in SQL whether a tuple, which is a column, passes all comparisons at a time."""
    return joined(" AND ", [_passes(value, comparison, now) for comparison in comparisons], "1")


def _passes(value: SqlText, comparison: Comparison, now: int) -> SqlText:  # noqa: PLR0911 - one for each operator
    operator, operand = comparison.operator, comparison.operand
    if operator is Operator.CONTAINS_ANY:
        return _contains(value, operand if isinstance(operand, tuple) else (operand,))
    if isinstance(operand, tuple):
        return _is_among(value, operand, operator)
    if operator in _ORDERINGS:
        return sql(f"({{0}}.1 = 2 AND {{0}}.2 {_ORDERINGS[operator]} {{1}})", value, double(operand))
    if operator in _OF_TIMES:
        return sql(
            f"arrayExists(time -> time != {NO_TIME} AND {_OF_TIMES[operator]}, [time_of({{0}})])",
            value,
            str(operand),
            str(now),
        )
    match operator:
        case Operator.EXISTS:
            return sql("({0}.1 != 0)" if operand else "({0}.1 = 0)", value)
        case Operator.EQUALS:
            return sql("({0} = {1})", value, of_scalar(operand))
        case Operator.NOT_EQUALS:
            return sql("({0}.1 != 0 AND {0} != {1})", value, of_scalar(operand))
        case Operator.NOT_CONTAINS:
            return sql("({0}.1 != 0 AND NOT {1})", value, _contains(value, (operand,)))
        case Operator.MATCHES:
            return sql("({0}.1 = 1 AND match({0}.3, {1}))", value, literal(f"{_NO_SUBSTRING}{operand}"))
        case Operator.STARTS_WITH | Operator.ENDS_WITH:
            return sql(f"({{0}}.1 = 1 AND {_OF_TEXTS[operator]}({{0}}.3, {{1}}))", value, literal(str(operand)))
        case _:
            return _contains(value, (operand,))


def _is_among(value: SqlText, operands: tuple[Scalar, ...], operator: Operator) -> SqlText:
    known = f"[{', '.join(map(of_scalar, operands))}]"
    if operator is Operator.IN:
        return sql("has({1}, {0})", value, known)
    return sql("({0}.1 != 0 AND NOT has({1}, {0}))", value, known)


def _contains(value: SqlText, operands: tuple[Scalar, ...]) -> SqlText:
    known = f"[{', '.join(map(of_scalar, operands))}]"
    listed = "{0}.1 = 4 AND arrayExists(x -> has({1}, value_of(x, {0}.3)), JSONExtractArrayRaw({0}.3))"
    texts = [literal(operand) for operand in operands if isinstance(operand, str)]
    parts = " OR ".join(f"position({{0}}.3, {{{number}}}) > 0" for number, _ in enumerate(texts, start=2))
    template = f"(({listed}) OR ({{0}}.1 = 1 AND ({parts})))" if texts else f"({listed})"
    return sql(template, value, known, *texts)
