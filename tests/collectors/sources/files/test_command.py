"""`onefold import` in front of a real Kafka: what is sent, in which order, and what is said when it cannot be."""

import json
import re
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from embedded.stack import Stack
from onefold.commands.import_ import import_
from schemas import topics
from schemas.records import Event
from tests.collectors.topics import TopicReader

pytestmark = pytest.mark.stack

MAPPING = """name: visits
workspace: main
source: dev
columns: {who: text, at: text, n: integer}
event: Visited
occurred_at: {column: at, format: epoch_s}
identifiers: {user_id: who}
properties: {n: n}
"""


@pytest.fixture
def events(stack: Stack) -> Iterator[TopicReader[Event]]:
    with TopicReader(stack.settings, topics.EVENTS, Event) as reader:
        yield reader


@pytest.fixture
def visits(tmp_path: Path) -> Path:
    """1,000 visits by 10 people, the latest first."""
    (tmp_path / "visits.yaml").write_text(MAPPING, encoding="utf-8")
    rows = [f"import-{number % 10},{1_000_000_000 - number // 3},{number}" for number in range(1_000)]
    path = tmp_path / "visits.csv"
    path.write_text("who,at,n\n" + "\n".join(rows), encoding="utf-8")
    return path


def run(stack: Stack, path: Path, *options: str) -> Result:
    mapping = str(path.with_name("visits.yaml"))
    return CliRunner().invoke(import_, [str(path), "--mapping", mapping, *options], env=stack.environment)


def test_events_arrive_in_time_order_in_every_partition(stack: Stack, visits: Path, events: TopicReader[Event]) -> None:
    result = run(stack, visits, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["events"], summary["sent"], summary["repeated"]) == (1_000, 1_000, 0)
    assert (summary["first_at"], summary["last_at"]) == (999_999_667_000, 1_000_000_000_000)
    events.read(1_000)
    times = defaultdict(list)
    for written in events.records:
        times[written.partition].append(written.record.occurred_at)
        assert written.key == f"main|{written.record.identifiers[0]}".encode()
    assert all(partition == sorted(partition) for partition in times.values())
    assert sum(json.loads(written.record.properties)["n"] for written in events.records) == 499_500


def test_a_second_import_repeats_the_events(stack: Stack, visits: Path, events: TopicReader[Event]) -> None:
    assert run(stack, visits).exit_code == 0
    again = run(stack, visits)
    assert again.exit_code == 0
    assert again.stderr.splitlines()[-1].endswith("'onefold drain' waits until it is.")
    sent = [msgspec.structs.replace(event, received_at=0) for event in events.read(2_000)]
    assert len(sent) == 2_000
    assert len({event.message_id for event in sent}) == len(set(sent)) == 1_000
    assert {event.ordinal for event in sent} == set(range(1, 1_001))


def test_nothing_is_sent_of_a_file_that_does_not_fit(stack: Stack, visits: Path, events: TopicReader[Event]) -> None:
    whole = visits.read_text(encoding="utf-8")
    visits.write_text(f"{whole}\nimport-0,1,one", encoding="utf-8")
    refused = run(stack, visits)
    assert refused.exit_code == 1
    assert f"{visits}:1002:12: n: 'one' is not a whole number" in refused.output
    assert "nothing was sent" in refused.output
    visits.write_text(whole, encoding="utf-8")
    assert run(stack, visits).exit_code == 0
    assert len(events.read(1_000)) == 1_000


def test_a_dry_run_sends_nothing_and_needs_no_stack(visits: Path) -> None:
    mapping = str(visits.with_name("visits.yaml"))
    nowhere = {"ONEFOLD_KAFKA": "127.0.0.1:1"}
    result = CliRunner().invoke(import_, [str(visits), "--mapping", mapping, "--dry-run", "--json"], env=nowhere)
    assert result.exit_code == 0, result.output
    assert (json.loads(result.stdout)["events"], json.loads(result.stdout)["sent"]) == (1_000, 0)
    assert "drain" not in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["none.csv"], "--mapping is needed"),
        (["none.csv", "--mapping", "none.yaml"], "none.yaml:1:1: cannot be read"),
        (["cdnow", "--workspace", "nobody"], "there is no workspace 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(stack: Stack, options: list[str], message: str) -> None:
    result = CliRunner().invoke(import_, options, env=stack.environment)
    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output


def test_interrupted_it_says_how_many_were_sent(stack: Stack, visits: Path, events: TopicReader[Event]) -> None:
    rows = "\n".join(f"import-{number % 10},{number},1" for number in range(400_000))
    visits.write_text(f"who,at,n\n{rows}", encoding="utf-8")
    code = "from onefold.commands.import_ import import_; import_()"
    command = [sys.executable, "-c", code, str(visits), "--mapping", str(visits.with_name("visits.yaml"))]
    process = subprocess.Popen(
        command, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any(line.startswith("Sending") for line in lines)
        process.send_signal(signal.SIGINT)
        _, output = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 1
    (sent,) = re.findall(r"interrupted; (\d+) of 400000 events were sent, repeating the import is safe", output)
    found = events.read(int(sent))
    assert len(found) < 400_000
