"""What a folder of hours must hold after deliveries, wherever it lies: inherited by the tests of each place."""

import asyncio
import csv
import io
import re
from abc import ABC, abstractmethod
from collections import UserDict
from collections.abc import Callable, Coroutine, ItemsView, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import pyarrow.parquet as pq
import pytest

from definitions.receivers.files import Files
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused
from sinks.destinations.files.destination import FilesDestination
from tests.sinks.destinations.store_deliveries import delivery
from tests.support.waiting import wait_until

Result = TypeVar("Result")
FIELDS = ("profile_id", "name", "change", "happened_at", "version")
NOW = datetime(2026, 11, 28, 4, 59, tzinfo=UTC)
HOUR = "dt=2026-11-28/hour=04"
MAX_S = 60.0


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a coroutine to its end, which must come."""

    async def bounded() -> Result:
        return await asyncio.wait_for(work, MAX_S)

    return asyncio.run(bounded())


class FilesContract(ABC):
    """The cases. `files`: what lies in the folder, by path, read by another client."""

    options: Files
    files: Callable[[], Mapping[str, bytes]]

    @pytest.fixture(autouse=True)
    @abstractmethod
    def _place(self) -> None:
        """Set `options`, of a folder that is empty, and `files`."""

    def changed(self, **changes: object) -> Files:
        """The options with some of them changed."""
        return msgspec.structs.replace(self.options, **changes)

    def sent(self, *batches: Sequence[Delivery], at: datetime = NOW, **changes: object) -> Sequence[Outcome]:
        """The outcomes of batches, sent one after the other at one time."""

        async def send() -> list[Outcome]:
            destination = FilesDestination(self.changed(**changes), FIELDS, timeout_s=20, now=lambda: at)
            try:
                return [outcome for batch in batches for outcome in await destination.send(batch)]
            finally:
                await destination.close()

        return run(send())

    def only_file(self) -> bytes:
        """The content of the one file that there is."""
        (content,) = self.files().values()
        return content

    # --- files and their names

    def test_a_batch_is_one_file_in_the_folder_of_its_hour(self) -> None:
        outcomes = self.sent([delivery(0), delivery(1)], [delivery(2)])
        assert [type(outcome) for outcome in outcomes] == [Delivered] * 3
        assert len(self.files()) == 2
        assert all(re.fullmatch(rf"{HOUR}/[0-9a-f]{{32}}\.jsonl", path) for path in self.files()), self.files()

    def test_the_hour_is_that_of_writing_in_utc(self) -> None:
        east = datetime.fromisoformat("2026-11-29T07:30:00+08:00")
        self.sent([delivery(0)], at=east)
        (path,) = self.files()
        assert path.startswith("dt=2026-11-28/hour=23/")

    def test_a_repetition_overwrites_itself(self) -> None:
        batch = [delivery(0), delivery(1)]
        self.sent(batch)
        before = self.files()
        self.sent(batch, batch)
        assert self.files() == before

    def test_nothing_that_is_sent_changes_where_files_lie(self) -> None:
        hostile = "../../../etc/passwd\n"
        (outcome,) = self.sent([delivery(0, fields={"name": hostile, "profile_id": hostile, hostile: hostile})])
        assert isinstance(outcome, Delivered)
        (path,) = self.files()
        assert re.fullmatch(rf"{HOUR}/[0-9a-f]{{32}}\.jsonl", path)

    def test_many_batches_at_once_are_all_written(self) -> None:
        async def send() -> None:
            destination = FilesDestination(self.options, FIELDS, timeout_s=20, now=lambda: NOW)
            batches = ([delivery(10 * batch + number) for number in range(10)] for batch in range(20))
            outcomes = [each for sent in await asyncio.gather(*map(destination.send, batches)) for each in sent]
            await destination.close()
            assert {type(outcome) for outcome in outcomes} == {Delivered}, outcomes

        run(send())
        lines = b"".join(self.files().values()).splitlines()
        assert len({msgspec.json.decode(line)["delivery_key"] for line in lines}) == 200

    # --- _SUCCESS

    def test_an_hour_that_is_over_is_marked_and_one_that_is_not_is_not(self) -> None:
        async def send() -> None:
            time = NOW
            destination = FilesDestination(self.changed(success=False), FIELDS, timeout_s=20, now=lambda: time)
            await destination.send([delivery(0)])
            time = NOW.replace(hour=5, minute=4)
            await destination.send([delivery(1)])
            await destination.mark()
            assert not any(path.endswith("_SUCCESS") for path in self.files())
            time = NOW.replace(hour=5, minute=6)
            await destination.mark()
            await destination.close()

        run(send())
        assert [path for path in sorted(self.files()) if "_SUCCESS" in path] == [f"{HOUR}/_SUCCESS"]
        assert self.files()[f"{HOUR}/_SUCCESS"] == b""

    def test_an_hour_that_another_process_left_is_marked_though_nothing_is_sent(self) -> None:
        self.sent([delivery(0)], success=False)

        async def send() -> None:
            later = NOW + timedelta(days=1)
            destination = FilesDestination(self.options, FIELDS, timeout_s=20, now=lambda: later)
            destination.start()
            await asyncio.to_thread(wait_until, lambda: f"{HOUR}/_SUCCESS" in self.files(), "the mark")
            await destination.close()

        run(send())

    def test_a_batch_that_is_rendered_for_long_goes_into_the_hour_in_which_it_is_written(self) -> None:
        times = [NOW]

        class Late(UserDict[str, object]):
            """Fields that take an hour to be read."""

            def items(self) -> ItemsView[str, object]:
                times.append(NOW + timedelta(hours=1))
                return super().items()

        async def send() -> None:
            destination = FilesDestination(self.options, FIELDS, timeout_s=20, now=lambda: times[-1])
            await destination.send([msgspec.structs.replace(delivery(0), fields=Late(delivery(0).fields))])
            await destination.close()

        run(send())
        (path,) = self.files()
        assert path.startswith("dt=2026-11-28/hour=05/")

    # --- formats

    def test_lines_of_json_have_the_fields_as_they_are(self) -> None:
        about = delivery(0, fields={"traits": {"城市": "北京"}, "tags": ["a", 1]})
        self.sent([about])
        assert msgspec.json.decode(self.only_file()) == {"delivery_key": about.key, **about.fields}

    def test_csv_has_a_column_for_each_field_and_computes_nothing(self) -> None:
        batch = [delivery(0, fields={"name": "=HYPERLINK(1)", "note": 'a "b",\n;@c'}), delivery(1)]
        self.sent(batch, format="csv")
        first, second = csv.DictReader(io.StringIO(self.only_file().decode(), newline=""))
        assert list(first) == ["delivery_key", *FIELDS, "note"]
        assert first["name"] == "'=HYPERLINK(1)"
        assert first["note"] == 'a "b",\n;\'@c'
        assert (second["name"], second["note"], second["version"]) == ("大客户", "", "2")

    def test_csv_keeps_formulas_if_that_is_asked_for(self) -> None:
        self.sent([delivery(0, fields={"name": "=1+1"})], format="csv", keep_formulas=True)
        (row,) = csv.DictReader(io.StringIO(self.only_file().decode(), newline=""))
        assert row["name"] == "=1+1"

    def test_parquet_has_types(self) -> None:
        fields = {"traits": {"城市": "北京"}, "spent": "12.5", "is_new": "true"}
        self.sent(
            [delivery(0, fields=fields), delivery(1)],
            format="parquet",
            columns={"spent": "number", "is_new": "boolean"},
        )
        table = pq.read_table(io.BytesIO(self.only_file()))
        assert {field.name: str(field.type) for field in table.schema} == {
            "delivery_key": "string",
            "profile_id": "string",
            "name": "string",
            "change": "string",
            "happened_at": "timestamp[ms, tz=UTC]",
            "version": "int64",
            "traits": "string",
            "spent": "double",
            "is_new": "bool",
        }
        first, second = table.to_pylist()
        assert first["happened_at"] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
        assert (first["spent"], first["is_new"], first["traits"]) == (12.5, True, '{"城市":"北京"}')
        assert (second["spent"], second["is_new"], second["version"]) == (None, None, 2)

    def test_a_delivery_that_does_not_fit_is_refused_alone(self) -> None:
        batch = [delivery(0), delivery(1, fields={"version": "many"}), delivery(2)]
        outcomes = self.sent(batch, format="parquet")
        assert [type(outcome) for outcome in outcomes] == [Delivered, Refused, Delivered]
        assert isinstance(outcomes[1], Refused)
        assert "version" in outcomes[1].detail
        assert "many" not in outcomes[1].detail
        assert pq.read_table(io.BytesIO(self.only_file())).num_rows == 2

    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    def test_half_a_character_is_refused_alone(self, form: str) -> None:
        outcomes = self.sent([delivery(0, fields={"name": "\ud800"}), delivery(1)], format=form)
        assert [type(outcome) for outcome in outcomes] == [Refused, Delivered]
