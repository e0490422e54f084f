"""The sink as a process on a real Kafka, registry and ClickHouse: nothing lost, nothing twice, whatever stops it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from embedded.layout import free_ports
from embedded.stack import Stack
from runtime.files import write_private
from runtime.http.plain import plain_client
from schemas import topics
from schemas.identity import profile_key
from tests.sinks.examples import ADAS, PHONES, Placed, event, profile, resolved
from tests.sinks.sink_process import Feeder, running_sink, sink_lags, sink_process
from tests.support.kinds import one_is_enough
from tests.support.process import ModuleProcess
from tests.support.rows import tuples
from tests.support.waiting import wait_until
from warehouse.client import Warehouse
from warehouse.completeness import repair
from warehouse.migrate import migrate

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def feeder(stack: Stack) -> Feeder:
    return Feeder(stack)


@pytest.fixture
def sink(stack: Stack, tmp_path: Path) -> Iterator[ModuleProcess]:
    with running_sink(stack, tmp_path) as process:
        yield process


@pytest.fixture
def answers(stack: Stack) -> Iterator[Warehouse]:
    client = Warehouse(stack.addresses.clickhouse)
    yield client
    client.close()


def events(workspace: str, count: int, first: int = 0) -> list[Placed]:
    return [resolved(event(f"m{at}", workspace), at, PHONES, at % 4) for at in range(first, first + count)]


def message_ids(answers: Warehouse, workspace: str) -> list[str]:
    query = "SELECT message_id FROM onefold.events WHERE workspace = {workspace:String} SETTINGS final = 1"
    return sorted(str(row["message_id"]) for row in answers.rows(query, {"workspace": workspace}))


def test_what_was_committed_is_written_and_what_was_aborted_is_not(
    stack: Stack, feeder: Feeder, sink: ModuleProcess, answers: Warehouse, workspace: str
) -> None:
    feeder.send(events(workspace, 10))
    feeder.send_and_abort(events(workspace, 10, first=100))
    feeder.send([(topics.PROFILES, 0, 0, profile_key(workspace, ADAS), profile(ADAS, 1, workspace))])
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
    assert message_ids(answers, workspace) == sorted(f"m{at}" for at in range(10))
    assert 'onefold_sink_rows_total{table="raw_events"} 10.0' in sink.metrics()
    assert 'onefold_sink_rows_total{table="profiles"} 1.0' in sink.metrics()
    assert sink.status("/health/live") == httpx.codes.OK


def test_transaction_markers_alone_are_committed_too(stack: Stack, feeder: Feeder, sink: ModuleProcess) -> None:
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
    feeder.send_and_abort([resolved(event("never"), 0)])
    assert sink.is_running
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")


def test_bytes_that_are_no_record_become_a_dead_letter_with_the_original(
    stack: Stack, feeder: Feeder, sink: ModuleProcess, answers: Warehouse, workspace: str
) -> None:
    key = profile_key(workspace, PHONES)
    feeder.send_bytes(topics.EVENTS_RESOLVED, b"\x01broken " + workspace.encode(), key)
    feeder.send_bytes(topics.SESSIONS, None, workspace.encode())
    feeder.send_bytes(topics.EVENTS_DEAD, b"a broken dead letter")
    feeder.send(events(workspace, 3))
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
    assert len(message_ids(answers, workspace)) == 3
    letters = tuples(
        answers,
        "SELECT topic, key, value, stage, reason, headers.name[1] FROM onefold.dead_letters"
        " WHERE position(assumeNotNull(key), {workspace:String}) > 0 ORDER BY topic SETTINGS final = 1",
        {"workspace": workspace},
    )
    assert letters == [
        (topics.EVENTS_RESOLVED, key.decode(), f"\x01broken {workspace}", "sink", "bad_magic", "origin"),
        (topics.SESSIONS, workspace, None, "sink", "truncated", "origin"),
    ]
    assert 'onefold_sink_dropped_total{reason="bad_magic"} 1.0' in sink.metrics()


def test_a_sink_that_is_killed_again_and_again_writes_everything_once(
    stack: Stack, feeder: Feeder, sink: ModuleProcess, answers: Warehouse, workspace: str
) -> None:
    for round_ in range(3):
        feeder.send(events(workspace, 3_000, first=3_000 * round_))
        reached = 3_000 * round_
        wait_until(lambda: len(message_ids(answers, workspace)) > reached, f"more than {reached:,} events")  # noqa: B023
        sink.kill()
        sink.start()
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
    assert message_ids(answers, workspace) == sorted(f"m{at}" for at in range(9_000))


def test_it_ends_in_time_and_leaves_nothing_unacknowledged_that_is_written(
    stack: Stack, feeder: Feeder, sink: ModuleProcess, answers: Warehouse, workspace: str
) -> None:
    feeder.send(events(workspace, 2_000))
    wait_until(lambda: len(message_ids(answers, workspace)) > 0, "an event")
    assert sink.terminate(within_s=5) == 0
    assert "Traceback" not in sink.output
    sink.start()
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
    assert len(message_ids(answers, workspace)) == 2_000


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[ModuleProcess]:
    """A ClickHouse that a test may stop and kill."""
    port = free_ports(1)[0]
    arguments = ("--port", str(port), "--path", str(tmp_path / "clickhouse"))
    log = tmp_path / "clickhouse.log"
    with ModuleProcess(
        "embedded.clickhouse", *arguments, environment=os.environ, log=log, port=port, health="/ping"
    ) as process:
        process.wait_until_ready()
        yield process


def test_it_waits_for_a_clickhouse_that_is_away(
    stack: Stack, feeder: Feeder, gateway: ModuleProcess, tmp_path: Path, workspace: str
) -> None:
    with running_sink(stack, tmp_path, ONEFOLD_CLICKHOUSE=gateway.url) as sink:
        gateway.kill()
        feeder.send(events(workspace, 500))
        wait_until(lambda: 'onefold_sink_retries_total{step="insert"}' in sink.metrics(), "a retry")
        assert sink.is_running
        assert sink_lags(stack)
        gateway.start()
        wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
        assert len(message_ids(Warehouse(gateway.url), workspace)) == 500
        log = sink.output
        assert log.count("trying again until it works") == log.count("works again") == 1


DROPS = [
    "DROP TABLE onefold.raw_events SYNC",
    "ALTER TABLE onefold.raw_events DROP COLUMN repairs",
    "DROP DATABASE onefold SYNC",
]


@pytest.fixture(params=one_is_enough(DROPS))
def drop(request: pytest.FixtureRequest) -> str:
    """What somebody does to the sink's tables."""
    return str(request.param)


@pytest.fixture
def lacking(stack: Stack, gateway: ModuleProcess, tmp_path: Path, drop: str) -> Iterator[ModuleProcess]:
    """A sink whose tables were dropped after it had begun."""
    with running_sink(stack, tmp_path, ONEFOLD_CLICKHOUSE=gateway.url) as process:
        with Warehouse(gateway.url) as clickhouse:
            clickhouse.run(drop)
        yield process


def test_it_waits_for_a_table_that_was_dropped_and_loses_nothing(
    stack: Stack, feeder: Feeder, gateway: ModuleProcess, lacking: ModuleProcess, workspace: str
) -> None:
    sink = lacking
    with Warehouse(gateway.url) as clickhouse:
        feeder.send(events(workspace, 500))
        wait_until(lambda: 'onefold_sink_retries_total{step="insert"}' in sink.metrics(), "a retry")
        wait_until(lambda: "'onefold migrate'" in readiness(sink), "the sink to say what to do")
        assert sink.is_running
        assert sink_lags(stack)
        assert "lacks it" in sink.output
        migrate(clickhouse)
        repair(clickhouse)
        wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
        wait_until(sink.is_ready, "the sink to be ready again")
        assert len(message_ids(clickhouse, workspace)) == 500


def test_it_starts_with_the_tables_that_are_there_and_waits_for_the_others(
    stack: Stack, feeder: Feeder, gateway: ModuleProcess, tmp_path: Path, workspace: str
) -> None:
    with Warehouse(gateway.url) as clickhouse:
        migrate(clickhouse)
        clickhouse.run("DROP VIEW onefold.device_owners")
        with sink_process(stack, tmp_path, ONEFOLD_CLICKHOUSE=gateway.url) as sink:
            sink.wait_for_output("tables: ClickHouse at .* lacks view device_owners .* trying again until it works")
            assert "lacks view device_owners" in readiness(sink)
            repair(clickhouse)
            sink.wait_until_ready()
            feeder.send(events(workspace, 1))
            wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
            assert message_ids(clickhouse, workspace) == ["m0"]


def readiness(process: ModuleProcess) -> str:
    with plain_client(timeout_s=10) as client:
        return client.get(f"{process.url}/health/ready").text


def test_it_stops_with_one_line_when_nobody_lets_it_in(stack: Stack, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    write_private(wrong, "nobody-shall-read-this")
    with sink_process(stack, tmp_path, ONEFOLD_CLICKHOUSE_PASSWORD_FILE=str(wrong)) as sink:
        assert sink.wait() == 1
        assert "does not let user 'default' in" in sink.output.strip().splitlines()[-1]
        assert "nobody-shall-read-this" not in sink.output
        assert "Traceback" not in sink.output


def test_it_stops_with_one_line_when_clickhouse_will_never_take_the_rows(
    stack: Stack, feeder: Feeder, gateway: ModuleProcess, tmp_path: Path, workspace: str
) -> None:
    with running_sink(stack, tmp_path, ONEFOLD_CLICKHOUSE=gateway.url) as sink:
        with Warehouse(gateway.url) as clickhouse:
            clickhouse.run("ALTER TABLE onefold.raw_events DROP COLUMN repairs")
            clickhouse.run("ALTER TABLE onefold.raw_events ADD COLUMN repairs Array(UInt64)")
        feeder.send(events(workspace, 1))
        assert sink.wait() == 1
        last = sink.output.strip().splitlines()[-1]
        assert "refuses with code" in last
        assert "Traceback" not in sink.output
    assert sink_lags(stack)
    with running_sink(stack, tmp_path):
        wait_until(lambda: not sink_lags(stack), "the sink to have read everything")


def test_it_ends_in_time_although_clickhouse_does_not_answer(
    stack: Stack, feeder: Feeder, gateway: ModuleProcess, tmp_path: Path, workspace: str
) -> None:
    with running_sink(stack, tmp_path, ONEFOLD_CLICKHOUSE=gateway.url) as sink:
        wait_until(lambda: not sink_lags(stack), "the sink to have read everything")
        gateway.send(signal.SIGSTOP)
        feeder.send(events(workspace, 1))
        wait_until(lambda: "onefold_sink_batches_in_flight 1.0" in sink.metrics(), "a batch under way")
        assert sink.terminate(within_s=5) == 0
        assert "Traceback" not in sink.output
        assert sink_lags(stack)


@pytest.mark.parametrize("variable", ["ONEFOLD_REGISTRY", "ONEFOLD_CLICKHOUSE"])
def test_it_waits_at_the_start_for_what_does_not_answer_yet(stack: Stack, tmp_path: Path, variable: str) -> None:
    with sink_process(stack, tmp_path, **{variable: "http://127.0.0.1:1"}) as sink:
        sink.wait_for_output("trying again until it works")
        assert sink.status("/health/ready") == httpx.codes.SERVICE_UNAVAILABLE
        assert sink.terminate() == 0
        assert "Traceback" not in sink.output
