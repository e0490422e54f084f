"""Prints what every view shows of two workspaces, as JSON.

A process of its own, `python -m tests.warehouse.policies`: chDB reads the `config.xml` of the folder where it starts.
"""

import json

from chdb.session import Session

from warehouse.migrate import read_migrations
from warehouse.tables import VIEWS

_SHOWN = "SELECT * EXCEPT (written_at) FROM onefold.{view} ORDER BY ALL"
_OF_HOURS = "SELECT workspace, hour, sum(events), uniqMerge(people) FROM onefold.{view} GROUP BY ALL ORDER BY ALL"
_EVENTS = """
INSERT INTO onefold.raw_events
    (workspace, source, message_id, event, occurred_at, identifiers, profile_id, profile_kind, version)
SELECT '{workspace}', 'web', toString(number), 'E', toDateTime64('2026-01-01', 3, 'UTC') + toIntervalHour(number),
    [('anonymous_id', 'phone')], 'routed', 'person', 1
FROM numbers({first}, 3)
"""
_OTHERS = (
    "profile_overrides (workspace, namespace, value, profile_id, profile_kind, version)"
    " VALUES ('{workspace}', 'anonymous_id', 'phone', 'now', 'person', 5)",
    "device_sign_ins (workspace, device_namespace, device_value, signed_in_at, namespace, value)"
    " VALUES ('{workspace}', 'anonymous_id', 'tablet', '2026-01-01 00:00:00', 'user_id', 'ada')",
    "rejected_events (workspace, source, reason, received_at)"
    " VALUES ('{workspace}', 'web', 'too_large', '2026-01-01 00:00:00')",
    "rolled_up_hours (workspace, hour, hour_number, source, event, events, people, bytes, version)"
    " SELECT workspace, hour, hour_number, source, event, events, squashed_people, bytes, 1 FROM onefold.computed_hours"
    " WHERE workspace = '{workspace}'",
    "rolled_up_until (workspace, until) VALUES ('{workspace}', now64(3) + INTERVAL 1 SECOND)",
)


def main() -> None:
    """Make the tables, write rows, ask all views but the one with parameters."""
    session = Session()
    session.query("CREATE DATABASE onefold")
    for migration in read_migrations():
        for statement in migration.statements:
            session.query(statement)
    for workspace in ("a", "b"):
        session.query(_EVENTS.format(workspace=workspace, first=0))
        for other in _OTHERS:
            session.query(f"INSERT INTO onefold.{other.format(workspace=workspace)}")
    session.query("SELECT sleep(1.1)")
    for workspace in ("a", "b"):
        session.query(_EVENTS.format(workspace=workspace, first=2))
    shown = {}
    for view in sorted(VIEWS.keys() - {"events_of"}):
        query = _OF_HOURS if view in {"hourly_events", "computed_hours"} else _SHOWN
        answer = session.query(query.format(view=view), "JSONEachRow").bytes().decode()
        shown[view] = [json.loads(line) for line in answer.splitlines()]
    print(json.dumps(shown))


if __name__ == "__main__":
    main()
