"""The schema registry away: at the start of a worker, and when a schema must be read under way."""

import pytest

from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound, phases, pieces
from tests.oracle.poison import no_events
from tests.oracle.scene import Scene
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

BACK_WITHIN_S = 90.0


@pytest.mark.slow
def test_a_worker_that_starts_without_a_registry_waits_outside_until_it_is_there(
    crew: Crew, scene: Scene, figures: Figures
) -> None:
    ((end, sent), *_) = played = phases(scene, seed=60, number=1)
    registry = scene.stack.process("registry")
    before, after = pieces(sent, 2)
    scene.sender.send(before)
    crew.worker().kill()
    registry.kill()
    for _ in range(2):
        crew.start(awaited=False)
        assert crew.ended() == "exit code 1"
        assert "onefold worker: cannot start: " in crew.log().read_text()
        figures.kills += 1
    scene.sender.send(after)  # the collector knows its schemas
    registry.restart()
    crew.steady()
    scene.rest_at(end)
    figures.events = len(sent)
    assert_sound(scene, played)


@pytest.mark.slow
def test_what_is_known_goes_on_without_a_registry_and_what_must_be_asked_waits_for_it(
    crew: Crew, scene: Scene, figures: Figures
) -> None:
    ((end, sent), *_) = played = phases(scene, seed=61, number=1)
    registry = scene.stack.process("registry")
    unknown = [
        poison for poison in no_events(scene.sender.codec, scene.workspace.name) if poison[0] == "unknown_schema"
    ]
    before, after = pieces(sent, 2)
    worker_before = crew.worker().pid
    registry.kill()
    scene.sender.send(before)
    wait_until(
        lambda: _folded(scene) >= len({delivery.event.message_id for delivery in before}),
        "events to be folded without it",
    )
    assert crew.worker().pid == worker_before

    scene.sender.produce_raw([value for _, value in unknown])
    scene.sender.send(after)
    assert crew.ended() == "exit code 1"
    assert not scene.ledger().dead_letters, "nobody could know yet that the schema does not exist"
    registry.restart()
    wait_until(lambda: _is_back(crew), "the worker to come back", BACK_WITHIN_S)
    figures.kills, figures.events = crew.restarts, len(sent)
    scene.rest_at(end)
    assert_sound(scene, played, dead=unknown)


def _is_back(crew: Crew) -> bool:
    crew.tend()
    return crew.worker().spec.ready()


def _folded(scene: Scene) -> int:
    rows = scene.warehouse.rows(
        "SELECT sum(events) AS events FROM onefold.profiles WHERE workspace = {workspace:String}"
    )
    return int(str(rows[0]["events"]))
