"""A worker that is killed, at every failpoint and at random, or stopped by a signal under load."""

import random
import time
from collections.abc import Iterator, Mapping

import pytest

from embedded.stack import Stack
from runtime.kafka.offsets import Offsets, Partition
from schemas.groups import WORKER
from schemas.topics import TABLES, changelog
from state.commit import POSITION
from state.store import META
from streams.failpoints import FAILPOINTS
from tests.faults.crew import Crew, killed
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound, phases, pieces
from tests.oracle import topic
from tests.oracle.scene import Scene
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

STOPS_WITHIN_S = 15.0
IN_START = ("after_fence", "in_recovery", "after_recovery")


def test_killed_at_every_failpoint(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    rng = random.Random(1)
    played = phases(scene, seed=1, number=4 if is_long else 1, visitors=60)
    for end, sent in played:
        failpoints = list(FAILPOINTS)
        rng.shuffle(failpoints)
        for failpoint, piece in zip(failpoints, pieces(sent, len(failpoints)), strict=True):
            crew.worker().kill()  # or it leaves nothing to do to the one that is to come to its failpoint
            scene.sender.send(piece)
            _crash(crew, failpoint, 1 if failpoint in IN_START else rng.randint(1, 4))
            figures.kills += 1
        crew.steady()
        scene.rest_at(end)
        figures.events += len(sent)
    assert_sound(scene, played)


def _crash(crew: Crew, failpoint: str, times: int) -> None:
    """Let worker 1 work until it kills itself at a failpoint."""
    if failpoint == "in_recovery":
        crew.worker().kill()
        crew.wipe()
    worker = crew.start(failpoint=f"{failpoint}:{times}", awaited=False)
    if failpoint == "before_close":
        crew.await_ready()
        worker.terminate()
    ending = crew.ended()
    assert killed(ending), f"{failpoint}:{times}: {worker.failure(ending)}"


@pytest.mark.slow
def test_killed_at_random_moments_again_and_again(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    rng = random.Random(2)
    played = phases(scene, seed=2, number=3 if is_long else 1, visitors=60 if is_long else 30)
    for end, sent in played:
        for piece in pieces(sent, 10 if is_long else 4):
            worker = crew.start(awaited=False)
            scene.sender.send(piece)
            time.sleep(rng.uniform(0, 4))
            worker.kill()
            assert killed(worker.ending), worker.failure(f"was to be killed, but {worker.ending}")
            figures.kills += 1
        crew.steady()
        scene.rest_at(end)
        figures.events += len(sent)
    assert_sound(scene, played)


@pytest.mark.slow
def test_killed_during_recovery_again_and_again(crew: Crew, scene: Scene, figures: Figures, is_long: bool) -> None:
    played = phases(scene, seed=3, number=2 if is_long else 1)
    for end, sent in played:
        scene.sender.send(sent)
        scene.drain()
        crew.worker().kill()
        for times in range(1, 5 if is_long else 2):
            crew.wipe()
            crew.start(failpoint=f"in_recovery:{times}", awaited=False)
            assert killed(crew.ended())
            again = crew.start(failpoint="in_recovery", awaited=False)  # if the first has left anything to apply
            wait_until(lambda again=again: again.pid is None or again.spec.ready(), "a worker to end or to be ready")  # type: ignore[misc]
            figures.kills += 1 + (again.pid is None)
        crew.steady()
        scene.rest_at(end)
        figures.events += len(sent)
    assert_sound(scene, played)


@pytest.mark.slow
def test_stopped_under_load_it_leaves_nothing_to_redo(
    crew: Crew, scene: Scene, figures: Figures, is_long: bool
) -> None:
    played = phases(scene, seed=4, number=2 if is_long else 1, visitors=60)
    longest_s = 0.0
    for end, sent in played:
        for piece in pieces(sent, 6 if is_long else 2):
            scene.sender.send(piece)
            started = time.monotonic()
            crew.worker().terminate()
            assert crew.ended() == "exit code 0"
            longest_s = max(longest_s, time.monotonic() - started)
            assert longest_s < STOPS_WITHIN_S
            assert list(_folded_but_not_acknowledged(scene.stack)) == []
            crew.start()
            figures.kills += 1
        scene.rest_at(end)
        figures.events += len(sent)
    figures.notes.append(f"stops within {longest_s:.1f} s")
    assert_sound(scene, played)


def _folded_but_not_acknowledged(stack: Stack) -> Iterator[str]:
    """Inputs whose committed offset is not the position in the changelog; markers between the two do not count."""
    positions = _positions(stack)
    committed = Offsets(stack.addresses.kafka).committed(WORKER.name, positions)
    for name in {name for name, _ in positions}:
        records = topic.read_raw(stack.addresses.kafka, name)
        for partition, position in positions.items():
            offset = committed.get(partition, 0)
            begin, end = min(offset, position), max(offset, position)
            between = sum(partition == (name, raw.partition) and begin <= raw.offset < end for raw in records)
            if between:
                yield f"{partition}: acknowledged up to {offset}, folded up to {position}: {between} records between"


def _positions(stack: Stack) -> Mapping[Partition, int]:
    """Input position of every partition, from the changelogs."""
    prefix = META + POSITION
    positions = {}
    for table in TABLES:
        for raw in topic.read_raw(stack.addresses.kafka, changelog(table)):
            if raw.key is not None and raw.key.startswith(prefix):
                positions[raw.key[len(prefix) :].decode(), raw.partition] = int(raw.value or b"0")
    return positions
