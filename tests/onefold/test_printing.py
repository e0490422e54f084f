"""What tables, fields and trees look like on terminals of several widths, and where there is none."""

import io
from collections.abc import Collection, Sequence

import pytest
from rich.cells import cell_len
from rich.tree import Tree

from embedded.terminal import Terminal
from onefold.printing import print_fields, print_table, print_tree

ID = "6a1f6f0c-0000-5000-8000-000000000001"
TIME = "2026-11-27T23:42:44.123Z"
MESSAGE = "ajs-next-1764286964123-1d2c3b4a-5f6e-4a7b-8c9d-0e1f2a3b4c5d"
CITIES = "乌鲁木齐市天山区新华北路的一位很重要的顾客"
IDENTIFIERS = ", ".join(f"email:mei.{number}@a-long-name.example.com" for number in range(5))
HISTORY = ("changed at", "change", "profile", "identifiers", "cause")
CHANGES = [(TIME, "entered", ID, IDENTIFIERS, MESSAGE), (TIME, "exited", ID, f"user_id:{CITIES}", "deadline")]
LONG = "x" * 20_000


def printed(
    width: int | None,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Collection[str] = (),
    wrapped: str | None = None,
) -> list[str]:
    written = io.StringIO()
    print_table(names, rows, numbers=numbers, wrapped=wrapped, console=Terminal(file=written, width=width))
    return written.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200, 300, None])
def test_ids_times_and_names_stay_in_one_piece_at_any_width(width: int | None) -> None:
    lines = printed(width, HISTORY, CHANGES, wrapped="identifiers")
    pieces = [cell for row in CHANGES for cell in (row[0], row[2], row[4], *row[3].split(", "))]
    assert [piece for piece in pieces if not any(piece in line for line in lines)] == []


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_that_fits_has_a_line_for_each_row(width: int) -> None:
    rows = [(name, f"{number:,}", TIME) for number, name in enumerate((CITIES[:9], "buyers", "老客户"), 1_000)]
    lines = printed(width, ("segment", "members", "since"), rows, numbers=("members",))
    shown = [line.split() for line in lines if line.strip()]
    assert shown[0] == ["segment", "members", "since"]
    assert shown[2:] == [list(row) for row in rows]
    assert len({cell_len(line[: line.index("1,00")]) for line in lines if "1,00" in line}) == 1
    assert all(cell_len(line) <= width for line in lines)


def test_a_row_that_does_not_fit_has_a_line_for_each_cell_and_an_empty_one_behind() -> None:
    names = ("profile", "city", "cause")
    assert printed(60, names, [(ID, CITIES, "m1"), (ID, "", MESSAGE)]) == [
        f"profile  {ID}",
        f"city     {CITIES}",
        "cause    m1",
        "",
        f"profile  {ID}",
        "city     ",
        f"cause    {MESSAGE}",
    ]


def test_text_that_may_be_wrapped_goes_on_between_words_as_long_as_the_rest_fits() -> None:
    lines = printed(100, ("profile", "identifiers"), [(ID, IDENTIFIERS)], wrapped="identifiers")
    assert sum(ID in line for line in lines) == 1
    assert sum("email:" in line for line in lines) > 1
    assert all(cell_len(line) <= 100 for line in lines)


def test_no_other_column_becomes_narrower_for_it_be_it_the_widest() -> None:
    identifiers = [f"user_id:{number}" for number in range(4)]
    (_, _, *lines) = printed(90, ("cause", "identifiers"), [(MESSAGE, ", ".join(identifiers))], wrapped="identifiers")
    assert MESSAGE in lines[0]
    assert [line.replace(MESSAGE, "").strip(" ,").split(", ") for line in lines] == [identifiers[:2], identifiers[2:]]


def test_without_a_terminal_every_row_is_one_line_however_long_and_without_colours() -> None:
    rows = [(*CHANGES[0][:-1], LONG), CHANGES[1], ("a\nb", LONG, CITIES, "\x1b[31m", "")]
    lines = printed(None, HISTORY, rows, wrapped="identifiers")
    head = next(index for index, line in enumerate(lines) if "profile" in line)
    assert len([line for line in lines[head + 2 :] if line.strip()]) == len(rows)
    assert LONG in lines[head + 2]
    assert "a\\nb" in lines[head + 4]
    assert "\x1b" not in "".join(lines)


def test_a_table_without_rows_shows_its_columns() -> None:
    assert printed(60, ("segment", "members"), [])[0].split() == ["segment", "members"]
    assert printed(60, HISTORY, [])[0].split() == ["changed", "at", "change", "profile", "identifiers", "cause"]


def test_columns_of_one_name_are_shown_each() -> None:
    lines = printed(60, ("", "a", "a"), [("x", "1", "2")], numbers=("a",))
    assert [line.split() for line in lines if "1" in line] == [["x", "1", "2"]]


@pytest.mark.parametrize("width", [40, 60, 80, None])
@pytest.mark.parametrize("word", [ID, MESSAGE, CITIES, LONG])
def test_a_tree_breaks_lines_between_words_and_no_word(width: int | None, word: str) -> None:
    tree = Tree("explained")
    tree.add("event").add(f"{TIME} Order Completed of the shop").add(f"by {word} from {word}")
    written = io.StringIO()
    print_tree(tree, console=Terminal(file=written, width=width))
    lines = written.getvalue().splitlines()
    assert sum(line.count(word) for line in lines) == 2
    assert any(TIME in line for line in lines)
    if width is not None and cell_len(word) < width - 12:
        assert all(cell_len(line) <= width for line in lines)


@pytest.mark.parametrize("width", [60, 80, None])
def test_values_of_fields_stand_below_each_other_and_stay_in_one_piece(width: int | None) -> None:
    written, fields = io.StringIO(), [("城市", CITIES), ("id", ID), ("n" * 50, LONG), ("a\nb", "\x1b")]
    print_fields(fields, indent="  ", console=Terminal(file=written, width=width))
    assert written.getvalue().splitlines() == [
        f"  城市  {CITIES}",
        f"  id    {ID}",
        f"  {'n' * 50}  {LONG}",
        "  a\\nb  \\x1b",
    ]


def test_a_value_of_several_lines_keeps_them_behind_the_names(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("to", "a\nb"), ("request", "one\r\n\x1b[2Jtwo\noutcome  delivered")], of_lines=("request",))
    assert capsys.readouterr().out.splitlines() == [
        "to       a\\nb",
        "request  one",
        "         \\x1b[2Jtwo",
        "         outcome  delivered",
    ]
