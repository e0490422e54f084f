"""Files to events: values and times by the mapping, order, message ids, and the positions of what does not fit."""

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.sources.files.cdnow import MAPPING, fetch_cdnow
from collectors.sources.files.load import Tally, check, numbered
from collectors.sources.files.mapping import FixedValue, Format, FromColumn, Mapping, Time
from collectors.sources.files.mapping_file import read_mapping
from collectors.sources.files.problems import FileProblems
from collectors.sources.files.sorting import TimeSorter
from embedded.fetch import cache_dir
from identity.rules import DEFAULT_RULES
from schemas.ordinals import MAX_SEQUENCE, pack_ordinal
from schemas.records import Event, Identifier, Repair

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
        "n": FixedValue("1"),
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


VISITS = msgspec.structs.replace(
    ORDERS,
    columns=ORDERS.columns | {"url": "text", "agent": "text"},
    context={
        "page.url": FromColumn("url"),
        "page.title": FixedValue('"Shop"'),
        "userAgent": FromColumn("agent"),
        "ip": FixedValue('"5.9.0.1"'),
    },
)


def test_a_context_is_put_together_of_cells_and_constants_by_path(tmp_path: Path) -> None:
    header = HEADER.replace("\n", ",url,agent\n")
    rows = "x,u,2001-01-01,a,1,no,https://shop.example/p?bd_vid=1,\nx,u,2001-01-02,a,1,no,,curl/8.5\n"
    paid, robot = load(tmp_path, header + rows, VISITS)
    assert paid.context == '{"page":{"url":"https://shop.example/p?bd_vid=1","title":"Shop"},"ip":"5.9.0.1"}'
    assert robot.context == '{"page":{"title":"Shop"},"userAgent":"curl/8.5","ip":"5.9.0.1"}'


def test_identifiers_are_normalised_and_those_of_nobody_stay_behind(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER + "x,NULL,2001-01-01,Ann@Example.org,1,no\nx,u,2001-01-01,ann@,1,no\n", encoding="utf-8")
    mapping = msgspec.structs.replace(ORDERS, event="Joined", identifiers={"user_id": "who", "email": "what"})
    sorter = TimeSorter(tmp_path, 10_000_000)
    oddities = check(path, mapping, DEFAULT_RULES, sorter, Silent())
    events = list(numbered(sorter.in_order(), mapping.name, Tally()))
    assert [[str(one) for one in event.identifiers] for event in events] == [
        ["email:ann@example.org", "user_id:NULL"],
        ["user_id:u", "unused.email:ann@"],
    ]
    assert (oddities.unused, oddities.repairs) == ({"blocked": 1, "malformed": 1}, {})


def test_the_name_of_an_event_is_repaired_as_over_http(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    rows = f'x,u,2001-01-01,"two\nli\x00nes",1,no\nx,u,2001-01-02,{"e" * 501},1,no\n'
    path.write_text(HEADER + rows, encoding="utf-8")
    sorter = TimeSorter(tmp_path, 10_000_000)
    oddities = check(path, ORDERS, DEFAULT_RULES, sorter, Silent())
    assert oddities.repairs == {"control_character": 1, "too_long": 1}
    first, second = numbered(sorter.in_order(), "orders", Tally())
    assert (first.event, first.repairs) == ("two lines", (Repair("what", "control_character"),))
    assert (second.event, second.repairs) == ("e" * 500, (Repair("what", "too_long"),))


def test_a_cell_that_passed_a_double_is_the_number_and_one_that_was_rounded_is_nobodys(tmp_path: Path) -> None:
    columns = ORDERS.columns | {"what": "integer"}
    mapping = msgspec.structs.replace(
        ORDERS, columns=columns, event="E", identifiers={"user_id": "who", "external_id": "what"}
    )
    rows = "x,55520.0,2001-01-01,7.0,1,no\nx,1.23457E+11,2001-01-01,7,1,no\nx,007,2001-01-01,,1,no\n"
    assert [[str(one) for one in event.identifiers] for event in load(tmp_path, HEADER + rows, mapping)] == [
        ["user_id:55520", "external_id:7"],
        ["external_id:7", "unused.user_id:1.23457E+11"],
        ["user_id:007"],
    ]
    (told,) = problems(tmp_path, HEADER + "x,1.23457E+11,2001-01-01,,1,no\n", mapping)
    assert "who '1.23457E+11' is no user_id: a spreadsheet has rounded it" in told


def test_an_empty_cell_is_no_property(tmp_path: Path) -> None:
    (event,) = load(tmp_path, HEADER + "x,u,2001-07-01,e,,\n")
    assert json.loads(event.properties) == {"note": "e", "n": 1}


def test_gzip_a_byte_order_mark_and_blank_lines_are_no_matter(tmp_path: Path) -> None:
    text = "\ufeff" + HEADER.replace("ignored,", "") + "\nu,2001-07-01,e,1,no\n\n"
    assert len(load(tmp_path, gzip.compress(text.encode()))) == 1


@pytest.mark.parametrize(
    "blanks", [",,,,,", " , ,\u00a0,\u3000,\ufeff,\t", '"","",,,,', "  ", ",,", ",,,,,,,,,,", '"\n",,,,,']
)
def test_a_row_of_blanks_is_no_row(tmp_path: Path, blanks: str) -> None:
    row = "x,u,2001-01-01,e,1,no\n"
    events = load(tmp_path, f"{blanks}\n{HEADER}{row}{blanks}\n{row}{blanks}\n{blanks}")
    assert [event.ordinal for event in events] == [1, 2]


def test_columns_without_a_name_behind_the_last_one_are_no_matter(tmp_path: Path) -> None:
    rows = "x,u,2001-01-01,e,1,no,,,\nx,u,2001-01-01,e,1,no\n"
    assert len(load(tmp_path, HEADER.replace("\n", ", ,,\n") + rows)) == 2


def test_blanks_around_cells_are_no_matter(tmp_path: Path) -> None:
    (event,) = load(tmp_path, HEADER + "x,\ufeff007\u3000, 2001-07-01 12:00 ,\u00a0e ,\t12.50, TRUE \n")
    assert event.identifiers == (Identifier("user_id", "007"),)
    assert (event.event, event.occurred_at) == ("e", 993_981_600_000)
    assert event.properties == '{"total":12.50,"paid":true,"note":"e","n":1}'


def test_blanks_between_quotes_and_delimiters_are_no_matter(tmp_path: Path) -> None:
    rows = 'x, "u","2001-07-01" ,"a ""b"", c" , "1.50", "no" \nx, "u" ,2001-07-02,"two\nlines" ,2,no\n'
    first, second = load(tmp_path, '"ignored", "who" ,at,what,total,paid\n' + rows)
    assert [json.loads(event.properties)["note"] for event in (first, second)] == ['a "b", c', "two\nlines"]
    assert problems(tmp_path, HEADER + 'x, "a, b","never" ,e,1,no\n')[0].startswith("2:11: at: 'never'")
    assert "goes on behind its quote" in problems(tmp_path, HEADER + 'x,"u" x,2001-07-01,e,1,no\n')[0]


def test_missing_values_are_blank(tmp_path: Path) -> None:
    form = Format(missing=frozenset({"N/A", "NULL", "-"}))
    mapping = msgspec.structs.replace(ORDERS, format=form, identifiers={"user_id": "who", "email": "what"}, event="E")
    text = HEADER + "N/A,NULL, - ,N/A,-,NULL\nx,u,2001-07-01,N/A, - ,NULL\n"
    (event,) = load(tmp_path, text, mapping)
    assert [str(identifier) for identifier in event.identifiers] == ["user_id:u"]
    assert (event.properties, event.ordinal) == ('{"n":1}', 1)
    assert "the row has no time" in problems(tmp_path, HEADER + "x,u,-,e,1,no\n", mapping)[0]


def test_a_decimal_comma(tmp_path: Path) -> None:
    mapping = msgspec.structs.replace(ORDERS, format=Format(delimiter=";", decimal=",", thousands="."))
    (event,) = load(tmp_path, HEADER.replace(",", ";") + "x;u;2001-07-01;e;1.234,50;no\n", mapping)
    assert json.loads(event.properties)["total"] == 1234.5


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("said", ["utf-8", "latin-1"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_order_mark_says_the_encoding(
    tmp_path: Path, encoding: str, said: str, pack: Callable[[bytes], bytes]
) -> None:
    mapping = msgspec.structs.replace(ORDERS, format=Format(encoding=said))
    (event,) = load(tmp_path, pack((HEADER + "x,u,2001-07-01,中 é,1,no\n").encode(encoding)), mapping)
    assert event.event == "中 é"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp1252", "gb18030", "shift_jis", "utf-8"])
def test_without_one_it_is_the_mappings(tmp_path: Path, encoding: str) -> None:
    mapping = msgspec.structs.replace(ORDERS, format=Format(encoding=encoding))
    name = "Größe" if encoding == "cp1252" else "中"
    (event,) = load(tmp_path, (HEADER + f"x,u,2001-07-01,{name},1,no\n").encode(encoding), mapping)
    assert event.event == name


def test_what_is_not_of_its_encoding_is_told(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, (HEADER + "x,u,2001-01-01,e,1,no\n").encode("utf-16")[:-1])
    assert "the text is not utf-16" in problem


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_line_ends_of_any_kind(tmp_path: Path, end: str) -> None:
    rows = ["x,u,2001-07-01,e,1,no", 'x,u,2001-07-02,"a{}b",2,no', "x,u,2001-07-03,e,three,no"]
    first, second = load(tmp_path, end.join([HEADER.strip(), *rows[:2]]).replace("{}", end))
    assert [json.loads(event.properties)["note"] for event in (first, second)] == ["e", f"a{end}b"]
    (problem,) = problems(tmp_path, end.join([HEADER.strip(), *rows, ""]).replace("{}", "\n"))
    line = {"\r\r\n": 8}.get(end, 5)
    assert problem.startswith(f"{line}:18: total: 'three' is not a decimal number")


@pytest.mark.parametrize("said", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
def test_the_line_of_excel_says_the_delimiter(tmp_path: Path, said: str) -> None:
    text = f"{said}\r\n{HEADER}x,u,2001-07-01,e,1,no\r\n".replace(",", ";")
    assert len(load(tmp_path, text)) == 1
    assert problems(tmp_path, text + "x;u;2001-07-01;e;one;no")[0].startswith("4:18: total")
    without_header = msgspec.structs.replace(ORDERS, format=Format(header="none"))
    assert len(load(tmp_path, f"{said}\nu;2001-07-01;e;1;no", without_header)) == 1


def test_a_file_with_a_header_alone_has_no_events(tmp_path: Path) -> None:
    assert load(tmp_path, HEADER) == []


def test_times_of_one_millisecond_are_in_order_of_microsecond_and_row(tmp_path: Path) -> None:
    times = ["00.000002", "00.000001", "00.000001", "00", "00.001"]
    events = load(tmp_path, HEADER + "".join(f"x,u{at},2001-07-01T12:00:{at}Z,e,1,no\n" for at in times))
    assert [(event.identifiers[0].value, event.ordinal) for event in events] == [
        ("u00", 4),
        ("u00.000001", pack_ordinal(1, 2)),
        ("u00.000001", pack_ordinal(1, 3)),
        ("u00.000002", pack_ordinal(2, 1)),
        ("u00.001", 5),
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2_500)), max_size=40))
def test_the_order_is_that_of_written_microseconds_and_row(rows: list[tuple[str, int]]) -> None:
    written = [f"2001-01-01T00:00:00.{microsecond:06}Z" for _, microsecond in rows]
    text = HEADER + "".join(f"{who},{who},{at},e,1,no\n" for (who, _), at in zip(rows, written, strict=True))
    with tempfile.TemporaryDirectory() as name:
        events = load(Path(name), text)
    expected = sorted(range(len(rows)), key=lambda row: (rows[row][1], row))
    assert [event.ordinal & MAX_SEQUENCE for event in events] == [row + 1 for row in expected]
    assert events == sorted(events, key=lambda event: (event.occurred_at, event.ordinal))


def test_a_second_import_gives_the_same_events(tmp_path: Path) -> None:
    text = HEADER + "x,b,2001-01-02T00:00:00.000007,e,1,no\nx,a,2001-01-01,e,1,no\n" * 2
    first, second = (
        [msgspec.structs.replace(event, received_at=0) for event in load(tmp_path, text)] for _ in range(2)
    )
    assert first == second


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
    ("row", "position", "message"),
    [
        ("x,u,2001-13-01,e,1,no", "3:5", "at: '2001-13-01' is not a time since 1970"),
        ("x,u,,e,1,no", "3:5", "at: the row has no time"),
        ("x,u,2999-01-01,e,1,no", "3:5", "not between 1970 and now"),
        ("x,u,1969-01-01,e,1,no", "3:5", "not a time since 1970"),
        ('"x,y",u,2001-01-01,e,"1,5",no', "3:22", "total: '1,5' is not a decimal number"),
        ("x,u,2001-01-01,e, one ,no", "3:18", "total: 'one' is not a decimal number"),
        ("x,u,2001-01-01,e,1,maybe", "3:20", "neither true nor false"),
        ("x,,2001-01-01,e,1,no", "3:3", "no identifier"),
        (f"x,{'u' * 513},2001-01-01,e,1,no", "3:3", "is no user_id: it has more than 512 characters"),
        ("x,guest,2001-01-01,e,1,no", "3:3", "who 'guest' is no user_id: such a value names nobody"),
        ("x,u,2001-01-01,,1,no", "3:16", "what: the row has no name of an event"),
        ("x,u,2001-01-01,\x00,1,no", "3:16", "what: the row has no name of an event"),
        ("x,u,2001-01-01,e,1", "3:19", "paid: expected 6 cells, found 5; this one is missing"),
        ("x,u,2001-01-01,e,1,no,more", "3:23", "expected 6 cells, found 7; the last column is 'paid'"),
        ('x,"u"u,2001-01-01,e,1,no', "3:1", "not CSV: a quoted cell goes on behind its quote"),
        ('x,"u,2001-01-01,e,1,no', "3:1", "not CSV: the quote is missing that ends a cell"),
        (f'x,"u{"u" * 131_072},2001-01-01,e,1,no', "3:1", "has more than 131072 characters; is the quote missing"),
        ('x,u,2001-01-01,"two\nlines",one,no', "4:8", "'one' is not a decimal"),
    ],
)
def test_what_does_not_fit_names_its_line_and_column(tmp_path: Path, row: str, position: str, message: str) -> None:
    (problem,) = problems(tmp_path, f"{HEADER}x,u,2001-01-01,e,1,no\n{row}\n")
    assert problem.startswith(f"{position}: ")
    assert message in problem


def test_several_problems_are_told_at_once_but_not_all(tmp_path: Path) -> None:
    found = problems(tmp_path, HEADER + "x,u,never,e,1,no\n" * 50)
    assert [problem.split(":")[0] for problem in found] == [str(line) for line in range(2, 12)]


def test_bytes_of_another_encoding_are_told_by_line_and_column(tmp_path: Path) -> None:
    assert problems(tmp_path, HEADER.encode() + b"x,\xfc,2001-01-01,e,1,no\n") == [
        "2:3: the byte 0xfc is not utf-8; say the encoding under format, such as cp1252"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not even a header"),
        ("who,at,what,paid\n", "'total' is not in the header"),
        ("who,at,what,total,paid,at\n", "'at' is twice in the header"),
        (
            "who;at;what;total;paid\n",
            "'who' is not in the header: who;at;what;total;paid; the delimiter may be ';', under",
        ),
        (HEADER.encode("utf-16-le"), "the file has NUL characters; if it is UTF-16, say so as encoding"),
        (b"PK\x03\x04 and so on", "the file is a workbook or an archive; export it as CSV"),
    ],
)
def test_a_header_must_have_the_columns(tmp_path: Path, content: str | bytes, message: str) -> None:
    (problem,) = problems(tmp_path, content)
    assert problem.startswith("1:1: ")
    assert message in problem


@pytest.mark.parametrize(
    "damage", [lambda packed: packed[:-10], lambda packed: packed[:20] + b"\xff" * 20 + packed[40:]]
)
def test_a_damaged_gzip_file_is_told(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    rows = "".join(f"x,u{number},2001-01-01,e,1,no\n" for number in range(1_000))
    (problem,) = problems(tmp_path, damage(gzip.compress((HEADER + rows).encode())))
    assert "the gzip file is damaged" in problem


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
