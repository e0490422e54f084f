"""Reads of what a delivery comes: the change of a segment or the trigger, and the event that caused it."""

from typing import Literal

import msgspec

from warehouse.client import Warehouse
from warehouse.queries.rows import converted

_CHANGE = """
SELECT 'segment' AS kind, segment AS name, change, change_id AS activation_id, profile_id, profile_kind,
       changed_at AS happened_at, decided_at, cause, definition
FROM onefold.segment_changes FINAL
WHERE workspace = {workspace:String} AND change_id = {id:String} LIMIT 1
"""
_TRIGGER = """
SELECT 'trigger' AS kind, trigger AS name, 'fired' AS change, trigger_id AS activation_id, profile_id, profile_kind,
       fired_at AS happened_at, decided_at, cause, 0 AS definition
FROM onefold.triggers FINAL
WHERE workspace = {workspace:String} AND trigger_id = {id:String} LIMIT 1
"""
# An event leads to a change at its own time, or, by quiet hours or a cool-down, later; the key begins with the hour.
_EVENT = """
SELECT source, message_id, type, event, occurred_at, received_at, properties_text AS properties
FROM onefold.raw_events FINAL
WHERE workspace = {workspace:String} AND message_id = {cause:String}
  AND intDiv(toUnixTimestamp64Milli(occurred_at), 3600000)
    BETWEEN intDiv(toUnixTimestamp64Milli(parseDateTime64BestEffort({at:String}, 3, 'UTC')), 3600000) - 48
    AND intDiv(toUnixTimestamp64Milli(parseDateTime64BestEffort({at:String}, 3, 'UTC')), 3600000)
ORDER BY occurred_at DESC LIMIT 1
"""


class PublishedActivation(msgspec.Struct, frozen=True):
    """What was to be delivered, as the warehouse has it; times in ISO 8601. `definition`: 0 of a trigger."""

    kind: Literal["segment", "trigger"]
    name: str
    change: str
    activation_id: str
    profile_id: str
    profile_kind: str
    happened_at: str
    decided_at: str
    cause: str
    definition: int


class CausingEvent(msgspec.Struct, frozen=True):
    """The event that caused it, times in ISO 8601; `properties`: JSON text."""

    source: str
    message_id: str
    type: str
    event: str | None
    occurred_at: str
    received_at: str
    properties: str


def find_activation(warehouse: Warehouse, workspace: str, activation_id: str) -> PublishedActivation | None:
    """Find the change or the trigger of an id. Raises OnefoldError."""
    parameters = {"workspace": workspace, "id": activation_id}
    for query in (_CHANGE, _TRIGGER):
        if rows := warehouse.rows(query, parameters):
            return converted(rows, PublishedActivation)[0]
    return None


def find_cause(warehouse: Warehouse, workspace: str, activation: PublishedActivation) -> CausingEvent | None:
    """Find the event that caused a change; None if it was no event, such as a deadline. Raises OnefoldError."""
    parameters = {"workspace": workspace, "cause": activation.cause, "at": activation.happened_at}
    rows = warehouse.rows(_EVENT, parameters)
    return converted(rows, CausingEvent)[0] if rows else None
