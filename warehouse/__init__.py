"""ClickHouse: client, tables, migrations, and every query that anybody asks. What becomes a row is left to `sinks`."""
