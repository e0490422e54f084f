"""What waits for credentials goes on once they are accepted, not at the time of its own next attempt."""

from sinks.delivery import lines
from sinks.delivery.lines import Attempted
from sinks.delivery.suspended import SuspendedLines
from sinks.destinations.contract import Unauthorised
from state.view import StateView
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_choosing import HOUR, NOW, served
from tests.sinks.delivery.test_lines import KEY, Memory, decode, encode


def refused(view: StateView, *, has_paused: bool) -> None:
    """Have the first delivery of a line refused for its credentials, to be attempted again in an hour."""
    change = activation(1)
    lines.admit(view, KEY, change, encode(change), "events", NOW, decode)
    lines.begin(view, KEY, [(0, change)], NOW)
    attempted = Attempted(0, change, Unauthorised("401"), has_paused)
    lines.settle(view, KEY, [attempted], NOW, lambda _line, _outcome: NOW + HOUR)


def test_a_line_that_waits_for_credentials_is_due_at_once_when_they_are_accepted() -> None:
    shop, view, suspended = served(), StateView(Memory()), SuspendedLines()
    refused(view, has_paused=True)
    shop.outlet.suspend("401", NOW)
    suspended.note("shop", [KEY])
    assert suspended.resumed([shop], view, NOW + 9) == []
    shop.outlet.lift()
    assert suspended.resumed([shop], view, NOW + 9) == [KEY]
    assert lines.read(view, KEY).due_at == NOW + 9
    assert suspended.resumed([shop], view, NOW + 10) == []


def test_one_that_is_retried_for_another_reason_keeps_its_own_time() -> None:
    shop, view, suspended = served(), StateView(Memory()), SuspendedLines()
    refused(view, has_paused=False)
    suspended.note("shop", [KEY])
    assert suspended.resumed([shop], view, NOW + 9) == []
    assert lines.read(view, KEY).due_at == NOW + HOUR
