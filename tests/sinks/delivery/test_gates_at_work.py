"""Whom a running deliverer may send what, and when: what is checked at every attempt, and what keeps people apart."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from definitions.destinations import Cap, Checks, Destination, SendingPace
from definitions.mapping import Fields, Text
from definitions.quiet_hours import QuietHours
from embedded.stack import Stack
from schemas.topics import CONSENTS, activation
from tests.deliveries.soundness import disorder
from tests.sinks.delivery.deliverer import Changes, person, running_deliverer
from tests.sinks.delivery.hook import MAPPING, Hook, running_hook
from tests.sinks.sink_process import Feeder
from tests.support.process import ModuleProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def deliverer(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleProcess]:
    """One for all, as each defines what it sends to."""
    with running_deliverer(stack, tmp_path_factory.mktemp("deliverer")) as process:
        yield process


@pytest.fixture
def hook(deliverer: ModuleProcess) -> Iterator[Hook]:
    with running_hook() as hook:
        yield hook
    assert deliverer.is_running


@pytest.fixture
def changes(stack: Stack, workspace: str) -> Changes:
    return Changes(stack, workspace)


def outcomes(changes: Changes, destination: Destination) -> set[tuple[str, str, str]]:
    """What became of deliveries: by whom, outcome and reason."""
    return {(each.profile_id or "", each.outcome, each.reason) for each in changes.attempts(destination.name)}


def test_a_person_is_sent_no_more_than_a_cap_of_the_channel_allows_by_all_destinations(
    changes: Changes, hook: Hook
) -> None:
    within_s = 3
    with running_hook() as other:
        capped = Checks(channel="push", caps=(Cap(1, within_s * 1000),))
        destinations = [hook.destination(checks=capped), other.destination(checks=capped)]
        changes.define(*destinations)
        began = time.monotonic()
        changes.toggle(destinations, [1])
        wait_until(lambda: len(hook.taken) == len(other.taken) == 1, "both deliveries")
        assert max(*hook.taken_at, *other.taken_at) - began >= within_s


def test_who_is_held_out_while_something_waits_is_not_sent_it(changes: Changes, hook: Hook) -> None:
    hook.answer = lambda _taken, _number: 429
    hook.headers = {"Retry-After": "1"}
    destination = hook.destination()
    changes.define(destination)
    changes.toggle([destination], range(5))
    wait_until(lambda: hook.requests >= 5, "the attempts")
    changes.define(hook.destination(checks=Checks(hold_out_permille=1_000)))
    held_out = {(person(number), "suppressed", "hold_out") for number in range(5)}
    wait_until(lambda: held_out <= outcomes(changes, destination), "all to be held out")
    assert hook.taken == []


def test_a_rate_is_kept_however_many_wait(changes: Changes, hook: Hook) -> None:
    rate, number = 250, 1_000
    destination = hook.destination(pace=SendingPace(rate=float(rate)))
    changes.define(destination)
    began = time.monotonic()
    changes.toggle([destination], range(number))
    wait_until(lambda: len(hook.taken) == number, "everything")
    most_at_once = rate
    assert max(hook.taken_at) - began >= (number - most_at_once) / rate


def test_two_workspaces_with_the_same_people_share_nothing_but_the_destination(
    stack: Stack, workspace: str, hook: Hook
) -> None:
    own, other = Changes(stack, workspace), Changes(stack, f"{workspace}-other")
    destination = hook.destination(checks=Checks("marketing", "email", caps=(Cap(1, 3_600_000),)))
    own.define(destination)
    own.say(1, "granted")
    other.say(1, "denied")
    other.say(2, "granted")
    for changes in (own, other):
        changes.toggle([destination], (1, 2))

    def ended() -> set[tuple[str, str, str]]:
        said = own.attempts(destination.name)
        return {(each.workspace, each.profile_id or "", each.outcome) for each in said}

    expected = {
        (workspace, person(1), "delivered"),
        (workspace, person(2), "suppressed"),
        (f"{workspace}-other", person(1), "suppressed"),
        (f"{workspace}-other", person(2), "delivered"),
    }
    wait_until(lambda: ended() == expected, "all four")
    assert len({each.delivery_id for each in own.attempts(destination.name)}) == len(expected)
    assert {each.profile_id for each in hook.taken} == {person(1), person(2)}
    assert len(hook.taken) == 2


def test_what_nobody_can_read_is_a_dead_letter_and_what_comes_behind_it_is_delivered(
    stack: Stack, deliverer: ModuleProcess, changes: Changes, hook: Hook
) -> None:
    destination = hook.destination()
    changes.define(destination)
    feeder, topic = Feeder(stack), activation(destination.name)

    def dead() -> float:
        return deliverer.metric("onefold_deliverer_dead_letters_total")

    before = dead()
    for name in (topic, CONSENTS):
        for key, value in ((b"k", b"no record"), (None, b"\0\0\0\0\1"), (b"k", None), (b"k", b"\0\xff\xff\xff\xff..")):
            feeder.send_bytes(name, value, key)
    changes.toggle([destination], range(20))
    wait_until(lambda: len(hook.taken) == 20, "what comes behind")
    wait_until(lambda: dead() - before == 8, "dead letters")


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in (1..1000000000) %}{{ profile.id }}{% endfor %}",
        "{{ profile.id | append: profile.id }}"
        + "{% assign a = profile.id %}"
        + "{% assign a = a | append: a %}" * 500,
    ],
    ids=["endless", "doubling"],
)
def test_a_template_that_would_never_end_is_refused_with_its_reason(
    changes: Changes, hook: Hook, template: str
) -> None:
    hostile = hook.destination(mapping=Fields((*MAPPING.entries, ("text", Text(template)))))
    with running_hook() as other:
        honest = other.destination()
        changes.define(hostile, honest)
        changes.toggle([hostile, honest], range(3))
        wait_until(lambda: len(other.taken) == 3, "everybody else's")
        refused = {(person(number), "refused", "unmappable") for number in range(3)}
        wait_until(lambda: outcomes(changes, hostile) == refused, "the refusals")
        assert hook.requests == 0


@pytest.mark.slow
def test_what_waits_in_quiet_hours_is_sent_when_they_end(changes: Changes, hook: Hook) -> None:
    ends = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    if ends - datetime.now(UTC) < timedelta(seconds=20):
        ends += timedelta(minutes=1)
    minute = ends.hour * 60 + ends.minute
    destination = hook.destination(checks=Checks(quiet_hours=QuietHours((minute - 60) % 1_440, minute)))
    changes.define(destination)
    for _ in range(3):
        changes.toggle([destination], range(5))
    wait_until(lambda: len(hook.taken) == 15, "the end of the quiet hours", within_s=120)
    assert min(hook.taken_at) >= time.monotonic() - (datetime.now(UTC) - ends).total_seconds() - 0.1
    assert disorder(hook.taken) == []
