"""What `onefold segment` shows and writes of memberships."""

import contextlib
import csv
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet

from definitions.model import Comparison, Operator, Segment, TraitComparison
from embedded.stack import Stack
from onefold.cli import onefold
from schemas import topics
from schemas.records import Identifier, SegmentChange
from tests.sinks.examples import ADA, ADAS, NOW, PHONES, insert, placed, profile
from tests.support.sets import applied
from warehouse.client import Warehouse

pytestmark = pytest.mark.stack

EVE = "00000000-0000-5000-8000-0000000000ef"
EVES = (Identifier("email", "=1+1"), Identifier("email", "eve@example.com"), Identifier("phone", "+4930123456"))
TRAITS = (
    '{"plan": "pro", "rate": 1.10, "formula": "@SUM(1);=2;-5;a", "email": "x", "address": {"city": "北京"}, "debt": -5}'
)
_FIXED = ("profile_id", "entered_at", "email", "phone")
COLUMNS = ["--identifiers", "email, phone", "--traits", "plan,rate,formula,email,address,debt,none"]
HEAD = [*_FIXED, "plan", "rate", "formula", "traits.email", "address", "debt", "none"]


@pytest.fixture
def buyers(warehouse: Warehouse, workspace: str) -> str:
    """A workspace with two buyers, Ada and Eve; Ada was her phone before."""
    changes = [
        SegmentChange(workspace, "c1", PHONES, "buyers", "entered", NOW, "m1", 1, (Identifier("cookie", "c"),)),
        SegmentChange(workspace, "c2", PHONES, "buyers", "exited", NOW + 5, "merge", 2),
        SegmentChange(workspace, "c3", ADAS, "buyers", "entered", NOW + 6, "merge", 3, (ADA,)),
        SegmentChange(workspace, "c4", EVE, "buyers", "entered", NOW + 7, "m2", 1, EVES),
        SegmentChange(workspace, "c5", EVE, "visitors", "entered", NOW + 7, "m2", 2, EVES),
    ]
    insert(warehouse, [placed(topics.SEGMENTS, change, at) for at, change in enumerate(changes)])
    records = [
        profile(ADAS, 5, workspace, identifiers=(ADA,)),
        profile(EVE, 3, workspace, identifiers=EVES, traits=TRAITS),
        profile(PHONES, 3, workspace, merged_into=ADAS, decision=1),
    ]
    insert(warehouse, [placed(topics.PROFILES, record, at) for at, record in enumerate(records)])
    return workspace


def run(address: str, workspace: str, *arguments: str, kafka: str = "") -> Result:
    environment = {"ONEFOLD_CLICKHOUSE": address, "ONEFOLD_KAFKA": kafka, "COLUMNS": "200"}
    return CliRunner().invoke(onefold, ["segment", *arguments, "--workspace", workspace], env=environment)


def cells(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines() if line.strip()]


def test_segments_are_listed_and_since_when_they_are_what_they_are(migrated: str, buyers: str, stack: Stack) -> None:
    pros, others = (
        TraitComparison(("plan",), (Comparison(operator, "pro"),))
        for operator in (Operator.EQUALS, Operator.NOT_EQUALS)
    )
    first = applied(stack, Segment("nobody", others), Segment("buyers", pros, "Buyers"))
    then = applied(stack, Segment("nobody", pros), Segment("buyers", pros))
    kafka = stack.settings.kafka
    rows = cells(run(migrated, buyers, "list", kafka=kafka).output)
    assert [row[:-1] for row in rows if row[0] in {"buyers", "nobody", "visitors"}] == [
        ["buyers", "2", "0", "0", str(first.version)],
        ["nobody", "0", "0", "0", str(then.version)],
        ["visitors", "1", "0", "0", "removed"],
    ]
    listed = json.loads(run(migrated, buyers, "list", "--json", kafka=kafka).output)
    assert [each["name"] for each in listed["segments"]] == ["buyers", "nobody", "visitors"]


def test_members_are_shown_now_and_then(migrated: str, buyers: str) -> None:
    shown = run(migrated, buyers, "members", "buyers", "--limit", "1").output
    assert " ".join(cells(shown)[-1]).startswith("2 members, of which --limit shows more")
    assert "email:=1+1, email:eve@example.com, phone:+4930123456" in shown
    then = json.loads(run(migrated, buyers, "members", "buyers", "--at", "2023-11-14T22:13:20.127Z", "--json").output)
    assert (then["total"], [member["profile_id"] for member in then["members"]]) == (1, [PHONES])
    assert then["members"][0]["identifiers"] == [{"namespace": "cookie", "value": "c"}]


def test_the_history_says_who_when_and_why(migrated: str, buyers: str) -> None:
    rows = cells(run(migrated, buyers, "history", "buyers", "--profile", "user_id:ada").output)
    assert [(row[1], row[2], row[-1]) for row in rows if row[0].startswith("2023")] == [
        ("entered", ADAS, "merge"),
        ("exited", PHONES, "merge"),
        ("entered", PHONES, "m1"),
    ]
    whole = json.loads(run(migrated, buyers, "history", "buyers", "--limit", "2", "--json").output)
    assert [change["change_id"] for change in whole["changes"]] == ["c4", "c3"]


def on_terminal(columns: int, address: str, *arguments: str) -> str:
    """What a command prints on a terminal of so many columns."""
    reading, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR"}}
    environment |= {"ONEFOLD_CLICKHOUSE": address, "TERM": "xterm"}
    with open(reading, encoding="utf-8", newline="") as output:
        command = [sys.executable, "-m", "onefold", *arguments]
        process = subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment)
        os.close(terminal)
        printed = []
        with contextlib.suppress(OSError):  # how a terminal ends whose other side is closed
            while line := output.readline():
                printed.append(line)
        assert process.wait(60) == 0, printed
    return re.sub(r"\x1b\[[0-9;]*m", "", "".join(printed))


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_ids_and_times_can_be_copied_from_a_terminal(migrated: str, buyers: str, columns: int) -> None:
    shown = on_terminal(columns, migrated, "segment", "history", "buyers", "--workspace", buyers)
    for whole in (ADAS, EVE, PHONES, "2023-11-14T22:13:20.130Z", "email:eve@example.com", "phone:+4930123456"):
        assert whole in shown


def test_an_overlap_is_counted(migrated: str, buyers: str) -> None:
    assert json.loads(run(migrated, buyers, "overlap", "buyers", "visitors", "--json").output) == {
        "both": 1,
        "only_left": 1,
        "only_right": 0,
    }
    assert ["only", "buyers", "1"] in cells(run(migrated, buyers, "overlap", "buyers", "visitors").output)


def test_members_are_exported_as_csv_that_no_spreadsheet_runs(migrated: str, buyers: str, tmp_path: Path) -> None:
    path = tmp_path / "buyers.csv"
    done = run(migrated, buyers, "export", "buyers", "--to", str(path), *COLUMNS)
    assert (done.exit_code, cells(done.stdout)[-1][:3]) == (0, ["2", "members", "written"])
    head, eve, ada = csv.reader(path.open(newline="", encoding="utf-8-sig"))
    assert head == HEAD
    assert ada == [ADAS, "2023-11-14T22:13:20.129Z", *[""] * 9]
    assert eve == [
        *(
            EVE,
            "2023-11-14T22:13:20.130Z",
            "'=1+1;eve@example.com",
            "+4930123456",
            "pro",
            "1.10",
            "'@SUM(1);'=2;-5;a",
            "x",
        ),
        *('{"city": "北京"}', "-5", ""),
    ]
    assert [file.name for file in tmp_path.iterdir()] == ["buyers.csv"]


def test_members_are_exported_as_parquet_as_they_are(migrated: str, buyers: str, tmp_path: Path) -> None:
    path = tmp_path / "buyers.PARQUET"
    done = run(migrated, buyers, "export", "buyers", "--to", str(path), *COLUMNS, "--json")
    assert json.loads(done.stdout)["members"] == 2
    table = parquet.read_table(path)
    assert table.column_names == HEAD
    eve = table.to_pylist()[0]
    assert (eve["email"], eve["rate"], eve["formula"], eve["none"]) == (
        ["=1+1", "eve@example.com"],
        "1.10",
        "@SUM(1);=2;-5;a",
        None,
    )
    assert round(eve["entered_at"].timestamp() * 1_000) == NOW + 7


def test_past_members_are_exported_and_nobody_is_a_file_with_a_head(migrated: str, buyers: str, tmp_path: Path) -> None:
    path = tmp_path / "then.csv"
    then = ["--at", "2023-11-14T22:13:20.127Z"]
    run(migrated, buyers, "export", "buyers", "--to", str(path), *then, "--identifiers", "cookie")
    assert list(csv.reader(path.open(newline="", encoding="utf-8-sig"))) == [
        ["profile_id", "entered_at", "cookie"],
        [PHONES, "2023-11-14T22:13:20.123Z", "c"],
    ]
    for name in ("none.csv", "none.parquet"):
        none = run(migrated, buyers, "export", "buyers", "--to", str(tmp_path / name), "--at", "2020-01-01")
        assert "0 members written" in none.output
    assert parquet.read_table(tmp_path / "none.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["members", "buyer"], 1, "ever been in a segment 'buyer' (did you mean 'buyers'?)"),
        (["overlap", "buyers", "visitor"], 1, "(did you mean 'visitors'?)"),
        (["export", "buyer", "--to", "{folder}/x.csv"], 1, "(did you mean 'buyers'?)"),
        (["members", "buyers", "--at", "2200-01-01"], 2, "Invalid value for --at: '2200-01-01' lies in the future: by"),
        (["overlap", "buyers", "visitors", "--at", "2200-01-01"], 2, "lies in the future"),
        (["export", "buyers", "--to", "b.csv", "--at", "2200-01-01"], 2, "lies in the future"),
        (["members", "buyers", "--at", "now"], 2, "Invalid value for --at: 'now' is no time in ISO 8601"),
        (["history", "buyers", "--profile", "ada"], 2, "NAMESPACE:VALUE"),
        (["history", "buyers", "--profile", "user_id:x"], 1, "has no profile with user_id:x"),
        (
            ["export", "buyers", "--to", "{folder}/x.csv", "--identifiers", "email,mail"],
            2,
            "nobody and no rule of identity has a namespace 'mail' (did you mean 'email'?)",
        ),
        (["export", "buyers", "--to", "{folder}/x.xlsx"], 2, "ends in .csv or .parquet"),
        (["export", "buyers", "--to", "{folder}/no/x.csv"], 1, "x.csv cannot be written: No such file or directory"),
        (["export", "buyers", "--to", "{folder}"], 2, "is a directory"),
    ],
)
def test_a_mistake_is_told_in_a_line(  # noqa: PLR0913, PLR0917 - a command and its answer
    migrated: str, buyers: str, stack: Stack, tmp_path: Path, arguments: Sequence[str], code: int, message: str
) -> None:
    typed = [argument.format(folder=tmp_path) for argument in arguments]
    done = run(migrated, buyers, *typed, kafka=stack.settings.kafka)
    assert (done.exit_code, message in done.output) == (code, True), done.output
    assert list(tmp_path.iterdir()) == []


def test_a_segment_that_is_or_was_defined_has_no_members_as_long_as_nobody_was_in_it(
    migrated: str, buyers: str, stack: Stack, tmp_path: Path
) -> None:
    pros = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
    applied(stack, Segment("empty", pros), Segment("elsewhere", pros, workspaces=("other",)))
    applied(stack)

    def said(*arguments: str) -> Result:
        return run(migrated, buyers, *arguments, kafka=stack.settings.kafka)

    assert said("members", "empty").output.splitlines()[-1] == "0 members"
    assert json.loads(said("members", "empty", "--at", "2020-01-01", "--json").output)["total"] == 0
    assert json.loads(said("history", "empty", "--json").output)["changes"] == []
    assert json.loads(said("overlap", "empty", "buyers", "--json").output)["only_right"] == 2
    to_file = ["export", "empty", "--to", str(tmp_path / "empty.csv"), "--identifiers"]
    assert "0 members written" in said(*to_file, "email").output
    assert "no rule of identity has a namespace 'mail'" in said(*to_file, "mail").output
    assert said("members", "elsewhere").exit_code == 1
    assert "did you mean 'empty'?" in said("members", "emtpy").output


def test_a_trait_that_no_member_has_is_named(migrated: str, buyers: str, tmp_path: Path) -> None:
    path = tmp_path / "buyers.csv"
    done = run(migrated, buyers, "export", "buyers", "--to", str(path), "--traits", "plan,fromula")
    assert (done.exit_code, done.stderr) == (0, "no member has a trait 'fromula' (did you mean 'formula'?)\n")
