"""Makes rows of deliveries, and groups them into statements that may run together: pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from definitions.receivers.columns import DELIVERY_KEY
from definitions.receivers.sql import Sql
from sinks.destinations.contract import Delivery, Refused

Action: TypeAlias = Literal["insert", "upsert", "delete"]


class TableRow(NamedTuple):
    """What is to be done for the delivery at `position` of the batch."""

    position: int
    action: Action
    values: Mapping[str, object]


class SqlStatement(NamedTuple):
    """Rows in a row of the same action and columns: one statement."""

    action: Action
    columns: tuple[str, ...]
    rows: Sequence[TableRow]


def row_of(position: int, delivery: Delivery, options: Sql, fields: Iterable[str]) -> TableRow | Refused:
    """Return the row of a delivery; Refused if it lacks what names the row.

    `fields`: what the mapping can make; a field that this delivery lacks empties its column, as of a trait that has
    gone.
    """
    values = dict.fromkeys(fields) | dict(delivery.fields)
    if options.mode == "insert":
        return TableRow(position, "insert", values | {DELIVERY_KEY: delivery.key})
    missing = [name for name in options.key if values.get(name) is None]
    if missing:
        return Refused("unmappable", f"has no {' and no '.join(missing)}, which names the row")
    if values.get(options.version) is None:
        values[options.version] = delivery.activation.version
    if options.mode == "mirror" and delivery.activation.change == "exited":
        return TableRow(position, "delete", {name: values[name] for name in (*options.key, options.version)})
    return TableRow(position, "upsert", values)


def steps_of(rows: Iterable[TableRow]) -> Iterator[SqlStatement]:
    """Yield the steps that do all rows in their order."""
    for (action, columns), group in groupby(rows, lambda row: (row.action, tuple(sorted(row.values)))):
        yield SqlStatement(action, columns, tuple(group))
