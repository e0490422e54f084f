"""Whatever is killed, throttled or silent: in the end receivers of every sort hold what the membership table holds.

Of one person nothing is out of order, what is repeated has the key of what came just before it, nothing is missing, and
nobody is sent anything without consent, also not when what was refused or suppressed is replayed.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from random import Random
from typing import NamedTuple

import pytest

from embedded.process import StackProcess
from tests.deliveries.deliverer import Deliverer
from tests.deliveries.destinations import ASKING, DESTINATIONS, DEVICES
from tests.deliveries.planted import STAGES, Planted, Stage, granting_all
from tests.deliveries.receivers import Receivers
from tests.deliveries.soundness import differences, disorder, repetitions
from tests.faults.figures import FIGURES, Figures
from tests.faults.scenario import Phase, phases, pieces
from tests.oracle.requests import Operator
from tests.oracle.scene import Scene
from tests.oracle.stream import MINUTE_MS, START

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(7200)]

Fault = Callable[[], AbstractContextManager[object]]
"""Makes trouble; it lasts as long as the context, or ends by itself."""


class Form(NamedTuple):
    """How much of it: phases, visitors, of a phase pieces with some trouble each and unmerges, planted of each sort.

    `rests`: whether each piece is folded before the next one is sent, so that what is killed had something to do.
    """

    phases: int
    visitors: int
    pieces: int
    unmerges: int
    planted: int
    rests: bool
    within_s: int


SHORT, LONG = Form(2, 30, 4, 3, 2, False, 240), Form(4, 6_000, 15, 10, 100, True, 1_800)
REQUESTS_KNOWN = 1_000


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Figures]:
    """What the test reports of itself."""
    row = Figures(request.node.name, seconds=time.monotonic())
    yield row
    row.seconds = time.monotonic() - row.seconds
    request.node.user_properties.append((FIGURES, asdict(row)))


def test_everything_arrives(scene: Scene, receivers: Receivers, is_long: bool, figures: Figures) -> None:
    form = LONG if is_long else SHORT
    deliverer = Deliverer(scene, form.within_s)
    first, *following = phases(scene, seed=70, number=form.phases, visitors=form.visitors)
    planted = Planted(scene.workspace.name, scene.workspace.namespace, form.planted, _starts(first[0]))
    operator = Operator(scene, 12, planted.identifiers, REQUESTS_KNOWN)
    trouble = _trouble(scene, receivers, figures, Random(11))
    scene.sender.send(planted.calls("first"))
    _play(scene, first, form, operator, trouble)
    _deny_while_something_waits(scene, planted, deliverer, form)
    for request in planted.unmerges():
        operator.send(request)
    scene.drain(form.within_s)
    scene.sender.send(planted.calls("later"))
    for phase in following:
        _play(scene, phase, form, operator, trouble)
    figures.events = sum(len(sent) for _, sent in (first, *following))
    receivers.calm()
    deliverer.await_all()
    _assert_in_order(receivers, is_replayed=False)
    _assert_consented(receivers, planted, may_replay=False)

    receivers.have_mercy()
    for destination in DESTINATIONS:
        deliverer.replay(destination)
    _kill(deliverer.process)
    deliverer.await_all()
    scene.drain(form.within_s)  # after an exit, whoever has its identifiers now says once more what they are in
    deliverer.await_all()
    _assert_as_table(scene, receivers, planted, form)
    _assert_in_order(receivers, is_replayed=True)
    _assert_consented(receivers, planted, may_replay=False)

    for destination in ASKING:
        deliverer.replay(destination, "--outcome", "suppressed", "--reason", "no_consent")
    deliverer.await_all()
    _assert_consented(receivers, planted, may_replay=True)
    _assert_all_were_sent(receivers, planted)
    figures.notes += deliverer.counted()
    figures.result = "sound"


def _starts(first_end: int) -> dict[Stage, int]:
    """When the stages of planted people begin: before everything, and between the phases."""
    return dict(zip(STAGES, (START, *(first_end + minutes * MINUTE_MS for minutes in (10, 20, 30))), strict=True))


def _play(scene: Scene, phase: Phase, form: Form, operator: Operator, trouble: Iterator[Fault]) -> None:
    """Send what happens in a phase, a piece in each trouble; unmerge some; come to rest."""
    end, sent = phase[0], granting_all(phase[1])
    for piece in pieces(sent, form.pieces):
        with next(trouble)():
            scene.sender.send(piece)
        if form.rests:
            scene.drain(form.within_s)
    operator.unmerge(form.unmerges, sent)
    scene.drain(form.within_s)
    scene.rest_at(end, form.within_s)


def _deny_while_something_waits(scene: Scene, planted: Planted, deliverer: Deliverer, form: Form) -> None:
    """Pause those that ask for consent, have people deny while something waits for them, and go on."""
    deliverer.pause(ASKING)
    for stage in ("paused", "denied"):
        scene.sender.send(planted.calls(stage))
        scene.drain(form.within_s)
        deliverer.await_read()
    _kill(deliverer.process)
    deliverer.resume(ASKING)


def _trouble(scene: Scene, receivers: Receivers, figures: Figures, chance: Random) -> Iterator[Fault]:
    """What goes wrong while a piece is sent, without end: nothing, now and then; all of it before anything again."""

    def killing(process: StackProcess) -> Fault:
        def kill() -> AbstractContextManager[object]:
            _kill(process)
            figures.kills += 1
            return contextlib.nullcontext()

        return kill

    def storm() -> AbstractContextManager[object]:
        receivers.storm()
        return contextlib.nullcontext()

    deliverer, worker = scene.stack.process("deliverer"), scene.stack.process("worker")
    kills = [killing(process) for process in (deliverer, deliverer, worker, receivers.process)]
    faults = [*kills, contextlib.nullcontext, storm, receivers.locked_table, receivers.unplugged_disk]
    while True:
        yield from chance.sample(faults, len(faults))


def _kill(process: StackProcess) -> None:
    """Kill a process in the midst of its work, and have it started again, as a supervisor would."""
    process.kill()
    process.start()


def _assert_as_table(scene: Scene, receivers: Receivers, planted: Planted, form: Form) -> None:
    """Each receiver holds what the table holds; those that ask for consent, of all who gave it from the start."""
    members = scene.warehouse.members()
    assert len(members) > form.visitors, "the world has too few members to show anything"
    for destination in DESTINATIONS:
        others = planted.ids if destination in ASKING else frozenset()
        found, expected = (
            {member for member in each if member[0] not in others} for each in (receivers.members(destination), members)
        )
        assert found == expected, f"{destination} differs from the table: {differences(found, expected)}"
    found, expected = receivers.devices(), scene.warehouse.devices_of_members()
    assert found == expected, f"{DEVICES} differs from the table: {differences(found, expected)}"


def _assert_in_order(receivers: Receivers, *, is_replayed: bool) -> None:
    for destination in DESTINATIONS:
        taken = receivers.taken(destination)
        changes = {"entered"} if destination == "table" else {"entered", "exited"}  # a row that is deleted says nothing
        assert {each.change for each in taken} == changes
        assert disorder(taken, is_replayed=is_replayed) == [], destination
        assert repetitions(taken) == [], destination


def _assert_consented(receivers: Receivers, planted: Planted, *, may_replay: bool) -> None:
    for destination in ASKING:
        assert planted.forbidden(destination, receivers.taken(destination), may_replay) == [], destination


def _assert_all_were_sent(receivers: Receivers, planted: Planted) -> None:
    """Whoever has consented was sent everything, and whoever denied later something before."""
    taken = {destination: receivers.taken(destination) for destination in ASKING}
    for destination, several in taken.items():
        assert planted.missing(destination, several) == [], destination
    for sort in ("denying", "merging"):
        assert any(planted.was_sent_before(sort, several) for several in taken.values()), sort
