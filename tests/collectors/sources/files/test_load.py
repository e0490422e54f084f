"""Files to events: values and times by the mapping, order, message ids, and the places of what does not fit."""

import gzip
import json
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sources.files.cdnow import MAPPING, fetch_cdnow
from collectors.sources.files.load import Tally, check, numbered
from collectors.sources.files.mapping import Constant, Format, FromColumn, Mapping, Time
from collectors.sources.files.mapping_file import read_mapping
from collectors.sources.files.problems import FileProblems
from collectors.sources.files.sorting import TimeSorter
from embedded.fetch import cache_dir
from identity.rules import DEFAULT_RULES
from schemas.records import Event, Identifier

ORDERS = Mapping(
    name="orders",
    workspace="main",
    source="erp",
    format=Format(),
    columns={"who": "text", "at": "text", "what": "text", "total": "decimal", "paid": "boolean"},
    event=FromColumn("what"),
    occurred_at=Time("at", zone="Europe/Berlin"),
    identifiers={"user_id": "who"},
    properties={
        "total": FromColumn("total"),
        "paid": FromColumn("paid"),
        "note": FromColumn("what"),
        "n": Constant("1"),
    },
)
HEADER = "ignored,who,at,what,total,paid\n"


class Silent:
    def checked(self, read_bytes: int, size: int, events: int) -> None:
        """Nobody watches."""

    def sent(self, events: int, total: int) -> None:
        """Nobody watches."""


def load(folder: Path, content: str | bytes, mapping: Mapping = ORDERS) -> list[Event]:
    path = folder / "orders.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_file(folder, path, mapping)


def load_file(folder: Path, path: Path, mapping: Mapping, max_memory_bytes: int = 10_000_000) -> list[Event]:
    runs = folder / "runs"
    runs.mkdir(exist_ok=True)
    sorter = TimeSorter(runs, max_memory_bytes)
    check(path, mapping, DEFAULT_RULES, sorter, Silent())
    return list(numbered(sorter.in_order(), mapping.name, Tally()))


def problems(folder: Path, content: str | bytes, mapping: Mapping = ORDERS) -> list[str]:
    with pytest.raises(FileProblems) as caught:
        load(folder, content, mapping)
    return [problem.removeprefix(f"{folder / 'orders.csv'}:") for problem in caught.value.problems]


def test_a_row_becomes_an_event(tmp_path: Path) -> None:
    (event,) = load(tmp_path, HEADER + 'x, 007 ,2001-07-01 12:00,"Größe ""L"", 中",12.50,YES\r\n')
    assert event.identifiers == (Identifier("user_id", "007"),)
    assert event.event == 'Größe "L", 中'
    assert event.occurred_at == 993_981_600_000
    assert event.properties == '{"total":12.50,"paid":true,"note":"Größe \\"L\\", 中","n":1}'
    assert (event.workspace, event.source, event.type, event.sent_at) == ("main", "erp", "track", None)


def test_identifiers_are_normalised_and_those_of_nobody_stay_behind(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "x,NULL,2001-01-01,Ann@Example.org,1,no\nx,u,2001-01-01,ann@,1,no\n", encoding="utf-8")
    mapping = msgspec.structs.replace(ORDERS, event="Joined", identifiers={"user_id": "who", "email": "what"})
    sorter = TimeSorter(tmp_path, 10_000_000)
    unused = check(path, mapping, DEFAULT_RULES, sorter, Silent())
    events = list(numbered(sorter.in_order(), mapping.name, Tally()))
    assert [[str(one) for one in event.identifiers] for event in events] == [
        ["email:ann@example.org", "user_id:NULL"],
        ["user_id:u", "unused.email:ann@"],
    ]
    assert unused == {"blocked": 1, "malformed": 1}


def test_an_empty_cell_is_no_property(tmp_path: Path) -> None:
    (event,) = load(tmp_path, HEADER + "x,u,2001-07-01,e,,\n")
    assert json.loads(event.properties) == {"note": "e", "n": 1}


def test_gzip_a_byte_order_mark_and_blank_lines_are_no_matter(tmp_path: Path) -> None:
    text = "\ufeff" + HEADER.replace("ignored,", "") + "\nu,2001-07-01,e,1,no\n\n"
    assert len(load(tmp_path, gzip.compress(text.encode()))) == 1


def test_events_come_by_time_and_equal_times_in_the_order_of_the_file(tmp_path: Path) -> None:
    rows = [("b", "2001-01-02"), ("a", "2001-01-02"), ("c", "2001-01-01"), ("b", "2001-01-02")]
    events = load(tmp_path, HEADER + "".join(f"x,{who},{at},e,1,no\n" for who, at in rows))
    assert [event.identifiers[0].value for event in events] == ["c", "b", "a", "b"]


def test_a_second_import_gives_the_same_message_ids(tmp_path: Path) -> None:
    text = HEADER + "x,b,2001-01-02,e,1,no\nx,a,2001-01-01,e,1,no\nx,b,2001-01-02,e,1,no\n"
    first = [event.message_id for event in load(tmp_path, text)]
    assert len(set(first)) == 3
    assert [event.message_id for event in load(tmp_path, text.replace("\n", "\r\n"))] == first
    renamed = load(tmp_path, text, msgspec.structs.replace(ORDERS, name="others"))
    assert not {event.message_id for event in renamed} & set(first)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)), max_size=40))
def test_every_row_has_its_own_id_that_only_equal_rows_share_out(rows: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = HEADER + "".join(f"x,{who},2001-01-0{day},e,1,no\n" for who, day in rows)
        ids = [event.message_id for event in load(folder, text)]
        backwards = HEADER + "".join(f"x,{who},2001-01-0{day},e,1,no\n" for who, day in reversed(rows))
        assert len(set(ids)) == len(rows)
        assert {event.message_id for event in load(folder, backwards)} == set(ids)


@pytest.mark.parametrize(
    ("row", "place", "message"),
    [
        ("x,u,2001-13-01,e,1,no", "3:5", "not an ISO 8601 time"),
        ("x,u,2999-01-01,e,1,no", "3:5", "not between 1970 and now"),
        ("x,u,1969-01-01,e,1,no", "3:5", "not between 1970 and now"),
        ('"x,y",u,2001-01-01,e,"1,5",no', "3:22", "'1,5' is not a decimal number"),
        ("x,u,2001-01-01,e,1e5,no", "3:18", "not a decimal number"),
        ("x,u,2001-01-01,e,01,no", "3:18", "not a decimal number"),
        ("x,u,2001-01-01,e,1,maybe", "3:20", "neither true nor false"),
        ("x,,2001-01-01,e,1,no", "3:3", "no identifier"),
        (f"x,{'u' * 513},2001-01-01,e,1,no", "3:3", "is no user_id: it has more than 512 characters"),
        ("x,guest,2001-01-01,e,1,no", "3:3", "who 'guest' is no user_id: such a value names nobody"),
        ("x,u,2001-01-01,,1,no", "3:16", "the name of an event"),
        ("x,u,2001-01-01,e,1", "3:19", "expected 6 cells, found 5"),
        ("x,u,2001-01-01,e,1,no,more", "3:23", "expected 6 cells, found 7"),
        ('x,"u"u,2001-01-01,e,1,no', "3:1", "not CSV"),
        ('x,u,2001-01-01,"two\nlines",one,no', "4:8", "'one' is not a decimal"),
    ],
)
def test_what_does_not_fit_is_told_by_line_and_column(tmp_path: Path, row: str, place: str, message: str) -> None:
    (problem,) = problems(tmp_path, f"{HEADER}x,u,2001-01-01,e,1,no\n{row}\n")
    assert problem.startswith(f"{place}: ")
    assert message in problem


def test_several_problems_are_told_at_once_but_not_all(tmp_path: Path) -> None:
    found = problems(tmp_path, HEADER + "x,u,never,e,1,no\n" * 50)
    assert [problem.split(":")[0] for problem in found] == [str(line) for line in range(2, 12)]


def test_bytes_of_another_encoding_are_told_by_line_and_column(tmp_path: Path) -> None:
    assert problems(tmp_path, HEADER.encode() + b"x,\xfc,2001-01-01,e,1,no\n") == ["2:3: the byte 0xfc is not utf-8"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not even a header"),
        ("who,at,what,paid\n", "'total' is not in the header"),
        ("who,at,what,total,paid,at\n", "'at' is twice in the header"),
    ],
)
def test_a_header_must_have_the_columns(tmp_path: Path, content: str, message: str) -> None:
    (problem,) = problems(tmp_path, content)
    assert problem.startswith("1:1: ")
    assert message in problem


def test_a_damaged_gzip_file_is_told(tmp_path: Path) -> None:
    packed = gzip.compress((HEADER + "x,u,2001-01-01,e,1,no\n" * 100).encode())
    (problem,) = problems(tmp_path, packed[:-10])
    assert "damaged" in problem


def test_cdnow_is_what_its_authors_say(tmp_path: Path) -> None:
    path = fetch_cdnow(cache_dir())
    events = load_file(tmp_path, path, read_mapping(MAPPING), max_memory_bytes=5_000_000)
    bought = [json.loads(event.properties) for event in events]
    assert len(events) == len({event.message_id for event in events}) == 69_659
    assert len({event.identifiers for event in events}) == 23_570
    assert sum(one["quantity"] for one in bought) == 167_881
    assert sum(round(100 * one["total"]) for one in bought) == 250_031_563
    assert sum(one["total"] == 0 for one in bought) == 80
    assert sum(not event.message_id.endswith(":0") for event in events) == 255
    times = [event.occurred_at for event in events]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (852_076_800_000, 899_164_800_000)
    assert events[0].event == "Order Completed"
    assert Identifier("user_id", "00001") in events[0].identifiers
