"""Whatever is killed, throttled or silent: in the end a receiver holds what the membership table holds.

Of one person nothing is out of order, what is repeated has the key of what came just before it, and nobody is removed
who was never sent.
"""

from collections.abc import Callable
from random import Random

import httpx
import msgspec
import pytest

from embedded.process import StackProcess
from tests.deliveries.conftest import ReceiverProcess
from tests.deliveries.receiver import taken
from tests.deliveries.soundness import Taken, differences, disorder, final_members
from tests.faults.scenario import phases, pieces
from tests.oracle.requests import Operator
from tests.oracle.scene import Scene
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

VISITORS, LONG_VISITORS = 60, 5_000
PIECES, LONG_PIECES = 12, 60
SETTLED_WITHIN_S = 240.0
STORM_S = 3


def test_everything_arrives(scene: Scene, receiver: ReceiverProcess, pytestconfig: pytest.Config) -> None:
    is_long = pytestconfig.getoption("soak")
    visitors, number = (LONG_VISITORS, LONG_PIECES) if is_long else (VISITORS, PIECES)
    faults = _faults(scene, receiver)
    chance, operator = Random(11), Operator(scene, seed=12)
    for end, sent in phases(scene, seed=70, number=2, visitors=visitors):
        for piece in pieces(sent, number):
            scene.sender.send(piece)
            chance.choice(faults)()
        operator.unmerge(3, sent)
        scene.rest_at(end)
    members = scene.warehouse.members()
    try:
        wait_until(
            lambda: final_members(_taken(receiver)) == members,
            "the receiver to hold what the table holds",
            SETTLED_WITHIN_S,
            every_s=1,
        )
    except AssertionError:
        pytest.fail(f"the receiver does not hold what the table holds: {_differences(receiver, members)}")
    everything = _taken(receiver)
    assert len(members) > visitors, "the world has too few members to show anything"
    assert {each.change for each in everything} == {"entered", "exited"}
    assert disorder(everything) == []


def _differences(receiver: ReceiverProcess, members: set[tuple[str, str]]) -> object:
    return differences(final_members(_taken(receiver)), members)


def _faults(scene: Scene, receiver: ReceiverProcess) -> list[Callable[[], object]]:
    """What may go wrong between two pieces; nothing, now and then."""
    deliverer, worker = scene.stack.process("deliverer"), scene.stack.process("worker")
    return [
        lambda: None,
        lambda: _kill(deliverer),
        lambda: _kill(deliverer),
        lambda: _kill(worker),
        lambda: _kill(receiver.process),
        lambda: _storm(receiver),
    ]


def _storm(receiver: ReceiverProcess) -> None:
    """Have the receiver throttle everything for a while."""
    wait_until(receiver.process.spec.ready, "the receiver to serve")
    httpx.get(f"http://127.0.0.1:{receiver.port}/storm", params={"s": STORM_S}).raise_for_status()


def _kill(process: StackProcess) -> None:
    """Kill a process in the midst of its work, and have it started again, as a supervisor would."""
    process.kill()
    process.start()


class _Data(msgspec.Struct):
    profile_id: str
    name: str
    change: str
    version: int


class _Body(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Body).decode


def _taken(receiver: ReceiverProcess) -> list[Taken]:
    bodies = [(key, _decode(body).data) for key, body in taken(receiver.file)]
    return [Taken(key, data.profile_id, data.name, data.change, data.version) for key, data in bodies]
