"""Writes `docs/reference/tables.md`: what the migrations say of every table, view and column, and `tables` of keys."""

from collections.abc import Iterator

from settings.retention import UNSAID
from warehouse.blueprints import Blueprint, blueprints
from warehouse.lexing import lex
from warehouse.migrate import read_migrations
from warehouse.table import WarehouseTable
from warehouse.tables import TABLES, is_personal

_HEAD = """# Tables and views

What there is in ClickHouse, in the database `onefold`. `make docs-reference` writes this page of what the migrations
say, and `DESCRIBE` shows it as well.

Views are for questions, and what most people need is `events`. Tables keep one row for each key, the one with the
highest `version`, and show just that with `FINAL`, or with the setting `final = 1`. **personal**: the column may hold
what names or describes somebody, in the words of whoever sent it.

Functions that read `properties`, `traits` and `context`: [querying](../guide/querying.md#numbers-texts-times).
"""
_BEHIND_TYPE = (b"DEFAULT", b"MATERIALIZED", b"ALIAS", b"EPHEMERAL", b"CODEC", b"COMMENT")
_FOR_INSERTS = b"EPHEMERAL"


def reference() -> str:
    """Return the page."""
    made = blueprints(statement for migration in read_migrations() for statement in migration.statements)
    views = [blueprint for blueprint in made.values() if blueprint.kind == "view"]
    tables = [blueprint for blueprint in made.values() if blueprint.kind == "table"]
    shown = [*reversed(views), *tables]  # a view comes before those that it is made of
    lines = [_HEAD]
    for blueprint in shown:
        lines.append(f"- [`{blueprint.name}`](#{blueprint.name}) ({blueprint.kind}): {_first_sentence(blueprint)}")
    for blueprint in shown:
        lines += ["", *_section(blueprint)]
    return "\n".join(lines) + "\n"


def _first_sentence(blueprint: Blueprint) -> str:
    return " ".join(blueprint.comment.split()).partition(". ")[0].removesuffix(".")


def _section(blueprint: Blueprint) -> Iterator[str]:
    yield f"## {blueprint.name}"
    yield ""
    yield " ".join(blueprint.comment.split())
    if table := TABLES.get(blueprint.name):
        yield ""
        yield f"Sorted by `{', '.join(table.key)}`.{_retention(table)}"
    if blueprint.columns:
        yield ""
        yield "| column | type | | what it is |"
        yield "|---|---|---|---|"
        for name, definition in blueprint.columns.items():
            yield from _line(blueprint.name, name, definition)


def _retention(table: WarehouseTable) -> str:
    if table.retained is None:
        return ""
    unsaid = f"for {days.removesuffix('d')} days" if (days := UNSAID.get(table.retained.setting)) else "for ever"
    return f" Kept {unsaid}, or as long as `retention: {table.retained.setting}` says, by `{table.retained.column}`."


def _line(table: str, name: str, definition: str) -> Iterator[str]:
    """The line of a column in its table; none of one that is for inserts only."""
    tokens = list(lex(definition.encode()))
    words = [token.word for token in tokens]
    if _FOR_INSERTS not in words:
        end = next(index for index, word in enumerate(words) if word in _BEHIND_TYPE)
        kind = definition.encode()[tokens[1].start : tokens[end - 1].end].decode()
        comment = tokens[words.index(b"COMMENT") + 1].value.decode()
        personal = "personal" if is_personal(table, name) else ""
        yield f"| `{name}` | `{kind}` | {personal} | {comment} |"


if __name__ == "__main__":
    print(reference(), end="")
