"""CSV as Salesforce reads and writes it: RFC 4180 with line feeds, a header. Pure."""

import csv
import io
from collections.abc import Mapping, Sequence


def table_of(rows: Sequence[Mapping[str, str]]) -> bytes:
    """Return rows as CSV; a column that a row does not have is empty in it, which leaves the field as it is."""
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def rows_in(table: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV that somebody else wrote; cells beyond the header are dropped."""
    lines = csv.reader(io.StringIO(table.decode("utf-8", "replace"), newline=""))
    try:
        header = next(lines, [])
        return [dict(zip(header, cells, strict=False)) for cells in lines if cells]
    except csv.Error:
        return []
