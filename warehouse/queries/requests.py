"""Finds what was published about an operator's request."""

import msgspec

from schemas.records import ChangeKind, Claimant, IdentityChange
from warehouse.client import Warehouse
from warehouse.queries.rows import converted

_CHANGES = """
SELECT workspace, decision, kind, request_id, toUnixTimestamp64Milli(occurred_at) AS time, reason, profile_id,
       claimants, events, milliseconds
FROM onefold.identity_changes FINAL
WHERE workspace = {workspace:String}
  AND (request_id = {request_id:String} OR startsWith(request_id, concat({request_id:String}, '-')))
ORDER BY decision, kind = 'rebuilt'
"""


class _ChangeRow(msgspec.Struct):
    workspace: str
    decision: int
    kind: ChangeKind
    request_id: str
    time: int
    reason: str
    profile_id: str
    claimants: str
    events: int
    milliseconds: int

    def change(self) -> IdentityChange:
        return IdentityChange(
            workspace=self.workspace,
            decision=self.decision,
            kind=self.kind,
            occurred_at=self.time,
            request_id=self.request_id,
            reason=self.reason,
            profile_id=self.profile_id,
            claimants=msgspec.json.decode(self.claimants or "[]", type=tuple[Claimant, ...]),
            events=self.events,
            milliseconds=self.milliseconds,
        )


def changes_of(warehouse: Warehouse, workspace: str, request_id: str) -> tuple[IdentityChange, ...]:
    """Find what was published about a request and its numbered ones, as far as the warehouse has it."""
    rows = warehouse.rows(_CHANGES, {"workspace": workspace, "request_id": request_id})
    return tuple(row.change() for row in converted(rows, _ChangeRow))
