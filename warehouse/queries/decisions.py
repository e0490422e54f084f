"""Finds how far the decisions about who is who have come."""

from warehouse.client import Warehouse

_LAST = """
SELECT max(decision) AS decision FROM onefold.identity_changes FINAL
WHERE workspace = {workspace:String} AND partition = {partition:Int64} AND offset < {position:Int64}
"""


def last_decision(warehouse: Warehouse, workspace: str, partition: int, position: int) -> int:
    """Return the highest decision about a workspace before a position on `identity.changes`; 0 if there is none."""
    parameters = {"workspace": workspace, "partition": str(partition), "position": str(position)}
    (row,) = warehouse.rows(_LAST, parameters)
    return int(str(row["decision"]))
