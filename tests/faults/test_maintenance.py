"""Overrides are squashed again and again amid merges and unmerges, while maintenance and the sink are killed."""

import random
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from jobs.maintenance.failpoints import FAILPOINTS
from tests.faults.crew import Crew
from tests.faults.figures import Figures
from tests.faults.scenario import assert_sound, phases, pieces
from tests.jobs.maintenance.processes import maintenance_process
from tests.oracle.requests import Operator
from tests.oracle.scene import Scene
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

IN_SHORT = ("after_squashing", "after_forgetting")  # the others: tests/jobs/maintenance/test_squashing.py
REQUESTS = 2
REACHED_WITHIN_S = 8
_SQUASHED = re.compile(r"squash: ([0-9,]+) events got the profile of now, ([0-9,]+) overrides were squashed")


@pytest.mark.slow
def test_overrides_are_squashed_amid_merges_and_unmerges_and_kills(
    crew: Crew, scene: Scene, figures: Figures, tmp_path: Path, is_long: bool
) -> None:
    rng = random.Random(80)
    operator = Operator(scene, seed=80)
    failpoints = FAILPOINTS if is_long else IN_SHORT
    sink = scene.stack.process("sink")
    played = phases(scene, seed=80, number=3 if is_long else 2, visitors=40 if is_long else 20)
    events = overrides = killed = 0
    with maintenance_process(scene.stack, tmp_path, every_s=1) as maintenance:
        for end, sent in played:
            for failpoint, piece in zip(failpoints, pieces(sent, len(failpoints)), strict=True):
                maintenance.kill()
                maintenance.launch(ONEFOLD_FAILPOINT=failpoint)
                before, after = pieces(piece, 2)
                scene.sender.send(before)
                # Each once: two stragglers of one id and two times are one event, and only a replay takes the earlier.
                operator.unmerge(REQUESTS, list({one.event.message_id: one for one in before}.values()))
                time.sleep(rng.uniform(0, 1))
                sink.kill()
                sink.restart()
                scene.sender.send(after)
                with suppress(subprocess.TimeoutExpired):  # there may be nothing to do before the next piece
                    assert maintenance.wait(REACHED_WITHIN_S) == -signal.SIGKILL
                    killed += 1
                figures.kills += 2
            maintenance.launch(ONEFOLD_FAILPOINT="")
            scene.rest_at(end)
            figures.events += len(sent)
        last, stragglers = played.pop()[0], [*sent, *operator.stragglers]
        assert_sound(scene, [*played, (last, stragglers)])
        times = maintenance.output.count("squash: ")
        wait_until(lambda: maintenance.output.count("squash: ") >= times + 2, "maintenance of what is at rest")
        assert_sound(scene, [*played, (last, stragglers)])
        for number, gone in _SQUASHED.findall(maintenance.output):
            events, overrides = events + int(number.replace(",", "")), overrides + int(gone.replace(",", ""))
    assert crew.worker().pid is not None
    assert killed >= len(failpoints)
    assert events > 0
    assert overrides > 0
    figures.notes.append(f"{events} events squashed, {overrides} overrides")
