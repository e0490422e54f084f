"""Lists the columns, once: inserts derive from this list, and a test holds what the migrations create to it.

Leaves which records become rows of a table to `sinks`.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from warehouse.column_types import (
    BYTES,
    CLAIMANTS,
    COUNT,
    COUNTERS,
    DEFAULT_FLAG,
    DEFAULT_TIME,
    FLAG,
    HEADERS,
    IDENTIFIER_ID,
    IDENTIFIERS,
    JSON,
    JSON_TEXT,
    MEMBERSHIPS,
    NAME,
    NAME_OR_EMPTY,
    NUMBER,
    OPTIONAL_BYTES,
    OPTIONAL_NAME,
    OPTIONAL_NUMBER,
    OPTIONAL_TEXT,
    OPTIONAL_TIME,
    PEOPLE,
    PROFILE_IDS,
    REPAIRS,
    SET_VERSION,
    SIZE,
    TEXT,
    TEXT_OR_EMPTY,
    TEXTS,
    TIME,
    UNPARSED,
    VERSION,
    ColumnType,
)

Rows = Mapping[str, Sequence[Any]]
"""Rows of one table as lists of one length: `origin` (the message), `record`, `version`, and what else it needs."""


class Column(msgspec.Struct, frozen=True):
    """A column of a table. `path`: one of the rows' lists, and from each of its items the way to the value.

    By default that is the field of the column's name of the record. `personal`: whether it may hold what names or
    describes somebody, for masking and erasure; None of a type that has no room for it.
    """

    name: str
    type: ColumnType
    path: str = ""
    personal: bool | None = None

    @property
    def inserted_as(self) -> str:
        """JSON goes in through a text column that is not stored, so that a hostile text cannot fail its batch.

        The text itself, and bytes, go in through one too, into columns that `SELECT *` does not show.
        """
        if self.type is BYTES:
            return f"{self.name}_bytes"
        return f"{self.name}_sent" if self.type is JSON else self.name

    def array(self, rows: Rows) -> pa.Array:
        items, _, field = (self.path or f"record.{self.name}").partition(".")
        return self.type.array(list(map(attrgetter(field), rows[items])) if field else rows[items])


class Retained(msgspec.Struct, frozen=True):
    """That a table may be kept for a time. `setting`: its name in `settings.Retention`.

    `column`: the time from which on it is kept, the same in all versions of a row. `by_month`: each partition has the
    rows of a month of it, and the first one all that come before.
    """

    setting: str
    column: str
    by_month: bool = False


class WarehouseTable(msgspec.Struct, frozen=True):
    """A table of the warehouse. `key`: of rows that have it in common the one with the highest version counts.

    `retained`: by which column its rows grow old; None: they never do.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    retained: Retained | None = None

    @property
    def inserted(self) -> tuple[Column, ...]:
        """The columns that an insert carries."""
        return tuple(column for column in self.columns if not column.type.computed)

    def arrow(self, rows: Rows) -> pa.Table:
        """Convert rows to columns. Raises OverflowError or pa.ArrowInvalid for a value that its column cannot hold."""
        return pa.table({column.inserted_as: column.array(rows) for column in self.inserted})


_WORKSPACE = Column("workspace", NAME)
_VERSION = Column("version", VERSION, "version")
_IS_DELETED = Column("is_deleted", FLAG, "is_deleted")
_UNPARSED = Column("unparsed", UNPARSED)

_PAIR = ("workspace", "left_namespace", "left_value", "right_namespace", "right_value", "source")
_LINK = (
    _WORKSPACE,
    Column("left_namespace", NAME, "record.left.namespace"),
    Column("left_value", TEXT, "record.left.value", personal=True),
    Column("right_namespace", NAME, "record.right.namespace"),
    Column("right_value", TEXT, "record.right.value", personal=True),
    Column("source", NAME),
    Column("status", NAME),
    Column("reason", TEXT, personal=True),
    Column("message_id", TEXT, personal=False),
    Column("occurred_at", TIME),
    Column("rule_version", NAME),
    Column("decision", NUMBER),
    Column("request_id", TEXT, personal=False),
    _VERSION,
)

_ALL = (
    WarehouseTable(
        "raw_events",
        (
            "workspace",
            "intDiv(toUnixTimestamp64Milli(occurred_at), 3600000)",
            "event",
            "identifier_id",
            "toUnixTimestamp64Milli(occurred_at) % 3600000",
            "ordinal",
            "source",
            "message_id",
            "profile_kind = 'account'",
        ),
        (
            _WORKSPACE,
            Column("source", NAME),
            Column("message_id", TEXT, personal=False),
            Column("type", NAME),
            Column("event", OPTIONAL_NAME),
            Column("occurred_at", TIME),
            Column("sent_at", OPTIONAL_TIME),
            Column("received_at", TIME),
            Column("ordinal", NUMBER),
            Column("profile_id", TEXT, "profile_id", personal=False),
            Column("profile_kind", NAME, "profile_kind"),
            Column("identifiers", IDENTIFIERS, personal=True),
            Column("properties", JSON, personal=True),
            Column("traits", JSON, personal=True),
            Column("context", JSON, personal=True),
            Column("properties_text", JSON_TEXT, personal=True),
            Column("traits_text", JSON_TEXT, personal=True),
            Column("context_text", JSON_TEXT, personal=True),
            Column("repairs", REPAIRS, personal=False),
            Column("definitions", SET_VERSION),
            _UNPARSED,
            Column("is_repetition", FLAG, "is_repetition"),
            _VERSION,
            Column("body", BYTES, "body", personal=True),
            Column("identifier_id", IDENTIFIER_ID, personal=True),
            Column("bytes", SIZE),
            Column("written_at", DEFAULT_TIME),
        ),
        Retained("events", "occurred_at", by_month=True),
    ),
    WarehouseTable(
        "profiles",
        ("workspace", "profile_id"),
        (
            _WORKSPACE,
            Column("profile_id", TEXT, personal=False),
            Column("kind", NAME),
            Column("identifiers", IDENTIFIERS, personal=True),
            Column("traits", JSON, personal=True),
            Column("traits_text", JSON_TEXT, personal=True),
            _UNPARSED,
            Column("counters", COUNTERS, personal=False),
            Column("segments", MEMBERSHIPS),
            Column("session_id", OPTIONAL_TEXT, "session.session_id", personal=False),
            Column("session_started_at", OPTIONAL_TIME, "session.started_at"),
            Column("session_last_event_at", OPTIONAL_TIME, "session.last_event_at"),
            Column("session_events", OPTIONAL_NUMBER, "session.events"),
            Column("session_entry_url", OPTIONAL_TEXT, "session.entry_url", personal=True),
            Column("events", NUMBER),
            Column("first_seen_at", OPTIONAL_TIME),
            Column("last_seen_at", OPTIONAL_TIME),
            Column("updated_at", TIME),
            Column("merged_into", OPTIONAL_TEXT, personal=False),
            Column("decision", NUMBER),
            _VERSION,
            _IS_DELETED,
        ),
    ),
    WarehouseTable(
        "identifiers",
        ("workspace", "namespace", "value"),
        (
            _WORKSPACE,
            Column("namespace", NAME, "identifier.namespace"),
            Column("value", TEXT, "identifier.value", personal=True),
            Column("profile_id", TEXT, personal=False),
            Column("profile_kind", NAME, "record.kind"),
            _VERSION,
            _IS_DELETED,
        ),
    ),
    WarehouseTable(
        "profile_overrides",
        ("workspace", "identifier_id"),
        (
            _WORKSPACE,
            Column("identifier_id", IDENTIFIER_ID, personal=True),
            Column("namespace", NAME, "identifier.namespace"),
            Column("value", TEXT, "identifier.value", personal=True),
            Column("profile_id", TEXT, personal=False),
            Column("profile_kind", NAME, "record.kind"),
            _VERSION,
            Column("is_squashed", DEFAULT_FLAG),
            Column("written_at", DEFAULT_TIME),
        ),
    ),
    WarehouseTable(
        "sessions",
        ("workspace", "session_id"),
        (
            _WORKSPACE,
            Column("session_id", TEXT, personal=False),
            Column("profile_id", TEXT, personal=False),
            Column("profile_kind", NAME),
            Column("status", NAME),
            Column("started_at", TIME),
            Column("ended_at", TIME),
            Column("events", NUMBER),
            Column("entry_url", OPTIONAL_TEXT, personal=True),
            Column("source", NAME, "facts.source"),
            Column("medium", NAME, "facts.medium"),
            Column("campaign", NAME, "facts.campaign"),
            Column("keyword", TEXT, "facts.keyword", personal=True),
            Column("content", TEXT, "facts.content", personal=False),
            Column("channel", NAME, "facts.channel"),
            Column("referrer", TEXT, "facts.referrer", personal=False),
            Column("entry_page", TEXT, "facts.entry_page", personal=True),
            Column("device", NAME, "facts.device"),
            Column("system", NAME, "facts.system"),
            Column("browser", NAME, "facts.browser"),
            Column("country", NAME, "facts.country"),
            Column("region", NAME, "facts.region"),
            _VERSION,
            _IS_DELETED,
        ),
        Retained("sessions", "started_at"),
    ),
    WarehouseTable(
        "segment_changes",
        ("workspace", "segment", "profile_id", "changed_at", "change_id"),
        (
            _WORKSPACE,
            Column("change_id", TEXT, personal=False),
            Column("profile_id", TEXT, personal=False),
            Column("profile_kind", NAME),
            Column("segment", NAME),
            Column("change", NAME),
            Column("changed_at", TIME),
            Column("decided_at", TIME),
            Column("cause", TEXT, personal=False),
            Column("identifiers", IDENTIFIERS, personal=True),
            Column("definition", NUMBER),
            _VERSION,
        ),
        Retained("segment_changes", "changed_at", by_month=True),
    ),
    WarehouseTable(
        "segment_members",
        ("workspace", "segment", "profile_id"),
        (
            _WORKSPACE,
            Column("segment", NAME),
            Column("profile_id", TEXT, personal=False),
            Column("profile_kind", NAME),
            Column("entered_at", TIME, "record.changed_at"),
            _VERSION,
            _IS_DELETED,
        ),
    ),
    WarehouseTable(
        "triggers",
        ("workspace", "trigger", "profile_id", "fired_at", "trigger_id"),
        (
            _WORKSPACE,
            Column("trigger_id", TEXT, personal=False),
            Column("trigger", NAME),
            Column("profile_id", TEXT_OR_EMPTY, personal=False),
            Column("profile_kind", NAME_OR_EMPTY),
            Column("across", TEXT_OR_EMPTY, personal=True),
            Column("fired_at", TIME),
            Column("decided_at", TIME),
            Column("cause", TEXT, personal=False),
            Column("identifiers", IDENTIFIERS, personal=True),
            Column("payload", JSON, personal=True),
            Column("payload_text", JSON_TEXT, personal=True),
            _UNPARSED,
            _VERSION,
        ),
        Retained("triggers", "fired_at", by_month=True),
    ),
    WarehouseTable(
        "rejected_events",
        ("workspace", "received_at", "partition", "offset"),
        (
            _WORKSPACE,
            Column("source", NAME),
            Column("message_id", OPTIONAL_TEXT, personal=False),
            Column("reason", NAME),
            Column("detail", TEXT, personal=True),
            Column("body", TEXT, personal=True),
            Column("received_at", TIME),
            Column("partition", NUMBER, "partition"),
            Column("offset", NUMBER, "offset"),
            _VERSION,
        ),
        Retained("rejected_events", "received_at"),
    ),
    WarehouseTable(
        "dead_letters",
        ("workspace", "dead_id"),
        (
            Column("workspace", NAME_OR_EMPTY),
            Column("dead_id", TEXT, personal=False),
            Column("topic", NAME),
            Column("partition", NUMBER),
            Column("offset", NUMBER),
            Column("key", OPTIONAL_BYTES, personal=True),
            Column("value", OPTIONAL_BYTES, personal=True),
            Column("headers", HEADERS, personal=True),
            Column("stage", NAME),
            Column("reason", NAME),
            Column("detail", TEXT, personal=True),
            Column("failed_at", TIME),
            _VERSION,
        ),
        Retained("dead_letters", "failed_at"),
    ),
    WarehouseTable("links", _PAIR, _LINK),
    WarehouseTable("link_log", (*_PAIR, "decision"), _LINK),
    WarehouseTable(
        "identity_changes",
        ("workspace", "decision", "kind", "partition", "offset"),
        (
            _WORKSPACE,
            Column("decision", NUMBER),
            Column("kind", NAME),
            Column("request_id", TEXT, personal=False),
            Column("message_id", TEXT, personal=False),
            Column("source", NAME),
            Column("occurred_at", TIME),
            Column("rule_version", NAME),
            Column("reason", TEXT, personal=True),
            Column("identifiers", IDENTIFIERS, personal=True),
            Column("retired", TEXTS, personal=False),
            Column("profile_id", TEXT, personal=False),
            Column("claimants", CLAIMANTS, personal=True),
            Column("events", NUMBER),
            Column("milliseconds", NUMBER),
            Column("partition", NUMBER, "partition"),
            Column("offset", NUMBER, "offset"),
            _VERSION,
            Column("profile_ids", PROFILE_IDS),
        ),
    ),
    WarehouseTable(
        "device_sign_ins",
        (
            "workspace",
            "device_namespace",
            "device_value",
            "signed_in_at",
        ),
        (
            _WORKSPACE,
            Column("device_namespace", NAME, "device.namespace"),
            Column("device_value", TEXT, "device.value", personal=True),
            Column("signed_in_at", TIME, "signed_in_at"),
            Column("namespace", NAME, "person.namespace"),
            Column("value", TEXT, "person.value", personal=True),
            _VERSION,
            _IS_DELETED,
        ),
    ),
    # Filled by destinations, not from a topic of this sink.
    WarehouseTable(
        "deliveries",
        ("workspace", "delivery_id"),
        (
            _WORKSPACE,
            Column("delivery_id", TEXT, personal=False),
            Column("destination", NAME),
            Column("profile_id", TEXT, personal=False),
            Column("profile_kind", NAME),
            Column("cause", TEXT, personal=False),
            Column("status", NAME),
            Column("attempts", NUMBER),
            Column("detail", TEXT, personal=True),
            Column("delivered_at", TIME),
            _VERSION,
        ),
        Retained("deliveries", "delivered_at"),
    ),
    # Filled inside of ClickHouse, by maintenance.
    WarehouseTable(
        "rolled_up_hours",
        ("workspace", "hour", "hour_number", "source", "event"),
        (
            _WORKSPACE,
            Column("hour", TIME),
            Column("hour_number", NUMBER),
            Column("source", NAME),
            Column("event", OPTIONAL_NAME),
            Column("events", COUNT),
            Column("people", PEOPLE),
            Column("bytes", COUNT),
            _VERSION,
            _IS_DELETED,
        ),
        Retained("hourly_events", "hour"),
    ),
    WarehouseTable("rolled_up_until", ("workspace",), (_WORKSPACE, Column("until", TIME), _VERSION)),
    WarehouseTable(
        "retained_since",
        ("workspace", "retention"),
        (_WORKSPACE, Column("retention", NAME), Column("since", TIME), _VERSION),
    ),
)

TABLES = {table.name: table for table in _ALL}

VIEWS = {
    "current_events": "raw_events",
    "events": "raw_events",
    "events_of": "raw_events",
    "device_owners": "device_sign_ins",
    "current_overrides": "profile_overrides",
    "computed_hours": "rolled_up_hours",
    "uncounted_hours": "rolled_up_hours",
    "hourly_events": "rolled_up_hours",
    "hourly_rejections": "rejected_events",
}
"""Of each view the table that says which of the view's columns are personal."""


def is_personal(name: str, column: str) -> bool:
    """Return whether a column of a table or view holds what names or describes somebody."""
    return any(column == listed.name and listed.personal for listed in TABLES[VIEWS.get(name, name)].columns)


RETAINED = {table.retained.setting: table for table in _ALL if table.retained}
"""By its name in the settings, each table that may be kept for a time only."""
