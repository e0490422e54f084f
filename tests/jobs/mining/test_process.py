"""Mined traits on a running stack: the rebuilder killed at every step, two of them, merges, unmerges and failures."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from definitions.model import Comparison, Definitions, Mining, Operator, Segment, Trait, TraitComparison
from definitions.sets.applying import apply_draft
from definitions.sets.folder import Draft
from definitions.sets.topic import read_publication
from embedded.layout import Ports, free_ports
from embedded.stack import Stack, StackOptions
from jobs.failpoints import MINING
from onefold.cli import onefold
from runtime.failpoints import VARIABLE
from tests.support import plain
from tests.support.process import ModuleProcess
from tests.support.waiting import wait_until
from warehouse.client import Warehouse

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PEOPLE = 300
SCORES = "SELECT profile_id, argMax(score, scored_at) AS value FROM scores GROUP BY profile_id"
LIKELY = Segment("likely", TraitComparison(("score",), (Comparison(Operator.GREATER_OR_EQUAL, 100),)))


def score(every_ms: int = 3_600_000, query: str = SCORES) -> Trait:
    return Trait("score", Mining(query, every_ms))


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """All but the rebuilder, which is the tests'; 300 people, each with one event, and the table of a model."""
    with tempfile.TemporaryDirectory(prefix="onefold-mining-") as folder:
        parts = ("kafka", "registry", "clickhouse", "collector", "api", "worker", "sink")
        with Stack(StackOptions(data_dir=Path(folder), ports=Ports.free(), processes=parts, is_brief=True)) as running:
            send(running, *(f"p{number}" for number in range(PEOPLE)))
            warehouse = Warehouse(running.addresses.clickhouse)
            wait_until(lambda: len(shown(warehouse, "none")) == PEOPLE, "everybody to have a profile", 120)
            warehouse.run(
                "CREATE TABLE onefold.scores (profile_id String, score Float64, scored_at DateTime64(3))"
                " ORDER BY profile_id"
            )
            yield running


@pytest.fixture(scope="module")
def warehouse(stack: Stack) -> Iterator[Warehouse]:
    with Warehouse(stack.addresses.clickhouse) as client:
        yield client


@pytest.fixture
def rebuilder(stack: Stack, tmp_path: Path) -> Iterator[ModuleProcess]:
    port = free_ports(1)[0]
    environment = dict(stack.environment) | {"ONEFOLD_REBUILDER_METRICS_PORT": str(port)}
    process = ModuleProcess("jobs", environment=environment, log=tmp_path / "rebuilder.log", port=port)
    yield process
    if process.is_running:
        process.kill()


def send(stack: Stack, *users: str) -> None:
    calls = [{"type": "track", "event": "Viewed", "userId": user, "messageId": f"{user}-1"} for user in users]
    answer = plain.post(f"{stack.addresses.http}/v1/batch", json={"batch": calls}, auth=("dev", ""))
    assert answer.status_code == 200, answer.text


def shown(warehouse: Warehouse, trait: str) -> dict[str, object]:
    """By user id what everybody shows of a trait."""
    rows = warehouse.rows(
        "SELECT arrayFirst(each -> each.namespace = 'user_id', identifiers).value AS user, traits_text AS traits"
        " FROM onefold.profiles FINAL WHERE kind = 'person'"
    )
    return {str(row["user"]): json.loads(str(row["traits"])).get(trait) for row in rows}


def members(warehouse: Warehouse) -> dict[str, str]:
    rows = warehouse.rows("SELECT profile_id, toString(entered_at) AS at FROM onefold.segment_members FINAL")
    return {str(row["profile_id"]): str(row["at"]) for row in rows}


def write_scores(warehouse: Warehouse, scores: str, of_whom: str = "1") -> None:
    """Let the model score those of whom a condition holds, by an expression of `number`, the person's."""
    user = "arrayFirst(each -> each.namespace = 'user_id', identifiers).value"
    people = f"SELECT profile_id, toUInt32(substring({user}, 2)) AS number FROM onefold.profiles FINAL"
    warehouse.run(
        f"INSERT INTO onefold.scores SELECT profile_id, toFloat64({scores}), now64(3) FROM ({people}) WHERE {of_whom}"
    )


def apply(stack: Stack, *traits: Trait, segments: tuple[Segment, ...] = (LIKELY,)) -> None:
    kafka = stack.settings.kafka
    apply_draft(kafka, Draft(Definitions(segments, traits=traits), {}), read_publication(kafka).version)


def run(stack: Stack, *arguments: str) -> tuple[int, str]:
    environment: Mapping[str, str | None] = dict(stack.environment)
    done = CliRunner().invoke(onefold, arguments, env=environment)
    return done.exit_code, done.output


@pytest.mark.slow
def test_killed_at_every_step_it_ends_with_what_the_query_finds(
    stack: Stack, warehouse: Warehouse, rebuilder: ModuleProcess
) -> None:
    write_scores(warehouse, "number")
    apply(stack, score())
    for failpoint in MINING:
        rebuilder.launch(**{VARIABLE: failpoint})
        wait_until(lambda: not rebuilder.is_running, f"the rebuilder to die at {failpoint}", 120)
    rebuilder.start()
    expected: dict[str, object] = {f"p{number}": number for number in range(PEOPLE)}
    wait_until(lambda: shown(warehouse, "score") == expected, "everybody to show the score", 120)
    wait_until(lambda: len(members(warehouse)) == PEOPLE - 100, "those with a high score to be in the segment", 60)
    wait_until(lambda: "300 profiles" in run(stack, "definitions", "status")[1], "the refresh to be done", 60)
    causes = warehouse.rows("SELECT cause, count() AS n FROM onefold.segment_changes FINAL GROUP BY cause")
    assert causes == [{"cause": "definition", "n": PEOPLE - 100}], "each once, whoever was killed"

    warehouse.run("ALTER TABLE onefold.scores DELETE WHERE score = 299 SETTINGS mutations_sync = 1")
    write_scores(warehouse, "number + 10", "number < 299")
    code, said = run(stack, "definitions", "refresh", "score")
    assert code == 0, said
    expected = {f"p{number}": number + 10 if number < 299 else None for number in range(PEOPLE)}
    wait_until(lambda: shown(warehouse, "score") == expected, "the new scores", 60)
    changes = "SELECT cause, change, count() AS n FROM onefold.segment_changes FINAL GROUP BY ALL"
    assert {(row["cause"], row["change"]): row["n"] for row in warehouse.rows(changes)} == {
        ("definition", "entered"): 200,
        ("mining", "entered"): 10,
        ("mining", "exited"): 1,
    }


def test_a_query_that_fails_leaves_the_values_and_says_why(
    stack: Stack, warehouse: Warehouse, rebuilder: ModuleProcess
) -> None:
    rebuilder.start()
    before = shown(warehouse, "score")
    apply(stack, score(query="SELECT profile_id, 1 / length(no_such_column) AS value FROM scores"))
    wait_until(lambda: "which failed" in run(stack, "definitions", "status")[1], "the failure to be shown", 60)
    code, said = run(stack, "definitions", "refresh", "score")
    assert code == 1
    assert "no_such_column" in said
    assert shown(warehouse, "score") == before
    assert 'onefold_mining_refreshes_total{outcome="failed",trait="score",workspace="main"}' in rebuilder.metrics()


def test_a_trait_that_is_removed_takes_its_values_along(stack: Stack, warehouse: Warehouse) -> None:
    apply(stack, segments=())
    wait_until(lambda: set(shown(warehouse, "score").values()) == {None}, "the values to be gone", 60)
    wait_until(lambda: not members(warehouse), "everybody to have left", 60)
