"""ClickHouse away, killed in the middle of inserts, answering too late, and emptied."""

import random
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka.admin import AdminClient

from embedded.process import Reaper, StackProcess
from embedded.steps import ProcessSpec, http_ready
from schemas.groups import SINK
from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.proxy import Proxy
from tests.faults.scenario import assert_sound, phases, pieces
from tests.oracle.scene import Scene
from tests.support import plain
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

SINK_GROUP = SINK.name
BACK_WITHIN_S = 60.0
ANSWER_TIMEOUT_S = 2


@pytest.mark.slow
def test_clickhouse_is_killed_under_load_and_away_for_a_while(
    crew: Crew, scene: Scene, figures: Figures, is_long: bool
) -> None:
    rng = random.Random(70)
    played = phases(scene, seed=70, number=2 if is_long else 1, visitors=60 if is_long else 20)
    clickhouse, sink = scene.stack.process("clickhouse"), scene.stack.process("sink")
    for end, sent in played:
        for piece in pieces(sent, 5 if is_long else 2):
            scene.sender.send(piece)
            time.sleep(rng.uniform(0, 0.6))  # inserts are under way
            clickhouse.kill()
            scene.sender.send(piece[:1])  # a retry: whoever accepts does not depend on ClickHouse
            time.sleep(rng.uniform(1, 60 if is_long else 2))
            clickhouse.restart()
            figures.kills += 1
        wait_until(lambda: _serves(sink), "the sink to go on", BACK_WITHIN_S)
        scene.rest_at(end)
        figures.events += len(sent)
    assert crew.worker().pid is not None
    assert_sound(scene, played, may_repeat=True)


@pytest.mark.slow
def test_clickhouse_answers_after_the_sink_has_given_up(crew: Crew, scene: Scene, figures: Figures) -> None:
    """The rows are in, but nobody said so: they are sent again under the same token, and are there once."""
    ((end, sent), *_) = played = phases(scene, seed=71, number=1, visitors=40)
    with Proxy(scene.stack.options.ports.clickhouse) as proxy, _own_sink(scene, proxy) as sink:
        for piece in pieces(sent, 3):
            before = proxy.held
            proxy.hold()
            scene.sender.send(piece)
            wait_until(lambda before=before: proxy.held >= before + 2, "an insert to be given up and repeated")  # type: ignore[misc]
            proxy.release()
            figures.kills += 1
        scene.rest_at(end)
        assert sink.pid is not None, sink.failure("ended")
        log = sink.log.read_text()
    assert re.search("insert: ClickHouse at .* does not answer", log)
    figures.events = len(sent)
    figures.notes.append(f"{proxy.held} answers held back")
    assert crew.worker().pid is not None
    assert_sound(scene, played)


@pytest.mark.slow
def test_a_wiped_warehouse_is_the_same_after_a_replay(crew: Crew, scene: Scene, figures: Figures) -> None:
    ((end, sent), *_) = played = phases(scene, seed=72, number=1)
    scene.sender.send(sent)
    scene.rest_at(end)
    sink = scene.stack.process("sink")
    sink.stop()
    plain.post(scene.stack.addresses.clickhouse, content="DROP DATABASE onefold", timeout=30).raise_for_status()
    admin = AdminClient({"bootstrap.servers": scene.stack.addresses.kafka})
    wait_until(lambda: _forgotten(admin), "the sink's group to be gone")
    sink.restart()
    figures.kills, figures.events = 1, len(sent)
    scene.drain()
    assert crew.worker().pid is not None
    assert_sound(scene, played)


def _serves(process: StackProcess) -> bool:
    """Whether it serves; started again if it has ended by itself."""
    process.start()
    return process.spec.ready()


def _forgotten(admin: AdminClient) -> bool:
    """Delete the sink's group; False while the broker still counts it as alive."""
    return admin.delete_consumer_groups([SINK_GROUP])[SINK_GROUP].exception() is None


@contextmanager
def _own_sink(scene: Scene, proxy: Proxy) -> Iterator[StackProcess]:
    """In place of the stack's sink, one that speaks to ClickHouse through the proxy."""
    with_password = scene.stack.addresses.clickhouse.rpartition("@")[0]
    usual = scene.stack.process("sink")
    usual.stop()
    reaper = Reaper()
    environment = dict(scene.stack.environment) | {
        "ONEFOLD_CLICKHOUSE": f"{with_password}@127.0.0.1:{proxy.port}",
        "ONEFOLD_CLICKHOUSE_TIMEOUT_S": str(ANSWER_TIMEOUT_S),
    }
    spec = ProcessSpec(
        name="sink-by-proxy",
        title="Sink behind a proxy",
        command=[sys.executable, "-m", "sinks"],
        environment=environment,
        ready=http_ready(scene.stack.options.ports.sink_metrics, "/health/ready"),
    )
    sink = StackProcess(spec, scene.stack.logs / "sink-by-proxy.log", reaper)
    try:
        sink.restart()
        yield sink
    finally:
        sink.stop()
        reaper.close()
        usual.restart()
