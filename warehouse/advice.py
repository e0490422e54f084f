"""What to write instead, where ClickHouse's error says only what is wrong, or proposes what loses values."""

import re

_READ_CHARACTERS = 10_000  # a message quotes the query
_OF_ANY_TYPE = (
    "What senders wrote has no one type: read it as num(properties.total), text(properties.plan), bool(...), time(...)."
)
_LISTS = "A list of objects is read by ARRAY JOIN items(properties.products) AS product."
_FUNNEL = (
    "Write toDateTime(occurred_at) for whole seconds, or toUInt64(toUnixTimestamp64Milli(occurred_at)) and a window in"
    " milliseconds."
)
_ADVICE = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"Illegal type DateTime64\S* ?\S* of first argument of aggregate function windowFunnel", _FUNNEL),
        (
            r"Illegal type DateTime64\S* ?\S* of first argument of aggregate function sequence",
            "Write toDateTime(occurred_at).",
        ),
        (
            r"Cannot convert string '\d{4}-[^']*' to type Date",
            "Write time('2026-01-31T00:00:00Z'), or '2026-01-31 00:00:00'.",
        ),
        (
            r"Cannot convert NULL value to non-Nullable",
            "Write toFloat64(num(properties.total)), which NULL does not fail.",
        ),
        (r"Illegal types? Decimal\(", "Write toFloat64(num(properties.total))."),
        (
            r"Lambda value .* expect 1 arguments",
            "num, text, bool, time and items take a path: num(properties.total).",
        ),
        (r"Variant\(.*Decimal", "Beside num(...), write a number with decimals as num(0.5)."),
        (r"Division by zero", "Divide by nullIf(..., 0)."),
        (r"identifier `[^`]*[^`\w.][^`]*`", "A text stands in single quotes: event = 'Order Completed'."),
        (r"ARRAY JOIN.* requires .*(Actual: Dynamic|array argument)", _LISTS),
        (r"array aggregation function .* type Dynamic|Array\(JSON", _LISTS),
        (r"\bDynamic\b|FUNCTION .*(getSubcolumn\(|\b(properties|traits|context)\.)", _OF_ANY_TYPE),
    )
)


def advice(message: str) -> str:
    """Return what to write instead of a query that ClickHouse refuses with `message`; an empty text if nobody knows."""
    read = message[:_READ_CHARACTERS]
    return next((text for pattern, text in _ADVICE if pattern.search(read)), "")
