"""What the view `events` shows of random histories on the real engine: each event once, under its profile of now."""

import uuid
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.streams.world.playing import HISTORIES, Player
from tests.streams.world.test_reattributing import DevicesFirstPlayer, SignInPlayer
from tests.streams.world.test_unmerging import UnmergePlayer
from tests.streams.world.test_visits import VisitPlayer
from tests.streams.world.warehouse import shown, written
from tests.support.rows import tuples
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("player", [SignInPlayer, DevicesFirstPlayer, UnmergePlayer, VisitPlayer])
@settings(max_examples=5, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES)
def test_the_engine_shows_what_the_worlds_compare(
    player: type[Player], history: tuple[int, bytes], warehouse: Warehouse
) -> None:
    played, workspace = player(history), f"w{uuid.uuid4().hex}"
    played.play()
    batch = written(played.world.codec, played.world.logs)
    for insert in batch.inserts:
        names = pa.array([workspace] * len(insert.columns))
        columns = insert.columns.drop_columns("workspace").append_column("workspace", names)
        warehouse.insert(insert.table, columns, f"{workspace} {insert.token}")
    query = "SELECT profile_id, message_id FROM onefold.events WHERE workspace = {workspace:String}"
    assert Counter(tuples(warehouse, query, {"workspace": workspace})) == shown(batch)
