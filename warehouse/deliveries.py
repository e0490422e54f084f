"""The table of deliveries: a row for each attempt, and for what was never tried its reason."""

from warehouse.column_types import (
    NAME,
    NAME_OR_EMPTY,
    NUMBER,
    OPTIONAL_BYTES,
    OPTIONAL_NUMBER,
    OPTIONAL_TIME,
    TEXT,
    TEXT_OR_EMPTY,
    TIME,
    VERSION,
)
from warehouse.table import Column, Retained, WarehouseTable

DELIVERIES = WarehouseTable(
    "deliveries",
    ("workspace", "destination", "attempted_at", "delivery_id", "attempt", "outcome"),
    (
        Column("workspace", NAME),
        Column("delivery_id", TEXT, personal=False),
        Column("destination", NAME),
        Column("kind", NAME),
        Column("name", NAME),
        Column("change", NAME),
        Column("activation_id", TEXT, personal=False),
        Column("profile_id", TEXT_OR_EMPTY, personal=False),
        Column("profile_kind", NAME_OR_EMPTY),
        Column("happened_at", TIME),
        Column("attempt", NUMBER),
        Column("outcome", NAME),
        Column("reason", NAME),
        Column("detail", TEXT, personal=True),
        Column("attempted_at", TIME),
        Column("took_ms", NUMBER),
        Column("due_at", OPTIONAL_TIME),
        Column("status", OPTIONAL_NUMBER),
        Column("request", TEXT, personal=True),
        Column("answer", TEXT, personal=True),
        Column("mapping", NAME),
        Column("version", VERSION, "version"),
        Column("kept_as", NAME),
        Column("activation", OPTIONAL_BYTES, personal=True),
    ),
    Retained("deliveries", "attempted_at", by_month=True),
)
