"""The table of what people have said about being sent things: a row for each change, kept for ever."""

from warehouse.column_types import NAME, NUMBER, TEXT, TIME, VERSION
from warehouse.table import Column, WarehouseTable

CONSENTS = WarehouseTable(
    "consents",
    ("workspace", "profile_id", "purpose", "channel", "version"),
    (
        Column("workspace", NAME),
        Column("profile_id", TEXT, personal=False),
        Column("profile_kind", NAME),
        Column("purpose", NAME, "entry.purpose"),
        Column("channel", NAME, "entry.channel"),
        Column("status", NAME, "entry.status"),
        Column("since", TIME, "entry.since"),
        Column("event", TEXT, "entry.event", personal=False),
        Column("source", NAME, "entry.source"),
        Column("text", TEXT, "entry.text", personal=True),
        Column("reason", TEXT, "entry.reason", personal=True),
        Column("changed_at", TIME),
        Column("decision", NUMBER),
        Column("version", VERSION, "version"),
    ),
)
