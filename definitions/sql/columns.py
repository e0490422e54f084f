"""Columns of nested SELECTs: each expression is computed once, in the innermost SELECT that has all it reads."""

from typing import NamedTuple


class SqlText(NamedTuple):
    """An expression. `depth`: how many SELECTs lie between it and the source whose columns it reads."""

    text: str
    depth: int = 0


def sql(template: str, *parts: SqlText | str) -> SqlText:
    """Put parts, which may be literals, in place of `{0}`, `{1}` ..."""
    read = [part if isinstance(part, SqlText) else SqlText(part) for part in parts]
    return SqlText(template.format(*(part.text for part in read)), max((part.depth for part in read), default=0))


def joined(separator: str, parts: list[SqlText], default: str) -> SqlText:
    """Return all parts in parentheses, or the default where there is none."""
    if not parts:
        return SqlText(default)
    return SqlText(f"({separator.join(part.text for part in parts)})", max(part.depth for part in parts))


class Columns:
    """Names for expressions; equal ones share a name."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._named: dict[SqlText, str] = {}

    def __call__(self, expression: SqlText) -> SqlText:
        """Return the column that has an expression's value."""
        name = self._named.setdefault(expression, f"{self._prefix}{len(self._named)}")
        return SqlText(name, expression.depth + 1)

    def selected(self, source: str) -> str:
        """Return a query for the columns of the source and all that were named."""
        query = source
        for depth in sorted({expression.depth for expression in self._named}):
            named = [f"{each.text} AS {name}" for each, name in self._named.items() if each.depth == depth]
            query = f"SELECT *, {', '.join(named)}\nFROM (\n{query}\n)"
        return query
