"""Tables of a real PostgreSQL: what all tables do, and what a server can do to who writes."""

import asyncio
import logging
import uuid
from collections.abc import Iterator, Sequence

import asyncpg
import pytest

from definitions.receivers.sql import Sql
from definitions.receivers.values import Secret
from sinks.destinations.contract import Delivered, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.secrets import MissingSecret
from sinks.destinations.sql.destination import SqlDestination
from tests.sinks.destinations.sql.contract import FIELDS, SqlContract, run
from tests.sinks.destinations.store_deliveries import delivery
from tests.support.postgresql import PASSWORD, PostgreSql, postgresql
from tests.support.waiting import wait_until

ENV = "PASSWORD_OF_TESTS"
NOWHERE = "postgresql://owner@127.0.0.1:1/postgres"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSql]:
    """A server that the tests of this file share; each has a database of its own."""
    with postgresql() as running:
        yield running


class TestPostgresql(SqlContract):
    @pytest.fixture(autouse=True)
    def _database(self, server: PostgreSql, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(ENV, PASSWORD)
        name = f"db{uuid.uuid4().hex}"

        async def fetch(statement: str, database: str) -> Sequence[tuple[object, ...]]:
            url = server.url.replace("/postgres", f"/{database}")
            connection = await asyncpg.connect(url, password=PASSWORD)
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        def execute(statement: str) -> None:
            run(fetch(statement, name))

        run(fetch(f"CREATE DATABASE {name}", "postgres"))
        self.server = server
        self.query = lambda statement: run(fetch(statement, name))
        self.execute = execute
        self.options = Sql(
            url=server.url.replace("/postgres", f"/{name}"), password=Secret(env=ENV), table="people", create=True
        )

    def test_types_are_those_of_the_table(self) -> None:
        self.execute("CREATE TYPE colour AS ENUM ('red', 'blue')")
        self.execute(
            "CREATE TABLE typed (profile_id uuid, name text, change text, happened_at timestamptz, version int, "
            "born date, opens time, price numeric(10, 2), share real, tags text[], traits jsonb, is_new boolean, "
            "favourite colour, host inet, local timestamp, PRIMARY KEY (profile_id, name))"
        )
        fields = {
            "born": "1990-02-03",
            "opens": "08:30",
            "price": "12.50",
            "share": 0.5,
            "tags": ["a", "b"],
            "traits": {"城市": "北京"},
            "is_new": True,
            "favourite": "red",
            "host": "10.1.2.3",
            "local": "2026-11-28T04:00:00+08:00",
        }
        typed = self.changed(table="typed", create=False)
        outcomes = self.sent(
            [
                delivery(0, fields=fields),
                delivery(1, fields=fields | {"favourite": "green-as-envy"}),
                delivery(2, fields=fields | {"host": "nowhere"}),
                delivery(3, fields=fields | {"price": 10**12}),
                delivery(4, fields=fields | {"tags": [1, 2]}),
                delivery(5, version=2**40, fields=fields),
                delivery(6, fields=fields | {"name": "nul\0"}),
                delivery(7, fields=fields),
            ],
            options=typed,
        )
        assert [type(outcome) for outcome in outcomes] == [Delivered, *[Refused] * 6, Delivered], outcomes
        assert not any("envy" in str(getattr(outcome, "detail", "")) for outcome in outcomes)
        shown = (
            "SELECT born::text, opens::text, price::text, share, tags, traits->>'城市', is_new, favourite::text, "
            "host::text, local::text FROM typed WHERE version = 1"
        )
        (row,) = self.query(shown)
        assert row[:5] == ("1990-02-03", "08:30:00", "12.50", 0.5, ["a", "b"])
        assert row[5:] == ("北京", True, "red", "10.1.2.3/32", "2026-11-27 20:00:00")

    def test_a_constraint_that_waits_for_the_commit_refuses_its_row_alone(self) -> None:
        self.sent([delivery(0)])
        self.execute("ALTER TABLE people ADD CONSTRAINT one UNIQUE (happened_at) DEFERRABLE INITIALLY DEFERRED")
        later = {"happened_at": "2024-01-01T00:00:00Z"}
        outcomes = self.sent([delivery(1), delivery(2, fields=later)])
        assert [type(outcome) for outcome in outcomes] == [Refused, Delivered]
        assert isinstance(outcomes[0], Refused)
        assert "constraint one" in outcomes[0].detail

    def test_a_table_of_another_schema_is_found_and_created(self) -> None:
        self.execute("CREATE SCHEMA crm")
        (outcome,) = self.sent([delivery(0)], options=self.changed(schema="crm"))
        assert isinstance(outcome, Delivered), outcome
        assert self.query("SELECT version FROM crm.people") == [(1,)]

    def test_a_wrong_password_pauses_and_is_read_again(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)

        async def send() -> list[Outcome]:
            monkeypatch.setenv(ENV, "wrong-but-secret")
            destination = SqlDestination(self.options, FIELDS)
            (first,) = await destination.send([delivery(0)])
            monkeypatch.setenv(ENV, PASSWORD)
            (second,) = await destination.send([delivery(0)])
            await destination.close()
            return [first, second]

        first, second = run(send())
        assert isinstance(first, Unauthorised)
        assert isinstance(second, Delivered)
        said = f"{first!r} {second!r} {caplog.text}"
        assert "wrong-but-secret" not in said
        assert PASSWORD not in said

    def test_a_user_who_may_not_write_pauses(self) -> None:
        self.sent([delivery(0)])
        self.execute(f"CREATE ROLE reader{self.options.url[-8:]} LOGIN PASSWORD '{PASSWORD}'")
        self.execute(f"GRANT SELECT ON people TO reader{self.options.url[-8:]}")
        (outcome,) = self.sent(
            [delivery(1)],
            options=self.changed(url=self.options.url.replace("owner@", f"reader{self.options.url[-8:]}@")),
        )
        assert isinstance(outcome, Unauthorised), outcome

    def test_a_missing_secret_is_told_by_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        destination = SqlDestination(self.options, FIELDS)
        monkeypatch.delenv(ENV)
        (outcome,) = run(destination.send([delivery(0)]))
        assert isinstance(outcome, Unauthorised)
        assert ENV in outcome.detail
        with pytest.raises(MissingSecret, match=ENV):
            SqlDestination(self.options, FIELDS)

    @pytest.mark.parametrize("url", [NOWHERE, "postgresql://owner@nowhere.invalid/postgres"])
    def test_a_server_that_cannot_be_reached_is_tried_again(self, url: str) -> None:
        (outcome,) = self.sent([delivery(0)], options=self.changed(url=url))
        assert isinstance(outcome, Retry)
        assert outcome.reason == "network"

    def test_a_server_that_does_not_answer_is_tried_again(self) -> None:
        async def send() -> Sequence[Outcome]:
            server = await asyncio.start_server(_never, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            destination = SqlDestination(self.changed(url=f"postgresql://o@127.0.0.1:{port}/p"), FIELDS, timeout_s=0.3)
            outcomes = await destination.send([delivery(0)])
            await destination.close()
            server.close()
            return outcomes

        (outcome,) = run(send())
        assert isinstance(outcome, Retry)
        assert outcome.reason == "timeout"

    def test_a_lock_that_is_held_ends_as_a_time_out_and_nothing_is_written(self) -> None:
        self.sent([delivery(0)])

        async def send() -> list[Outcome]:
            holder = await asyncpg.connect(self.options.url, password=PASSWORD)
            await holder.execute("BEGIN; LOCK TABLE people")
            destination = SqlDestination(self.options, FIELDS, timeout_s=0.5)
            (first,) = await destination.send([delivery(1)])
            await holder.execute("ROLLBACK")
            await holder.close()
            (second,) = await SqlDestination(self.options, FIELDS).send([delivery(2)])
            await destination.close()
            return [first, second]

        first, second = run(send())
        assert isinstance(first, Retry)
        assert first.reason == "timeout"
        assert isinstance(second, Delivered)
        assert self.query("SELECT version FROM people ORDER BY version") == [(1,), (3,)]

    def test_no_batch_waits_for_another_one_s_connection_while_its_time_out_counts(self) -> None:
        self.sent([delivery(0)])
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )

        async def send() -> list[Outcome]:
            destination = SqlDestination(self.options, FIELDS)
            url = self.options.url.replace("owner@", f"owner:{PASSWORD}@")
            blocker = await asyncpg.connect(url)
            async with blocker.transaction():
                await blocker.execute("LOCK TABLE people IN SHARE MODE")
                sending = [asyncio.ensure_future(destination.send([delivery(number)])) for number in range(8)]
                await asyncio.to_thread(wait_until, lambda: self.query(waiting) == [(8,)], "all to wait for the lock")
            outcomes = [outcome for batch in await asyncio.gather(*sending) for outcome in batch]
            await blocker.close()
            await destination.close()
            return outcomes

        assert [type(outcome) for outcome in run(send())] == [Delivered] * 8

    def test_connections_that_the_server_ends_are_made_anew(self) -> None:
        async def send() -> list[Outcome]:
            destination = SqlDestination(self.options, FIELDS)
            (first,) = await destination.send([delivery(0)])
            await asyncio.to_thread(
                self.query, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'onefold'"
            )
            (second,) = await destination.send([delivery(1)])
            (third,) = await destination.send([delivery(1)])
            await destination.close()
            return [first, second, third]

        first, second, third = run(send())
        assert isinstance(first, Delivered)
        assert isinstance(second, Retry), second
        assert isinstance(third, Delivered)


async def _never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
