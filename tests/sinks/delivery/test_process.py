"""The deliverer on the real broker: every change arrives, in order, whatever the receiver does and who is killed."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Message

from api.pausing import read_pauses
from definitions.destinations import Checks, SendingPace
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from definitions.sets.topic import ensure_topic
from embedded.stack import Stack
from onefold.progress import Lag, PipelineProgress
from runtime.clock import now_ms
from runtime.failpoints import VARIABLE
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from schemas.delivery_control import Pause, Resumed, opened_record, pause_record, resume_record, resumed_record
from schemas.groups import DELIVERER
from schemas.topics import DELIVERIES_CONTROL
from sinks.delivery.failpoints import FAILPOINTS
from tests.deliveries.soundness import Taken, disorder, final_members
from tests.sinks.delivery.deliverer import Changes, person, running_deliverer
from tests.sinks.delivery.hook import Hook, running_hook
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


SHOWN = ("after_sending",)  # the others are shown by `make test-slow`


@pytest.fixture
def hook() -> Iterator[Hook]:
    with running_hook() as hook:
        yield hook


@pytest.fixture
def changes(stack: Stack, workspace: str) -> Changes:
    return Changes(stack, workspace)


def settled(changes: Changes, hook: Hook) -> bool:
    """Whether every change was delivered at last."""
    return final_members(hook.taken) == changes.members


def test_changes_arrive_in_order_and_each_is_a_record(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    destination = hook.destination()
    changes.define(destination)
    with running_deliverer(stack, tmp_path) as deliverer:
        for _ in range(3):
            changes.toggle([destination], range(20))
        wait_until(lambda: len(hook.taken) == 60, "60 deliveries")
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_total", destination=destination.name) == 60, "60 outcomes"
        )
        assert deliverer.metric("onefold_deliveries_delay_seconds_count", destination=destination.name) > 0
        wait_until(lambda: _unadmitted(stack) == [], "the commits of what was admitted")
        changes.toggle([destination], [1])
        wait_until(lambda: len(hook.taken) == 61 and _unadmitted(stack) == [], "the commit of one more")
        assert deliverer.terminate() == 0

    assert disorder(hook.taken) == []
    assert settled(changes, hook)
    attempts = changes.attempts(destination.name)
    assert {each.delivery_id for each in attempts} == {each.key for each in hook.taken}
    assert {(each.outcome, each.attempt, each.status) for each in attempts} == {("delivered", 1, 204)}


def test_a_receiver_that_fails_throttles_and_does_not_answer_gets_everything_in_order(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    destination = hook.destination(pace=SendingPace(concurrency=4, timeout_ms=500))
    answers: list[int | None] = [503, 204, 429, None, 204, 500, 204]
    hook.headers = {"Retry-After": "1"}
    hook.answer = lambda _taken, number: answers[number % len(answers)] if number < 12 else 204
    changes.define(destination)
    with running_deliverer(stack, tmp_path):
        for _ in range(2):
            changes.toggle([destination], range(10))
        wait_until(lambda: settled(changes, hook) and len({each.key for each in hook.taken}) == 20, "20 deliveries")

    assert disorder(hook.taken) == []
    outcomes = {(each.outcome, each.reason) for each in changes.attempts(destination.name)}
    assert {("retry", "unavailable"), ("retry", "throttled"), ("retry", "timeout"), ("delivered", "")} <= outcomes


def test_a_destination_in_trouble_does_not_hold_up_another_one(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    with running_hook() as other:
        hook.answer = lambda _taken, _number: 503
        destinations = [hook.destination(), other.destination()]
        changes.define(*destinations)
        with running_deliverer(stack, tmp_path) as deliverer:
            changes.toggle(destinations, range(30))
            wait_until(lambda: settled(changes, other), "the other's deliveries")
            wait_until(
                lambda: deliverer.metric("onefold_deliveries_breaker", destination=destinations[0].name) == 2,
                "the breaker to open",
            )
            assert hook.taken == []
            hook.answer = lambda _taken, _number: 204
            wait_until(lambda: settled(changes, hook), "the deliveries that waited")
    assert disorder(hook.taken) == []


def test_a_destination_comes_and_goes_and_the_tasks_of_the_others_go_on(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    with running_hook() as other:
        old, new = hook.destination(), other.destination()
        changes.define(old)
        with running_deliverer(stack, tmp_path) as deliverer:
            changes.toggle([old], range(10))
            wait_until(lambda: settled(changes, hook), "the first deliveries")
            changes.define(old, new)
            changes.toggle([old, new], range(10, 20))
            wait_until(lambda: settled(changes, hook) and len(other.taken) == 10, "the deliveries of both")
            changes.define(new)
            wait_until(lambda: f"{old.name}: is not defined any more" in deliverer.output, "the old one to go")
            changes.toggle([old, new], range(20, 30))
            wait_until(lambda: len(other.taken) == 20, "the deliveries of the new one alone")
            assert len(hook.taken) == 20
            changes.define(old, new)
            wait_until(lambda: settled(changes, hook), "what came while it was not defined")
            assert deliverer.output.count("reading partitions") == 1
    assert disorder([*hook.taken]) == disorder([*other.taken]) == []


def test_refused_credentials_pause_and_lose_nothing(stack: Stack, tmp_path: Path, hook: Hook, changes: Changes) -> None:
    destination = hook.destination(pace=SendingPace(concurrency=1))
    hook.answer = lambda _taken, _number: 401
    changes.define(destination)
    with running_deliverer(stack, tmp_path) as deliverer:
        changes.toggle([destination], range(5))
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_unauthorised", destination=destination.name) == 1, "the pause"
        )
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_waiting", destination=destination.name) == 5,
            "the deliveries to wait",
        )
        wait_until(lambda: destination.name in read_pauses(stack.settings).suspended, "operators to be told")
        assert read_pauses(stack.settings).suspended[destination.name].reason == "answered 401 Unauthorized"
        changes.define()
        of_it = f'onefold_deliveries_unauthorised{{destination="{destination.name}"}}'
        wait_until(lambda: of_it not in deliverer.metrics(), "nothing to be said of what is not defined any more")
        wait_until(lambda: destination.name not in read_pauses(stack.settings).suspended, "it to be taken back")
    hook.answer = lambda _taken, _number: 204
    changes.define(destination)
    with running_deliverer(stack, tmp_path):
        wait_until(lambda: settled(changes, hook), "the deliveries that waited")
    assert {each.outcome for each in changes.attempts(destination.name)} == {"suspended", "delivered"}


def test_a_destination_that_cannot_be_opened_is_told_until_it_can_be(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    receiver = Webhook(hook.url, secrets=(Secret(env="HOOK_SECRET"),), allow_private=True)
    destination = hook.destination(receiver=receiver)
    changes.define(destination)

    def told() -> dict[str, str]:
        return {name: each.reason for name, each in read_pauses(stack.settings).unopened.items()}

    missing = {destination.name: "the environment variable HOOK_SECRET is not set"}
    with running_deliverer(stack, tmp_path) as deliverer:
        wait_until(lambda: told() == missing, "the reason to be told")
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_unauthorised", destination=destination.name) == 1, "the metric"
        )
        changes.toggle([destination], range(3))
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_waiting", destination=destination.name) >= 3,
            "what lies on its topic to be shown",
        )
        assert deliverer.metric("onefold_deliveries_oldest_seconds", destination=destination.name) > 0
        producer = AcknowledgedProducer(stack.settings.kafka, "test")
        producer.send([ProducerRecord(DELIVERIES_CONTROL, *pause_record(Pause(destination.name, 1)))])
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_paused", destination=destination.name) == 1,
            "the pause, at which it is tried again",
        )
    producer.send([ProducerRecord(DELIVERIES_CONTROL, *resume_record(destination.name))])
    with running_deliverer(stack, tmp_path, HOOK_SECRET="whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0ZXN0cw==") as deliverer:
        wait_until(lambda: told() == {}, "it to be taken back")
        wait_until(lambda: settled(changes, hook), "the deliveries that waited")
        assert deliverer.metric("onefold_deliveries_unauthorised", destination=destination.name) == 0
    records = [
        each.value()
        for each in read_to_end(stack.settings.kafka, [DELIVERIES_CONTROL])
        if _is_of(each, destination.name)
    ]
    assert (len(records), records[-1]) == (2, None)


def _is_of(message: Message, name: str) -> bool:
    return message.key() == opened_record(name)[0]


def test_one_whom_a_receiver_does_not_let_in_holds_up_nobody_else(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    destination = hook.destination(pace=SendingPace(concurrency=1))
    hook.answer = lambda taken, _number: 403 if taken.profile_id == person(1) else 204
    changes.define(destination)
    with running_deliverer(stack, tmp_path) as deliverer:
        changes.toggle([destination], [1])
        wait_until(lambda: hook.requests >= 1, "the refusal")
        changes.toggle([destination], range(2, 22))
        wait_until(lambda: len({each.profile_id for each in hook.taken}) == 20, "everybody else's deliveries")
        wait_until(lambda: _said(changes, destination.name, person(1), "retry"), "the refusal to be the person's own")
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_waiting", destination=destination.name) == 1,
            "nobody else's to wait",
        )
        hook.answer = lambda _taken, _number: 204
        wait_until(lambda: settled(changes, hook), "the person's delivery, once it is let in")
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_waiting", destination=destination.name) == 0, "nothing to wait"
        )

    *refused, last = [each for each in changes.attempts(destination.name) if each.profile_id == person(1)]
    assert {(each.outcome, each.reason) for each in refused} == {
        ("suspended", "unauthorised"),
        ("retry", "unauthorised"),
    }
    assert all(each.due_at is not None and each.due_at > each.attempted_at for each in refused)
    assert last.outcome == "delivered"


def _said(changes: Changes, destination: str, who: str, outcome: str) -> bool:
    return any((each.profile_id, each.outcome) == (who, outcome) for each in changes.attempts(destination))


def test_nobody_is_sent_what_they_do_not_consent_to_also_not_what_waited_when_they_said_so(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    destination = hook.destination(checks=Checks("marketing", "email"))
    hook.answer = lambda _taken, _number: 429
    hook.headers = {"Retry-After": "2"}
    changes.define(destination)
    for number in (1, 2):
        changes.say(number, "granted")
    with running_deliverer(stack, tmp_path) as deliverer:
        changes.toggle([destination], (1, 2, 3))
        wait_until(lambda: hook.requests >= 2, "the attempts")
        changes.say(2, "denied")
        wait_until(lambda: deliverer.metric("onefold_deliverer_consents_total") == 3, "the denial to be known")
        hook.answer = lambda _taken, _number: 204
        wait_until(
            lambda: (
                {each.profile_id for each in changes.attempts(destination.name) if each.outcome != "retry"}
                == {person(1), person(2), person(3)}
            ),
            "the end",
        )

    assert {each.profile_id for each in hook.taken} == {person(1)}
    ended = {(each.profile_id, each.outcome, each.reason) for each in changes.attempts(destination.name)}
    assert {(person(2), "suppressed", "no_consent"), (person(3), "suppressed", "no_consent")} <= ended


def test_two_processes_share_the_partitions_and_one_takes_over_from_the_other(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    destination = hook.destination()
    hook.answer = lambda _taken, number: 503 if number % 5 == 0 else 204
    changes.define(destination)
    with running_deliverer(stack, tmp_path, ONEFOLD_WORKER="a") as first:
        changes.toggle([destination], range(40))
        with running_deliverer(stack, tmp_path, ONEFOLD_WORKER="b") as second:
            changes.toggle([destination], range(40))
            wait_until(
                lambda: second.metric("onefold_deliveries_total", destination=destination.name) > 0,
                "the second one's part",
            )
            first.kill()
            changes.toggle([destination], range(40))
            hook.answer = lambda _taken, _number: 204
            wait_until(lambda: settled(changes, hook) and _versions(hook.taken) == 120, "everything")
            assert second.is_running
    assert disorder(hook.taken) == []


@pytest.mark.slow
def test_a_second_process_of_the_same_name_ends_the_first_which_says_so_in_a_line(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    destination = hook.destination()
    changes.define(destination)
    places = [tmp_path / "first", tmp_path / "second"]
    for place in places:
        place.mkdir()
    with running_deliverer(stack, places[0]) as first, running_deliverer(stack, places[1]):
        assert first.wait() == 1
        assert "same ONEFOLD_WORKER" in first.output.splitlines()[-1]
        assert "Traceback" not in first.output
        changes.toggle([destination], range(10))
        wait_until(lambda: settled(changes, hook), "the second one to deliver")


@pytest.mark.slow
def test_a_process_that_was_frozen_longer_than_its_session_sends_nothing_out_of_order_when_it_wakes(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    destination = hook.destination()
    changes.define(destination)
    session = {"ONEFOLD_SESSION_TIMEOUT_MS": "6000"}
    with (
        running_deliverer(stack, tmp_path, ONEFOLD_WORKER="a", **session) as frozen,
        running_deliverer(stack, tmp_path, ONEFOLD_WORKER="b", **session) as other,
    ):
        wait_until(lambda: "reading partitions" in frozen.output, "both to have their part")
        hook.answer = lambda _taken, _number: 429
        hook.headers = {"Retry-After": "3"}
        changes.toggle([destination], range(40))
        wait_until(lambda: hook.requests >= 10, "attempts that fail, so that all wait")
        frozen.send(signal.SIGSTOP)
        hook.answer = lambda _taken, _number: 204
        for _ in range(2):
            changes.toggle([destination], range(40))
        wait_until(lambda: _versions(hook.taken) == 120, "the other one to have sent everything")
        frozen.send(signal.SIGCONT)
        for _ in range(2):
            changes.toggle([destination], range(40))
        wait_until(lambda: settled(changes, hook) and _versions(hook.taken) == 200, "everything")
        wait_until(lambda: len(_delivered(changes, destination.name)) >= 200, "the last outcomes")
        assert other.is_running
        if not frozen.is_running:
            assert "Traceback" not in frozen.output
    assert disorder(hook.taken) == []
    delivered = _delivered(changes, destination.name)
    assert len(delivered) == len(set(delivered)) == 200, "who was frozen has settled nothing"


def _delivered(changes: Changes, destination: str) -> list[str]:
    """The ids of what was delivered to a destination, as often as that is said."""
    return [each.delivery_id for each in changes.attempts(destination) if each.outcome == "delivered"]


def test_an_operator_pauses_and_resumes_a_destination(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes
) -> None:
    destination = hook.destination()
    changes.define(destination)
    producer = AcknowledgedProducer(stack.settings.kafka, "test")
    ensure_topic(stack.settings.kafka, 1, topic=DELIVERIES_CONTROL)
    producer.send([ProducerRecord(DELIVERIES_CONTROL, *pause_record(Pause(destination.name, 1)))])
    with running_deliverer(stack, tmp_path) as deliverer:
        changes.toggle([destination], range(5))
        wait_until(
            lambda: deliverer.metric("onefold_deliveries_waiting", destination=destination.name) == 5,
            "the deliveries to wait",
        )
        assert (hook.requests, deliverer.metric("onefold_deliveries_paused", destination=destination.name)) == (0, 1)
        producer.send([ProducerRecord(DELIVERIES_CONTROL, *resume_record(destination.name))])
        wait_until(lambda: settled(changes, hook), "the deliveries that waited")
        hook.answer, hook.headers = lambda _taken, _number: 429, {"Retry-After": "86400"}
        changes.toggle([destination], range(5))
        wait_until(lambda: hook.requests == 10, "the receiver to ask for a day")
        wait_until(lambda: _said(changes, destination.name, person(4), "retry"), "them to wait for it")
        hook.answer = lambda _taken, _number: 204
        resumed = Resumed(destination.name, now_ms())
        producer.send([ProducerRecord(DELIVERIES_CONTROL, *resumed_record(resumed))])
        wait_until(lambda: settled(changes, hook), "them to be attempted at once")


def _unadmitted(stack: Stack) -> list[Lag]:
    return [lag for lag in PipelineProgress(stack.settings).lagging() if lag.group == DELIVERER.name]


def _kill(stack: Stack, folder: Path, hook: Hook, changes: Changes, failpoint: str) -> None:
    destination = hook.destination()
    changes.define(destination)
    with running_deliverer(stack, folder) as deliverer:
        changes.toggle([destination], range(20))
        wait_until(lambda: len(hook.taken) > 10, "some deliveries")
        deliverer.kill()
        changes.toggle([destination], range(20))
        deliverer.launch(**{VARIABLE: failpoint})
        if failpoint == "before_close":
            deliverer.wait_until_ready()
            deliverer.terminate()
        else:
            assert deliverer.wait() == -9
        changes.toggle([destination], range(10))
        deliverer.start()
        wait_until(lambda: settled(changes, hook) and _versions(hook.taken) == 50, "everything")
    assert disorder(hook.taken) == []


def _versions(taken: list[Taken]) -> int:
    return len({(each.profile_id, each.version) for each in taken})


@pytest.mark.parametrize("failpoint", SHOWN)
def test_killed_it_repeats_only_what_it_does_not_know_the_outcome_of(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes, failpoint: str
) -> None:
    _kill(stack, tmp_path, hook, changes, f"{failpoint}:3")


@pytest.mark.slow
@pytest.mark.parametrize(
    "failpoint",
    [each for each in FAILPOINTS if each not in SHOWN],
)
def test_killed_anywhere_else_it_does_so_too(
    stack: Stack, tmp_path: Path, hook: Hook, changes: Changes, failpoint: str
) -> None:
    _kill(stack, tmp_path, hook, changes, failpoint)
