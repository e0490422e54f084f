"""What waits for credentials goes on once they are accepted, not at the time of its own next attempt."""

from sinks.delivery import lines
from sinks.delivery.lines import Attempted
from sinks.delivery.suspended import SuspendedLines
from sinks.destinations.contract import Delivered, Unauthorised
from state.view import StateView
from tests.sinks.delivery.examples import activation
from tests.sinks.delivery.test_choosing import HOUR, NOW, served
from tests.sinks.delivery.test_lines import KEY, Memory, decode, encode


def refused(view: StateView, *, has_suspended: bool, key: bytes = KEY, at: int = NOW) -> None:
    """Have the first delivery of a line refused for its credentials, to be attempted again in an hour."""
    change = activation(1)
    lines.admit(view, key, change, encode(change), "events", at, decode)
    lines.begin(view, key, [(0, change)], at)
    attempted = Attempted(0, change, Unauthorised("401"), has_suspended)
    lines.settle(view, key, [attempted], at, lambda _line, _outcome: at + HOUR)


def test_a_line_that_waits_for_credentials_is_due_at_once_when_they_are_accepted() -> None:
    shop, view, suspended = served(), StateView(Memory()), SuspendedLines()
    refused(view, has_suspended=True)
    shop.outlet.suspend("401", NOW)
    suspended.note("shop", [KEY], view)
    assert suspended.resumed([shop], view, NOW + 9) == []
    shop.outlet.lift()
    assert suspended.resumed([shop], view, NOW + 9) == [KEY]
    assert lines.read(view, KEY).due_at == NOW + 9
    assert suspended.resumed([shop], view, NOW + 10) == []


def test_one_that_is_retried_for_another_reason_keeps_its_own_time() -> None:
    shop, view, suspended = served(), StateView(Memory()), SuspendedLines()
    refused(view, has_suspended=False)
    suspended.note("shop", [KEY], view)
    assert suspended.resumed([shop], view, NOW + 9) == []
    assert lines.read(view, KEY).due_at == NOW + HOUR


def test_after_a_restart_one_that_has_ended_otherwise_does_not_hide_those_that_wait() -> None:
    ended, waits = (lines.line_key("shop", b"w|person|%d" % number) for number in range(2))
    store, shop, suspended = Memory(), served(), SuspendedLines()
    view = StateView(store)
    for key in (ended, waits):
        refused(view, has_suspended=True, key=key)
    suspended.note("shop", [ended, waits], view)
    lines.drop(view, ended, 0, NOW + 1)
    store.commit(view)
    assert SuspendedLines().resumed([shop], StateView(store), NOW + 9) == [waits]


def test_after_a_restart_one_of_those_that_wait_is_tried_and_frees_the_others_once_it_is_taken() -> None:
    keys = [lines.line_key("shop", b"w|person|%d" % number) for number in range(3)]
    store, shop, suspended = Memory(), served(), SuspendedLines()
    view = StateView(store)
    for number, key in enumerate(keys):
        refused(view, has_suspended=True, key=key, at=NOW - number)
    suspended.note("shop", keys, view)
    store.commit(view)
    view, suspended = StateView(store), SuspendedLines()
    assert suspended.resumed([shop], view, NOW + 9) == [keys[2]]
    assert suspended.resumed([shop], view, NOW + 10) == []
    shop.outlet.begin(shop.opened, NOW + 11)
    shop.outlet.end(shop.opened, [Delivered()], [0], NOW + 11)
    assert sorted(suspended.resumed([shop], view, NOW + 12)) == keys[:2]
    assert suspended.resumed([shop], view, NOW + 13) == []
    store.commit(view)
    assert SuspendedLines().resumed([shop], StateView(store), NOW + 14) == []
