"""A broker that is killed and comes back: deliverers go on, or end in a line and are started again; nothing is lost."""

from pathlib import Path

import pytest

from tests.deliveries.soundness import disorder, final_members
from tests.sinks.delivery.deliverer import Changes, running_deliverer
from tests.sinks.delivery.hook import running_hook
from tests.support.process import ModuleProcess
from tests.support.stacks import running_stack
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(400)]

SESSION = {"ONEFOLD_SESSION_TIMEOUT_MS": "6000"}


def started_again(process: ModuleProcess) -> None:
    """Start a deliverer that has ended again, as whoever runs it does; it has said why in a line."""
    if not process.is_running:
        assert process.wait() == 1
        assert "Traceback" not in process.output
        process.launch()


@pytest.mark.parametrize("away", ["shorter than a session", "longer than a session"])
def test_everything_arrives_though_the_broker_is_killed_while_two_deliver(tmp_path: Path, away: str) -> None:
    with (
        running_stack("kafka", "registry") as stack,
        running_hook() as hook,
        running_deliverer(stack, tmp_path, ONEFOLD_WORKER="a", **SESSION) as first,
        running_deliverer(stack, tmp_path, ONEFOLD_WORKER="b", **SESSION) as second,
    ):
        kafka, changes = stack.process("kafka"), Changes(stack, "w")
        destination = hook.destination()
        changes.define(destination)
        hook.answer = lambda _taken, number: 503 if number % 5 == 0 else 204
        changes.toggle([destination], range(60))
        wait_until(lambda: len(hook.taken) > 10, "some deliveries")
        kafka.kill()
        if away == "longer than a session":
            wait_until(
                lambda: any("SESSTMOUT" in each.output or not each.is_running for each in (first, second)),
                "a session to end",
            )
        kafka.start()

        def arrived() -> bool:
            for each in (first, second):
                started_again(each)
            return final_members(hook.taken) == changes.members

        wait_until(arrived, "everything", within_s=150)
    assert disorder(hook.taken) == []
