"""Speaks to ClickHouse: client, tables, migrations and every query. What becomes a row is left to `sinks`."""
