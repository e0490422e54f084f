"""`onefold deliveries` and `onefold explain delivery` on the real topics, with a sink that writes what is there."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from api.pausing import destinations_in_force, read_pauses
from api.replaying import AT_ONCE, DeliveryReplay
from definitions.destinations import Destination
from definitions.model import Comparison, Definitions, Operator, Segment, TraitComparison
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from definitions.streaming.times import text_of
from embedded.stack import Stack
from onefold.cli import onefold
from onefold.left_waiting import left_waiting
from runtime.clock import now_ms
from runtime.kafka.deliveries import ProducerRecord
from runtime.kafka.producer import AcknowledgedProducer
from runtime.kafka.reading import read_to_end
from runtime.kafka.topics import create_topics
from schemas import topics
from schemas.delivery_control import (
    Suspended,
    Unopened,
    accepted_record,
    opened_record,
    suspended_record,
    unopened_record,
)
from schemas.identity import across_key, profile_key
from schemas.records import FiredTrigger, SegmentChange
from tests.sinks.examples import ADA, ADAS, NOW, PHONES, event, placed, resolved
from tests.sinks.sink_process import Feeder, running_sink, sink_lags
from tests.support.deliveries import attempt, entry, placed_attempt
from tests.support.sets import applied_set
from tests.support.waiting import wait_until
from warehouse.queries.deliveries import ChosenAttempts

pytestmark = pytest.mark.stack

WORKSPACE = "main"
MANY = AT_ONCE * 2 + 100


@pytest.fixture(scope="module")
def feeder(stack: Stack) -> Feeder:
    settings = stack.settings
    wanted = topics.configurations(("many", "across", "explained"))
    create_topics(settings.kafka, wanted, settings.partitions, settings.replication, timeout_s=30.0)
    return Feeder(stack)


@pytest.fixture(scope="module", autouse=True)
def sink(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with running_sink(stack, tmp_path_factory.mktemp("sink")):
        yield


def run(stack: Stack, *arguments: str) -> Result:
    environment = dict(stack.environment) | {"COLUMNS": "250"}
    return CliRunner().invoke(onefold, [*arguments], env=environment)


def answered(stack: Stack, *arguments: str) -> dict[str, Any]:
    result = run(stack, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def written(stack: Stack) -> None:
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")


def on_topic(stack: Stack, destination: str) -> list[tuple[bytes | None, bytes | None]]:
    found = read_to_end(stack.settings.kafka, [topics.activation(destination)])
    return [(message.key(), message.value()) for message in found]


def test_a_replay_can_be_stopped_and_goes_on_and_nothing_is_replayed_twice(stack: Stack, feeder: Feeder) -> None:
    records = [feeder.encoded(entry(f"c-many-{at}", WORKSPACE)) for at in range(MANY)]
    refused = [
        attempt(f"many-{at}", "refused", destination="many", reason="rejected", happened_at=NOW + at, activation=record)
        for at, record in enumerate(records)
    ]
    feeder.send([placed_attempt(record, at) for at, record in enumerate(refused)])
    feeder.send([placed_attempt(attempt("many-0", "delivered", destination="many", attempted_at=NOW + 9), 0)])
    written(stack)

    defined(stack, "slow")
    gone = run(stack, "deliveries", "replay", "many")
    assert (gone.exit_code, "there is no destination 'many' with a receiver" in gone.output) == (2, True), gone.output
    assert on_topic(stack, "many") == []
    defined(stack, "many")
    assert answered(stack, "deliveries", "replay", "many", "--dry-run")["replayed"] == MANY - 1
    assert on_topic(stack, "many") == []

    stopped = DeliveryReplay(stack.settings, WORKSPACE, ChosenAttempts(destination="many", outcome="refused"))
    assert next(stopped.run(MANY)) == AT_ONCE
    stopped.close()
    assert len(on_topic(stack, "many")) == AT_ONCE

    assert answered(stack, "deliveries", "replay", "many", "--limit", "10")["replayed"] == 10
    assert answered(stack, "deliveries", "replay", "many")["replayed"] == MANY - 1 - AT_ONCE - 10
    assert answered(stack, "deliveries", "replay", "many")["replayed"] == 0
    again = on_topic(stack, "many")
    # Ada's are in one partition, in the order of time.
    assert again == [(profile_key(WORKSPACE, ADAS), record) for record in records[1:]]


def test_what_is_about_nobody_is_replayed_under_its_own_key(stack: Stack, feeder: Feeder) -> None:
    fired = FiredTrigger("main", "t1", "spike", NOW, "tick", 0, "{}", across='"sku-42"')
    record = attempt(
        "across-1", "suppressed", destination="across", reason="too_late", kind="trigger", name="spike",
        change="fired", activation_id="t1", profile_id=None, profile_kind=None,
        activation=feeder.encoded(fired),
    )  # fmt: skip
    feeder.send([placed_attempt(record, 0)])
    written(stack)
    defined(stack, "across")
    assert answered(stack, "deliveries", "replay", "across")["replayed"] == 0
    assert answered(stack, "deliveries", "replay", "across", "--outcome", "suppressed")["replayed"] == 1
    assert [key for key, _ in on_topic(stack, "across")] == [across_key("main", "spike", '"sku-42"')]
    written(stack)
    lately = ("--reason", "replayed", "--since", text_of(now_ms() - 600_000) or "")
    assert len(answered(stack, "deliveries", "list", "--destination", "across", *lately)["deliveries"]) == 1


def defined(stack: Stack, *names: str) -> None:
    """Apply destinations of these names, and nothing else."""
    receiver = Webhook("http://127.0.0.1:9/hook", secrets=(Secret(env="ONEFOLD_NOT_THERE"),), allow_private=True)
    applied_set(stack, Definitions(destinations=tuple(Destination(name, receiver=receiver) for name in names)))


def test_a_destination_is_paused_until_it_is_resumed(stack: Stack) -> None:
    defined(stack, "slow")
    paused = run(stack, "deliveries", "pause", "slow", "--reason", "it moves house")
    assert paused.output.endswith("no request begins; 'onefold deliveries resume slow' lets it go on\n")
    assert read_pauses(stack.settings).of["slow"].reason == "it moves house"
    for command in (("deliveries", "list"), ("deliveries", "list", "--destination", "slow"), ("destination", "list")):
        output = run(stack, *command).output
        assert "slow is paused by an operator since 20" in output
        assert " (it moves house): 'onefold deliveries resume slow'\n" in output
    assert answered(stack, "deliveries", "list")["paused"]["slow"]["reason"] == "it moves house"
    assert answered(stack, "destination", "list")["paused"]["reason"] == "it moves house"
    assert run(stack, "deliveries", "resume", "slow").output == "slow goes on\n"
    assert read_pauses(stack.settings).of == {}
    assert (
        run(stack, "deliveries", "resume", "slow").output
        == "slow was not paused by anybody; what waits for it is attempted at once\n"
    )


def test_a_destination_that_heard_nothing_yet_is_listed_with_what_waits_and_why(stack: Stack, feeder: Feeder) -> None:
    defined(stack, "unheard")
    create_topics(stack.settings.kafka, topics.activations(["unheard"]), 2, 1, timeout_s=30.0)
    list_it = ("deliveries", "list", "--destination", "unheard")
    assert run(stack, *list_it).output == "nothing was delivered to unheard yet; 0 wait\n"
    change = SegmentChange("main", "unheard-c", ADAS, "buyers", "entered", NOW, "unheard-m", 1)
    feeder.send([(topics.activation("unheard"), 0, NOW, profile_key("main", ADAS), change)])
    lacking = Unopened("unheard", NOW, "the environment variable HOOK_SECRET is not set")
    producer = AcknowledgedProducer(stack.settings.kafka, "test")
    producer.send([ProducerRecord(topics.DELIVERIES_CONTROL, *unopened_record(lacking))])

    why = (
        "unheard cannot be opened since 2023-11-14T22:13:20.123Z, its deliveries wait:"
        " the environment variable HOOK_SECRET is not set\n"
    )
    assert run(stack, *list_it).output == f"nothing was delivered to unheard yet; 1 waits\n{why}"
    in_force = Definitions(destinations=destinations_in_force(stack.settings))
    assert left_waiting(stack.settings, in_force, Definitions()) == {"unheard": 1}
    assert left_waiting(stack.settings, in_force, in_force) == {}
    answer = answered(stack, *list_it)
    assert (answer["deliveries"], answer["waiting"], answer["unopened"].keys()) == ([], 1, {"unheard"})
    assert run(stack, "destination", "list").output.endswith(why)
    assert run(stack, "deliveries", "pause", "unheard").exit_code == 0
    assert run(stack, "deliveries", "resume", "unheard").output == f"unheard goes on\n{why}"
    producer.send([ProducerRecord(topics.DELIVERIES_CONTROL, *opened_record("unheard"))])
    assert "cannot be opened" not in run(stack, *list_it).output


def test_a_destination_that_does_not_accept_its_credentials_is_named_with_its_answer(stack: Stack) -> None:
    defined(stack, "strict")
    producer = AcknowledgedProducer(stack.settings.kafka, "test")
    refused = Suspended("strict", NOW, "answered 401 Unauthorized")
    producer.send([ProducerRecord(topics.DELIVERIES_CONTROL, *suspended_record(refused))])
    why = (
        "strict does not accept its credentials since 2023-11-14T22:13:20.123Z: answered 401 Unauthorized;"
        " one delivery is tried now and then, all goes on by itself once one is accepted\n"
    )
    for command in (("deliveries", "list"), ("destination", "list")):
        assert why in run(stack, *command).output
        assert answered(stack, *command)["suspended"]
    assert run(stack, "deliveries", "resume", "strict").output.endswith(f"attempted at once\n{why}")
    assert answered(stack, "deliveries", "resume", "strict")["suspended"].keys() == {"strict"}
    producer.send([ProducerRecord(topics.DELIVERIES_CONTROL, *accepted_record("strict"))])
    assert "credentials" not in run(stack, "destination", "list").output


def test_only_a_destination_that_there_is_can_be_paused_and_one_that_is_gone_can_be_resumed(stack: Stack) -> None:
    defined(stack, "slow", "gone")
    assert run(stack, "deliveries", "pause", "gone").exit_code == 0
    defined(stack, "slow")
    for command in ("pause", "resume"):
        result = run(stack, "deliveries", command, "slo")
        assert result.exit_code == 2
        assert "there is no destination 'slo' with a receiver (did you mean 'slow'?)" in result.output
    assert read_pauses(stack.settings).of.keys() == {"gone"}
    assert run(stack, "deliveries", "pause", "gone").exit_code == 2
    assert run(stack, "deliveries", "resume", "gone").output == "gone goes on\n"


@pytest.fixture(scope="module")
def explained(stack: Stack, feeder: Feeder) -> None:
    """Ada's order led into `buyers`, which the receiver refused at the second attempt."""
    change = SegmentChange("main", "explained-c", ADAS, "buyers", "entered", NOW - 5, "explained-m", 3, (ADA,))
    attempts = [
        attempt("explained-d", "retry", destination="explained", activation_id="explained-c", reason="throttled",
                status=429, took_ms=12, due_at=NOW + 1_000, request='{"a": 1}', answer="slow down"),
        attempt("explained-d", "refused", destination="explained", activation_id="explained-c", reason="rejected",
                attempt=2, attempted_at=NOW + 1_000, detail="\x1b[2Jno such list", status=400),
    ]  # fmt: skip
    feeder.send([
        resolved(event("explained-m"), 0, PHONES),
        placed(topics.SEGMENTS, change, 0),
        *(placed_attempt(each, at) for at, each in enumerate(attempts)),
    ])  # fmt: skip
    written(stack)


@pytest.mark.usefixtures("explained")
@pytest.mark.parametrize("by", ["explained-d", "explained-c"])
def test_a_delivery_is_explained_from_the_event_to_the_answer(stack: Stack, by: str) -> None:
    output = run(stack, "explain", "delivery", by).output
    lines = [line.strip("├└│─ ") for line in output.splitlines()]
    assert lines == [
        "buyers entered  at 2023-11-14T22:13:20.118Z, decided at 1970-01-01T00:00:00.000Z",
        f"profile {ADAS}",
        "because of Order Completed at 2023-11-14T22:13:20.118Z, message explained-m from web",
        "explained  refused",
        "2023-11-14T22:13:20.124Z  attempt 1: retry (throttled), status 429, after 12 ms, again at"
        " 2023-11-14T22:13:21.123Z",
        'sent: {"a": 1}',
        "answered: slow down",
        "2023-11-14T22:13:21.123Z  attempt 2: refused (rejected), status 400",
        "\\x1b[2Jno such list",
    ]


def test_of_a_change_that_waits_it_is_explained_what_holds_it_up(stack: Stack, feeder: Feeder) -> None:
    receiver = Webhook("http://127.0.0.1:9/hook", allow_private=True)
    names = ("on_hold", "at_work")
    segment = Segment("held", TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),)), destinations=names)
    destinations = tuple(Destination(name, receiver=receiver) for name in names)
    version = applied_set(stack, Definitions((segment,), destinations)).version
    create_topics(stack.settings.kafka, topics.activations(names), 2, 1, timeout_s=30.0)
    change = SegmentChange("main", "held-c", ADAS, "held", "entered", NOW, "held-m", 1, definition=version)
    tried = attempt("held-d", "retry", destination="at_work", activation_id="held-c", reason="network", due_at=NOW + 9)
    feeder.send([placed(topics.SEGMENTS, change, 0)])
    written(stack)
    explain = ("explain", "delivery", "held-c")
    assert "Nothing was attempted so far: no destination is told of it, or it waits." in run(stack, *explain).output

    assert run(stack, "deliveries", "pause", "on_hold").exit_code == 0
    output = run(stack, *explain).output
    assert "it waits: on_hold is paused by an operator since 20" in output
    assert "Nothing was attempted" not in output
    assert answered(stack, *explain)["paused"].keys() == {"on_hold"}
    producer = AcknowledgedProducer(stack.settings.kafka, "test")
    refused = Suspended("at_work", NOW, "answered 401 Unauthorized")
    producer.send([ProducerRecord(topics.DELIVERIES_CONTROL, *suspended_record(refused))])
    feeder.send([placed_attempt(tried, 0)])
    written(stack)
    assert answered(stack, *explain)["suspended"].keys() == {"at_work"}
    of_one = answered(stack, "explain", "delivery", "held-d")
    assert (of_one["paused"], of_one["suspended"].keys()) == ({}, {"at_work"})
    feeder.send([placed_attempt(msgspec.structs.replace(tried, outcome="delivered", attempted_at=NOW + 9), 1)])
    producer.send([ProducerRecord(topics.DELIVERIES_CONTROL, *accepted_record("at_work"))])
    written(stack)
    assert "on_hold is paused by an operator" in run(stack, *explain).output
    assert run(stack, "deliveries", "resume", "on_hold").exit_code == 0


@pytest.mark.usefixtures("explained")
def test_deliveries_are_listed_by_what_is_known_of_them(stack: Stack) -> None:
    listed = run(stack, "deliveries", "list", "--destination", "explained", "--outcome", "refused").output.splitlines()
    assert listed[2].split() == [
        "2023-11-14T22:13:21.123Z", "explained", "buyers", "entered", ADAS, "refused", "rejected", "2", "explained-d",
        "\\x1b[2Jno", "such", "list",
    ]  # fmt: skip
    assert len(listed) == 4
    assert listed[3].startswith("explained is not defined any more: what waits is refused after 72 h")
    retried = run(stack, "deliveries", "list", "--destination", "explained", "--reason", "throttled").output
    assert "again at 2023-11-14T22:13:21.123Z" in " ".join(retried.split())
    shown = run(stack, "deliveries", "show", "explained-d").output.splitlines()
    assert [line.split(maxsplit=1)[1] for line in shown if line.startswith("request")] == ['{"a": 1}']
    assert len(answered(stack, "deliveries", "list", "--destination", "explained", "--limit", "1")["deliveries"]) == 1


@pytest.mark.usefixtures("explained")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "--destination", "explaind"), "there is no destination 'explaind' (did you mean 'explained'?)"),
        (("list", "--since", "yesterday"), "'yesterday' is no time in ISO 8601"),
        (("list", "--profile", "ada"), "expected a profile id, or NAMESPACE:VALUE"),
        (("list", "--workspace", "none"), "there is no workspace 'none'"),
        (("show", "x' OR 1"), "has no delivery, change or trigger with id"),
        (("replay", "explained", "--outcome", "delivered"), "Invalid value for '--outcome'"),
        (
            ("replay", "explained", "--reason", "no_consen"),
            "there is no reason 'no_consen' (did you mean 'no_consent'?)",
        ),
        (("replay", "explaind"), "there is no destination 'explaind' (did you mean 'explained'?)"),
        (("pause", "slo"), "Invalid value for DESTINATION: "),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(stack: Stack, arguments: tuple[str, ...], says: str) -> None:
    result = run(stack, "deliveries", *arguments)
    assert (result.exit_code != 0, says in result.output, "Traceback" in result.output) == (True, True, False)
