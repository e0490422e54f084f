"""Several workers at once: a stopped one that comes back as a zombie, and two that are restarted by turns."""

import signal

import pytest

from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound, phases, pieces
from tests.oracle.scene import Scene
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

# Where a worker freezes, and whether it holds an open transaction then: the next owner must abort that, and fence it.
HOLDING_A_BATCH = ("before_transaction", "after_begin", "before_commit")
FROZEN_AT = (*HOLDING_A_BATCH, "after_commit", "after_store")
IN_SHORT = ("before_commit",)
RECOVERED = "Restore complete"


@pytest.mark.parametrize(
    "failpoint",
    [pytest.param(each, marks=pytest.mark.slow if each in IN_SHORT else pytest.mark.soak) for each in FROZEN_AT],
)
def test_a_worker_frozen_past_its_session_comes_back_as_a_zombie_and_changes_nothing(
    failpoint: str, crew: Crew, scene: Scene, figures: Figures
) -> None:
    played = phases(scene, seed=10 + FROZEN_AT.index(failpoint), number=1, visitors=30)
    ((end, sent),) = played
    frozen = crew.start(1, failpoint=f"{failpoint}:8:STOP")
    before, after = pieces(sent, 2)
    scene.sender.send(before)
    zombie = crew.await_stopped(1)

    crew.start(2)  # ready only when it holds the zombie's partitions
    scene.sender.send(after)
    scene.rest_at(end)
    figures.kills, figures.events = 1, len(sent)
    assert_sound(scene, played)

    recoveries = crew.log(1).read_text().count(RECOVERED)
    zombie.send_signal(signal.SIGCONT)
    if failpoint in HOLDING_A_BATCH:
        assert crew.ended(1) == "exit code 1"
        assert "another worker has taken the partition" in crew.log(1).read_text()
    else:
        wait_until(
            lambda: frozen.pid is None or crew.log(1).read_text().count(RECOVERED) > recoveries,
            "the zombie to end, or to join again",
        )
    figures.notes.append(f"ended with {frozen.ending}" if frozen.pid is None else "joined again")
    crew.tend()
    crew.await_ready(1)
    scene.rest_at(end)
    assert_sound(scene, played)


@pytest.mark.slow
def test_two_workers_restarted_by_turns_under_load(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    played = phases(scene, seed=20, number=2 if is_long else 1, visitors=60 if is_long else 30)
    crew.start(2)
    for end, sent in played:
        for number, piece in enumerate(pieces(sent, 12 if is_long else 3)):
            worker = crew.worker(1 + number % 2)
            scene.sender.send(piece)
            if number % 3 == 2:
                worker.kill()
            else:
                worker.terminate()
                # By the signal itself, if it came before the worker was so far as to listen.
                assert crew.ended(1 + number % 2) in {"exit code 0", f"signal {signal.SIGTERM.value}"}
            worker.start()
            figures.kills += 1
        crew.await_ready(1)
        crew.await_ready(2)
        scene.rest_at(end)
        figures.events += len(sent)
    assert_sound(scene, played)
    assert crew.worker(1).pid is not None
    assert crew.worker(2).pid is not None


@pytest.mark.slow
def test_workers_that_join_and_leave_for_good(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    played = phases(scene, seed=21, number=2 if is_long else 1)
    for end, sent in played:
        for number, piece in enumerate(pieces(sent, 4 if is_long else 1)):
            scene.sender.send(piece)
            crew.start(2 + number % 2)
            scene.sender.send(piece[:0])
            crew.dismiss(2 + number % 2)
            figures.kills += 1
        scene.rest_at(end)
        figures.events += len(sent)
    assert_sound(scene, played)
