"""What a table must hold after deliveries, whatever database it is in: inherited by the tests of each."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import TypeVar

import msgspec
import pytest

from definitions.destinations import Destination
from definitions.mapping import Fields, Selected
from definitions.receivers.sql import Sql
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused, Retry
from sinks.destinations.opening import open_destination
from sinks.destinations.sql.destination import SqlDestination
from tests.sinks.destinations.store_deliveries import delivery

Result = TypeVar("Result")
FIELDS = ("profile_id", "name", "change", "happened_at", "version")
MAX_S = 60.0


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a coroutine to its end, which must come."""

    async def bounded() -> Result:
        return await asyncio.wait_for(work, MAX_S)

    return asyncio.run(bounded())


class SqlContract(ABC):
    """The cases. `query` and `execute` go to the database by another client."""

    options: Sql
    query: Callable[[str], Sequence[tuple[object, ...]]]
    execute: Callable[[str], None]

    @pytest.fixture(autouse=True)
    @abstractmethod
    def _database(self) -> None:
        """Set `options`, of a table that there is not, `query` and `execute`."""

    def changed(self, **changes: object) -> Sql:
        """The options with some of them changed."""
        return msgspec.structs.replace(self.options, **changes)

    def sent(
        self, *batches: Sequence[Delivery], options: Sql | None = None, timeout_s: float = 20
    ) -> Sequence[Outcome]:
        """The outcomes of batches, sent one after the other."""

        async def send() -> list[Outcome]:
            destination = SqlDestination(options or self.options, FIELDS, timeout_s)
            try:
                return [outcome for batch in batches for outcome in await destination.send(batch)]
            finally:
                await destination.close()

        return run(send())

    # --- upsert

    def test_a_row_is_the_last_change_of_its_key(self) -> None:
        outcomes = self.sent([delivery(0), delivery(1)], [delivery(0, "exited", version=5)])
        assert [type(outcome) for outcome in outcomes] == [Delivered] * 3
        assert self.query("SELECT name, change, version FROM people ORDER BY profile_id") == [
            ("大客户", "exited", 5),
            ("大客户", "entered", 2),
        ]

    def test_several_changes_of_a_key_in_a_batch_keep_their_order(self) -> None:
        self.sent([delivery(0, version=1), delivery(0, "exited", version=2), delivery(0, version=2)])
        assert self.query("SELECT change, version FROM people") == [("entered", 2)]

    def test_a_row_never_gives_way_to_an_older_version(self) -> None:
        outcomes = self.sent([delivery(0, version=9)], [delivery(0, "exited", version=8)])
        assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered]
        assert self.query("SELECT change, version FROM people") == [("entered", 9)]

    def test_a_field_that_is_missing_empties_its_column(self) -> None:
        self.sent([delivery(0)], [delivery(0, version=2, fields={"change": None})])
        assert self.query("SELECT change, version FROM people") == [(None, 2)]

    def test_the_version_is_written_even_if_the_mapping_lacks_it(self) -> None:
        self.sent([delivery(0, version=7, fields={"version": None})])
        assert self.query("SELECT version FROM people") == [(7,)]

    def test_columns_of_others_stay_as_they_are(self) -> None:
        self.sent([delivery(0)])
        self.execute("ALTER TABLE people ADD COLUMN note varchar(10)")
        self.execute("UPDATE people SET note = 'ours'")
        self.sent([delivery(0, "exited", version=2)])
        assert self.query("SELECT change, note FROM people") == [("exited", "ours")]

    def test_a_delivery_without_what_names_its_row_is_refused_alone(self) -> None:
        outcomes = self.sent([delivery(0), delivery(1, fields={"profile_id": None}), delivery(2)])
        assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
        assert isinstance(outcomes[1], Refused)
        assert outcomes[1].reason == "unmappable"
        assert "profile_id" in outcomes[1].detail

    # --- mirror

    def test_a_mirror_holds_the_members(self) -> None:
        mirror = self.changed(mode="mirror")
        self.sent(
            [delivery(0), delivery(1), delivery(2)],
            [delivery(1, "exited", version=4), delivery(3), delivery(2, "exited", version=5), delivery(2, version=6)],
            options=mirror,
        )
        assert self.query("SELECT version FROM people ORDER BY profile_id") == [(1,), (6,), (4,)]

    def test_an_exit_that_is_older_than_the_row_deletes_nothing(self) -> None:
        self.sent([delivery(0, version=9)], [delivery(0, "exited", version=8)], options=self.changed(mode="mirror"))
        assert self.query("SELECT version FROM people") == [(9,)]

    def test_of_a_row_that_profiles_may_have_one_after_the_other_the_last_word_counts(self) -> None:
        selected = (("name", ("name",)), ("email", ("identifiers", "email")), ("profile_id", ("profile", "id")))
        mapping = Fields(tuple((name, Selected(path)) for name, path in selected))
        receiver = self.changed(key=("email", "name"), mode="mirror", create=True)
        fields = {"email": "ann@shop.example", "change": None, "happened_at": None}

        async def send(*deliveries: Delivery) -> None:
            people = open_destination(Destination("people", receiver=receiver, mapping=mapping))
            for each in deliveries:
                await people.send([each])
            await people.close()

        run(send(delivery(0, version=52, fields=fields), delivery(1, version=3, fields=fields)))
        assert self.query("SELECT version FROM people") == [(3,)]
        run(send(delivery(2, "exited", version=2, fields=fields)))
        assert self.query("SELECT version FROM people") == []

    def test_an_exit_of_nobody_is_delivered(self) -> None:
        (outcome,) = self.sent([delivery(0, "exited")], options=self.changed(mode="mirror"))
        assert isinstance(outcome, Delivered)

    # --- insert

    def test_a_delivery_is_one_row_however_often_it_is_sent(self) -> None:
        batch = [delivery(0), delivery(0, "exited", version=2), delivery(1)]
        outcomes = self.sent(batch, batch[1:], options=self.changed(mode="insert"))
        assert [type(outcome) for outcome in outcomes] == [Delivered] * 5
        rows = self.query("SELECT delivery_key, change FROM people ORDER BY delivery_key")
        assert rows == sorted((each.key, str(each.fields["change"])) for each in batch)

    # --- what the database refuses

    def test_a_row_that_is_refused_holds_up_no_other(self) -> None:
        self.sent([delivery(0)])
        self.execute("CREATE UNIQUE INDEX one_of_each ON people (happened_at)")
        times = ("2024-01-01T00:00:00Z", "2023-11-14T22:13:20.000Z", "2024-01-02T00:00:00Z")
        batch = [delivery(number + 1, fields={"happened_at": time}) for number, time in enumerate(times)]
        outcomes = self.sent(batch)
        assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
        assert isinstance(outcomes[1], Refused)
        assert outcomes[1].reason == "rejected"
        assert "22:13" not in outcomes[1].detail
        assert len(self.query("SELECT 1 FROM people")) == 3

    def test_a_value_that_does_not_fit_is_refused_alone(self) -> None:
        outcomes = self.sent([delivery(0), delivery(1, fields={"happened_at": "yesterday"}), delivery(2)])
        assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
        assert isinstance(outcomes[1], Refused)
        assert "happened_at" in outcomes[1].detail
        assert "yesterday" not in outcomes[1].detail

    def test_a_field_without_a_column_is_refused_until_the_column_comes(self) -> None:
        self.sent([delivery(0)])

        async def send() -> list[Outcome]:
            destination = SqlDestination(self.options, FIELDS, timeout_s=20)
            (first,) = await destination.send([delivery(1, fields={"email": "li@例子.cn"})])
            await asyncio.to_thread(self.execute, "ALTER TABLE people ADD COLUMN email varchar(50)")
            (second,) = await destination.send([delivery(1, fields={"email": "li@例子.cn"})])
            await destination.close()
            return [first, second]

        first, second = run(send())
        assert isinstance(first, Refused)
        assert "email" in first.detail
        assert isinstance(second, Delivered), second
        assert self.query("SELECT email FROM people ORDER BY profile_id") == [(None,), ("li@例子.cn",)]

    # --- names and texts of the hostile

    def test_names_and_values_are_never_read_as_sql(self) -> None:
        hostile = "x'); DROP TABLE people; --"
        options = self.changed(columns={'a"b; DROP TABLE people': "text"})
        outcomes = self.sent(
            [delivery(0, fields={"name": hostile, 'a"b; DROP TABLE people': hostile})], options=options
        )
        assert [type(outcome) for outcome in outcomes] == [Delivered]
        assert self.query('SELECT name, "a""b; DROP TABLE people" FROM people') == [(hostile, hostile)]

    def test_a_tables_name_may_be_any(self) -> None:
        options = self.changed(table='People "of" 北京; --')
        (outcome,) = self.sent([delivery(0)], options=options)
        assert isinstance(outcome, Delivered), outcome
        assert self.query('SELECT version FROM "People ""of"" 北京; --"') == [(1,)]

    # --- the table

    def test_no_table_is_created_unless_that_is_asked_for(self) -> None:
        self.sent([delivery(0)])
        (outcome,) = self.sent([delivery(0)], options=self.changed(create=False, table="others"))
        assert isinstance(outcome, Retry)
        assert "others" in outcome.detail

    def test_a_table_that_comes_later_takes_what_waited(self) -> None:
        self.sent([delivery(0)])

        async def send() -> list[Outcome]:
            destination = SqlDestination(self.changed(create=False), FIELDS, timeout_s=20)
            await asyncio.to_thread(self.execute, "ALTER TABLE people RENAME TO away")
            (first,) = await destination.send([delivery(1)])
            await asyncio.to_thread(self.execute, "ALTER TABLE away RENAME TO people")
            (second,) = await destination.send([delivery(1)])
            await destination.close()
            return [first, second]

        assert [type(outcome) for outcome in run(send())] == [Retry, Delivered]

    def test_a_table_that_vanishes_meanwhile_is_waited_for(self) -> None:
        async def send() -> list[Outcome]:
            destination = SqlDestination(self.changed(create=False), FIELDS, timeout_s=20)
            (first,) = await destination.send([delivery(1)])
            await asyncio.to_thread(self.execute, "ALTER TABLE people RENAME TO away")
            (second,) = await destination.send([delivery(2)])
            await destination.close()
            return [first, second]

        self.sent([delivery(0)])
        assert [type(outcome) for outcome in run(send())] == [Delivered, Retry]

    def test_a_table_whose_key_is_not_unique_takes_nothing(self) -> None:
        self.execute("CREATE TABLE loose (profile_id varchar(36), name varchar(36), version bigint)")
        (outcome,) = self.sent([delivery(0)], options=self.changed(table="loose"))
        assert isinstance(outcome, Retry)
        assert "unique" in outcome.detail
        assert self.query("SELECT 1 FROM loose") == []

    def test_a_table_whose_versions_are_texts_takes_nothing_as_9_would_be_more_than_10(self) -> None:
        self.execute(
            "CREATE TABLE texts (profile_id varchar(36), name varchar(36), change varchar(9), happened_at varchar(40), "
            "version varchar(20), PRIMARY KEY (profile_id, name))"
        )
        for written in (10, "10"):
            sent = delivery(0, version=10, fields={"version": written})
            (outcome,) = self.sent([sent], options=self.changed(table="texts"))
            assert isinstance(outcome, Retry)
            assert "whole numbers, and is VARCHAR(20)" in outcome.detail
        assert self.query("SELECT 1 FROM texts") == []
        traits = ("2026-11-28T10:00:00Z", "20261128", 1.5)  # of each person the mapping may make another one
        deliveries = [delivery(number, fields={"version": trait}) for number, trait in enumerate(traits)]
        outcomes = self.sent(deliveries, options=self.changed(table="texts"))
        assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Refused]
        assert self.query("SELECT version FROM texts") == [(traits[0],)]

    # --- many

    def test_many_batches_at_once_are_all_written(self) -> None:
        async def send() -> None:
            destination = SqlDestination(self.options, FIELDS, timeout_s=30)
            await destination.send([delivery(0)])
            batches = ([delivery(10 * batch + number) for number in range(10)] for batch in range(20))
            outcomes = [each for sent in await asyncio.gather(*map(destination.send, batches)) for each in sent]
            await destination.close()
            assert {type(outcome) for outcome in outcomes} == {Delivered}, outcomes

        run(send())
        assert len(self.query("SELECT 1 FROM people")) == 200

    def test_a_batch_that_is_cancelled_leaves_the_destination_usable(self) -> None:
        async def send() -> list[Outcome]:
            destination = SqlDestination(self.options, FIELDS, timeout_s=20)
            await destination.send([delivery(0)])
            sending = asyncio.create_task(_as_coroutine(destination, [delivery(number) for number in range(1, 500)]))
            await asyncio.sleep(0)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            outcomes = await destination.send([delivery(number) for number in range(500)])
            await destination.close()
            return list(outcomes)

        assert {type(outcome) for outcome in run(send())} == {Delivered}
        assert len(self.query("SELECT 1 FROM people")) == 500


async def _as_coroutine(destination: SqlDestination, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
    return await destination.send(deliveries)
