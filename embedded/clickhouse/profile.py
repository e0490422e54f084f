"""The settings a query starts from, before its URL and its SETTINGS clause; applying them is left to the engine."""

from collections.abc import Mapping
from typing import Final

import psutil

PROFILE: Final[Mapping[str, str]] = {
    # Tables are ReplacingMergeTree: analysts must see one row per key without knowing the word FINAL.
    "final": "1",
    # An insert is answered once it is written and known to the deduplication window, not once it is queued.
    "async_insert": "0",
    # A key with a dot stays one key of a JSON column, which is shown as it was sent; its path says `%2E`.
    "json_type_escape_dots_in_keys": "1",
    # Of a key that an object has twice the first counts, also where SQL reads it from a text: no sender fails a query.
    "type_json_skip_duplicated_paths": "1",
    # As in standard SQL: ClickHouse asks for a word behind UNION, and leaves behind EXCEPT what is there more often.
    "union_default_mode": "DISTINCT",
    "except_default_mode": "DISTINCT",
    "intersect_default_mode": "DISTINCT",
}
"""What every Onefold query assumes, here and in production: `deploy/` puts the same into the server's users.xml."""

SERVER_DEFAULTS: Final[Mapping[str, str]] = {
    # chDB starts from clickhouse-local's defaults, which accept `1 + 1` for a query and show stack symbols.
    "implicit_select": "0",
    "allow_introspection_functions": "0",
    # Values are literals, unless the gateway has read all of an INSERT's and `VALUE_EXPRESSIONS` are added.
    "input_format_values_interpret_expressions": "0",
    "input_format_values_deduce_templates_of_expressions": "0",
}
"""Where chDB differs from a ClickHouse server, put back, and what `access` closes."""

VALUE_EXPRESSIONS: Final[Mapping[str, str]] = {
    "input_format_values_interpret_expressions": "1",
    "input_format_values_deduce_templates_of_expressions": "1",
}
"""As on a ClickHouse server: expressions in an INSERT's VALUES."""

ROW_FILTERS: Final = "additional_table_filters"
"""The setting that says which rows of which tables a query sees; its value is SQL."""

DEFAULT_MAX_QUERY_SIZE: Final = 262_144
"""Bytes of SQL that a query may have, ClickHouse's own default; an INSERT's data does not count."""

MAX_BUFFERED_RESULT_BYTES: Final = 1 << 30
"""Bound of a result in a format that chDB cannot stream (JSON, Arrow, Parquet, ...)."""


def memory_limit() -> int:
    """Return how many bytes a query may use: half of the memory, so that a bad query fails and not the process."""
    return psutil.virtual_memory().total // 2
