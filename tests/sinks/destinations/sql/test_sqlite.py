"""Tables of SQLite: what all tables do, and what a file can do."""

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from definitions.destinations import SendingPace
from definitions.receivers.sql import Sql
from sinks.delivery.outlet import Leave, Outlet
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused, Retry
from sinks.destinations.sql.destination import SqlDestination
from tests.sinks.destinations.sql.contract import FIELDS, SqlContract, run
from tests.sinks.destinations.store_deliveries import delivery


class TestSqlite(SqlContract):
    @pytest.fixture(autouse=True)
    def _database(self, tmp_path: Path) -> None:
        self.path = tmp_path / "die Läden?.db"

        def query(statement: str) -> Sequence[tuple[object, ...]]:
            with closing(sqlite3.connect(self.path)) as connection:
                return connection.execute(statement).fetchall()

        def execute(statement: str) -> None:
            with closing(sqlite3.connect(self.path)) as connection, connection:
                connection.execute(statement)

        self.options = Sql(url=f"sqlite:///{tmp_path}/die Läden%3F.db", table="people", create=True)
        self.query, self.execute = query, execute

    def test_no_file_is_created_unless_that_is_asked_for(self) -> None:
        (outcome,) = self.sent([delivery(0)], options=self.changed(create=False))
        assert isinstance(outcome, Retry)
        assert not self.path.exists()

    def test_a_file_that_is_no_database_is_waited_for(self) -> None:
        self.path.write_bytes(b"this is no database, whatever it is " * 100)
        (outcome,) = self.sent([delivery(0)])
        assert isinstance(outcome, Retry)
        assert outcome.reason == "unavailable"

    def test_a_database_that_another_one_writes_is_tried_again(self) -> None:
        self.sent([delivery(0)])
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            (outcome,) = self.sent([delivery(1)], timeout_s=0.5)
            other.execute("ROLLBACK")
        assert isinstance(outcome, Retry)
        (outcome,) = self.sent([delivery(1)])
        assert isinstance(outcome, Delivered)

    @pytest.mark.parametrize("is_restored", [True, False])
    def test_a_file_that_takes_the_place_of_the_one_that_was_opened_is_written(self, is_restored: bool) -> None:
        async def send() -> list[Outcome]:
            destination = SqlDestination(self.options, FIELDS, timeout_s=20)
            await destination.send([delivery(0)])
            backup = self.path.read_bytes()
            await destination.send([delivery(1)])
            self.path.unlink()
            if is_restored:
                self.path.write_bytes(backup)
            outcomes = list(await destination.send([delivery(2)]))
            await destination.close()
            return outcomes

        assert [type(outcome) for outcome in run(send())] == [Delivered]
        assert len(self.query("SELECT 1 FROM people")) == (2 if is_restored else 1)

    def test_connections_leave_no_thread_that_still_has_something_to_say(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said: list[threading.ExceptHookArgs] = []
        monkeypatch.setattr(threading, "excepthook", said.append)
        for _ in range(20):  # one that cannot be opened, each in an event loop that ends at once
            self.sent([delivery(0)], options=self.changed(create=False))
            assert not [thread for thread in threading.enumerate() if "_connection_worker" in thread.name]
        assert said == []

    def test_one_batch_is_written_at_a_time_as_there_is_one_writer(self) -> None:
        pace = SendingPace(concurrency=8)
        outlet = Outlet(pace, lambda: None)
        opened = SqlDestination(self.options, FIELDS)
        outlet.bound(pace, opened.batching)
        outlet.limit(pace, 1.0)
        assert outlet.room == 1
        assert outlet.begin(opened, 1) is Leave.WHOLE
        assert outlet.begin(opened, 1) is Leave.NO

    @pytest.mark.parametrize("written", [int, str])
    @pytest.mark.parametrize("mode", ["upsert", "mirror"])
    def test_a_column_without_a_type_orders_versions_as_the_numbers_that_they_are(
        self, mode: Literal["upsert", "mirror"], written: type
    ) -> None:
        self.execute(
            "CREATE TABLE untyped (profile_id, name, change, happened_at, version, PRIMARY KEY (profile_id, name))"
        )

        def version(number: int) -> Delivery:
            return delivery(0, version=number, fields={"version": written(number)})

        options = self.changed(table="untyped", mode=mode)
        outcomes = self.sent([version(9)], [version(10)], [version(9)], options=options)
        assert [type(outcome) for outcome in outcomes] == [Delivered] * 3, outcomes
        assert self.query("SELECT version, typeof(version) FROM untyped") == [(10, "integer")]
        exited = delivery(0, "exited", version=11, fields={"version": written(11)})
        self.sent([exited], options=options)
        assert self.query("SELECT version FROM untyped") == ([] if mode == "mirror" else [(11,)])

    def test_a_strict_table_refuses_by_itself(self) -> None:
        self.execute(
            "CREATE TABLE strict_ones (profile_id TEXT, name TEXT, change BLOB, happened_at TEXT, version INT, "
            "PRIMARY KEY (profile_id, name)) STRICT"
        )
        self.execute(
            "CREATE TRIGGER no_fives BEFORE INSERT ON strict_ones WHEN NEW.version = 5 "
            "BEGIN SELECT RAISE(ABORT, 'no fives'); END"
        )
        outcomes = self.sent([delivery(number) for number in (3, 4, 5)], options=self.changed(table="strict_ones"))
        assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
