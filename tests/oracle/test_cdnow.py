"""CDNOW's 69,659 purchases through the real stack: the worker killed in the middle, in the long form again and again.

In the long form the import is repeated as well.
"""

import subprocess
from datetime import UTC, datetime

import pytest

from embedded.stack import Stack
from tests.oracle.conftest import CDNOW
from tests.oracle.delivery import Sender
from tests.oracle.reference import JsonObject
from tests.oracle.scene import Scene, command, onefold
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

EVENTS = 69_659
# Half an hour after the last purchases, whose time is midnight: their sessions end at exactly this moment.
AT = int(datetime(1998, 6, 30, 0, 30, tzinfo=UTC).timestamp()) * 1000
PUBLISHED = {
    "events": EVENTS,
    "profiles": 23_570,
    "discs": 167_881,
    "dollars": 2_500_315.63,
    "first": "1997-01-01",
    "last": "1998-06-30",
}

_FIGURES = """
SELECT count() AS events, uniqExact(profile_id) AS profiles, sum(properties.quantity::Int64) AS discs,
       round(sum(properties.total::Float64), 2) AS dollars,
       toString(toDate(min(occurred_at))) AS first, toString(toDate(max(occurred_at))) AS last
FROM onefold.events WHERE workspace = {workspace:String}
"""
_FOLDED = "SELECT sum(events) AS events FROM onefold.profiles WHERE workspace = {workspace:String}"
_TABLES = ("profiles", "identifiers", "sessions", "segment_changes", "segment_members")


@pytest.mark.slow
def test_an_import_through_killed_workers_gives_the_published_figures_once(
    oracle_stack: Stack, sender: Sender, is_long: bool
) -> None:
    scene = Scene(oracle_stack, sender, CDNOW)
    worker = oracle_stack.process("worker")
    with subprocess.Popen(command("import", "cdnow"), env=oracle_stack.environment) as importing:
        for share in (0.1, 0.4, 0.7) if is_long else (0.3,):
            wait_until_folded(scene, round(share * EVENTS))
            worker.kill()
            assert folded(scene) < EVENTS, "all was folded already: the kill proves nothing"
            worker.restart()
        assert importing.wait() == 0
    scene.rest_at(AT)
    assert scene.warehouse.rows(_FIGURES) == [PUBLISHED]
    scene.assert_as_reference(AT)
    if not is_long:
        return
    before = contents(scene)
    onefold(oracle_stack, "import", "cdnow")
    scene.rest_at(AT)
    assert scene.warehouse.rows(_FIGURES) == [PUBLISHED]
    assert contents(scene) == before


def folded(scene: Scene) -> int:
    """How many events have become part of a profile that ClickHouse knows of."""
    return int(str(scene.warehouse.rows(_FOLDED)[0]["events"]))


def contents(scene: Scene) -> dict[str, JsonObject]:
    """Number of rows of every table and a hash of all that they hold."""
    query = "SELECT count() AS rows, sum(cityHash64(*)) AS hash FROM onefold.{} WHERE workspace = {{workspace:String}}"
    return {table: scene.warehouse.rows(query.format(table))[0] for table in _TABLES}


def wait_until_folded(scene: Scene, events: int, within_s: float = 120.0) -> None:
    """Return once so many events were folded."""
    wait_until(lambda: folded(scene) >= events, f"{events} events to be folded", within_s)
