"""Literals of ClickHouse's SQL."""

from definitions.model import Scalar


def literal(text: str) -> str:
    """Return a string literal of ClickHouse's SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\0", "\\0")
    return f"'{escaped}'"


def double(number: Scalar) -> str:
    """Return a literal of type Float64."""
    return f"toFloat64({float(number)!r})"
