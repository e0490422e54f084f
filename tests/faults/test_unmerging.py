"""Profiles unmerged under load while the rebuilder dies at its failpoints, and the worker at some of its own."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from embedded.stack import Stack
from jobs.failpoints import REBUILD
from runtime.failpoints import VARIABLE
from schemas.records import Event, IdentityRequest
from tests.faults.crew import Crew, killed
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound, phases, pieces
from tests.oracle.requests import Operator
from tests.oracle.scene import Scene
from tests.oracle.stream import WEB, Delivery, device, user
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

IN_SHORT = ("between_chunks", "before_offsets")  # the others: tests/jobs/rebuild/test_process.py
# The worker's, within a batch: between what a decision sends, and around the end of its transaction.
OF_WORKER = ("after_outputs", "before_commit", "after_commit", "after_store", "after_begin")
REQUESTS = 3
SEVERAL_CHUNKS = 1_001  # events of a profile whose replay is two commands


class _Rebuilder:
    """The stack's rebuilder, which can be made to end itself."""

    def __init__(self, stack: Stack) -> None:
        self._process = stack.process("rebuilder")
        self._plain = self._process.spec

    def start(self, failpoint: str) -> None:
        self._process.kill()
        environment = dict(self._plain.environment) | {VARIABLE: failpoint}
        self._process.spec = msgspec.structs.replace(self._plain, environment=environment)
        self._process.start()

    def steady(self) -> None:
        self._process.spec = self._plain
        self._process.restart()

    def ended(self) -> str:
        assert self._process.wait(60), self._process.failure("still runs after 60 s")
        return self._process.ending


@pytest.fixture
def rebuilder(stack: Stack) -> Iterator[_Rebuilder]:
    rebuilder = _Rebuilder(stack)
    yield rebuilder
    rebuilder.steady()


@pytest.mark.slow
def test_people_parted_while_rebuilder_and_worker_die_at_named_places(
    crew: Crew, rebuilder: _Rebuilder, scene: Scene, figures: Figures, is_long: bool
) -> None:
    rng = random.Random(30)
    operator = Operator(scene, seed=30)
    failpoints = REBUILD if is_long else IN_SHORT
    played = []
    for phase, (end, sent) in enumerate(phases(scene, seed=30, number=3 if is_long else 1)):
        couples: list[Delivery] = []
        for number, (failpoint, piece) in enumerate(zip(failpoints, pieces(sent, len(failpoints)), strict=True)):
            before, after = pieces(piece, 2)
            couple = _couple(scene, f"{failpoint}-{phase}", before[-1].event.received_at, failpoint)
            couples += couple
            scene.sender.send([*before, *couple])
            unmerged = couple[-1].event.identifiers
            wait_until(lambda unmerged=unmerged: _was_requested(scene, unmerged), f"{unmerged} to be requested")  # type: ignore[misc]

            crew.worker().kill()
            rebuilder.start(failpoint=failpoint)
            operator.send(
                IdentityRequest(
                    scene.workspace.name, "", "", end, unmerged, "unmerge", f"{failpoint}-{phase}", "a test"
                )
            )
            operator.unmerge(REQUESTS, before)
            scene.sender.send(after)
            crew.start(failpoint=f"{OF_WORKER[number]}:{rng.randint(1, 2)}", awaited=False)
            assert killed(crew.ended())
            crew.start(awaited=False)
            assert killed(rebuilder.ended())
            rebuilder.start(failpoint="")
            figures.kills += 3
        crew.steady()
        rebuilder.steady()
        scene.rest_at(end)
        played.append((end, [*sent, *couples]))
        figures.events += len(played[-1][1])
    end, last = played.pop()
    assert_sound(scene, [*played, (end, [*last, *operator.stragglers])])
    kinds = Counter(change.kind for change in scene.ledger().decided)
    assert kinds["unmerged"] >= len(failpoints), kinds
    figures.notes.append(f"{kinds['unmerged']} splits, {kinds['shared']} shared devices")


def _was_requested(scene: Scene, identifiers: Sequence[object]) -> bool:
    return any(set(identifiers) <= set(request.identifiers) for request in scene.ledger().requests)


def _couple(scene: Scene, name: str, last_ms: int, failpoint: str) -> list[Delivery]:
    """Events on a device whose user signs in at last, so many that their replay reaches the failpoint."""
    events = SEVERAL_CHUNKS if failpoint == "between_chunks" else 3
    workspace = scene.workspace.name
    views = [
        Event(
            workspace,
            WEB,
            f"{name}-{number}",
            "track",
            "Product Viewed",
            last_ms - number,
            None,
            last_ms,
            (device(name),),
        )
        for number in range(events)
    ]
    both = (user(name), device(name))
    return [Delivery(event, "kafka") for event in (*views, Event(
        workspace, WEB, f"{name}-sign-in", "identify", None, last_ms, None, last_ms, both, traits='{"plan": "vip"}'
    ))]  # fmt: skip
