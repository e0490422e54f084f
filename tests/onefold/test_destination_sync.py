"""What a destination lacks of its segments is put on its topic, once, whenever a run is stopped and begun once more."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from definitions.destinations import Checks, Destination
from definitions.mapping import Fields, Made, Selected
from definitions.model import Comparison, Definitions, Operator, Segment, TraitComparison
from definitions.quiet_hours import QuietHours
from definitions.receivers.sql import Sql
from definitions.receivers.webhook import Webhook
from definitions.sets.topic import read_publication
from embedded.stack import Stack
from onefold.commands.destination_sync import sync
from onefold.destination_sync import AT_ONCE, Sync
from runtime.kafka.reading import read_to_end
from runtime.kafka.topics import create_topics
from schemas import topics
from schemas.activations import REAFFIRM, activation_of
from schemas.codec import Codec
from schemas.consent import decode_consent
from schemas.identity import profile_key
from schemas.records import ConsentChange, ConsentEntry, Identifier, SegmentChange
from schemas.registry import Registry
from sinks.delivery import lines
from state.view import StateView
from tests.sinks.delivery.test_lines import KEY, Memory, decode, encode
from tests.sinks.examples import ADA, NOW, event, placed, profile, resolved
from tests.sinks.sink_process import Feeder, running_sink, sink_lags
from tests.support.deliveries import attempt, placed_attempt
from tests.support.sets import applied_set
from tests.support.waiting import wait_until

pytestmark = pytest.mark.stack

PROS = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))
MANY = AT_ONCE + 20


@pytest.fixture(scope="module")
def feeder(stack: Stack) -> Feeder:
    wanted = topics.configurations(("synced", "stopped", "unnamed", "before", "after", "keyed", "leaving", "repaired"))
    create_topics(stack.settings.kafka, wanted, stack.settings.partitions, 1, timeout_s=30.0)
    return Feeder(stack)


@pytest.fixture(scope="module", autouse=True)
def sink(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with running_sink(stack, tmp_path_factory.mktemp("sink")):
        yield


def written(stack: Stack) -> None:
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")


def define(stack: Stack, destination: str) -> None:
    hook = Destination(
        destination,
        receiver=Webhook("https://shop.example/hook"),
        traits=("plan", "none"),
        checks=Checks(quiet_hours=QuietHours(22 * 60, 8 * 60)),
    )
    applied_set(stack, Definitions((Segment(f"{destination}-pros", PROS, destinations=(destination,)),), (hook,)))


def person(number: int) -> str:
    return f"00000000-0000-5000-8000-{number:012x}"


def member(destination: str, number: int, change: str = "entered", version: int = 3) -> SegmentChange:
    return SegmentChange("main", f"{destination}-{number}-{version}", person(number), f"{destination}-pros",
                         change, NOW + number, "m1", version)  # type: ignore[arg-type] # fmt: skip


def run(stack: Stack, *arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(sync, [*arguments, "--json"], env=dict(stack.environment))
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def on_topic(stack: Stack, destination: str) -> list[tuple[bytes | None, SegmentChange]]:
    codec = Codec(Registry(stack.settings.registry))
    found = read_to_end(stack.settings.kafka, [topics.activation(destination)])
    return [(message.key(), codec.decode(SegmentChange, message.value())) for message in found]


def test_who_was_not_delivered_is_sent_and_who_is_no_member_any_more_is_taken_out(stack: Stack, feeder: Feeder) -> None:
    define(stack, "synced")
    changes = [member("synced", number) for number in range(1, 10)]
    feeder.send([placed(topics.SEGMENTS, each, 0) for each in [*changes, member("synced", 2, "exited", 4)]])
    ada = profile(person(1), 9, identifiers=(ADA, Identifier("email", "ada@example.com")),
                  traits='{"plan": "pro", "rate": 1.10}')  # fmt: skip
    feeder.send([(topics.PROFILES, 0, 0, profile_key("main", person(1)), ada)])
    said = ConsentEntry("mail", "email", "denied", NOW, "m2", "web", "v1")
    denied = ConsentChange("main", person(1), "person", person(1), 0, 1, NOW, "{}", (said,))
    feeder.send([(topics.CONSENTS, 0, 0, profile_key("main", person(1)), denied)])
    for number, zone in enumerate(("Asia/Tokyo", "Europe/Berlin", 7)):
        called = event(f"m{number}", context=json.dumps({"timezone": zone}), occurred_at=NOW - 5 + number)
        feeder.send([resolved(called, 0, person(1))])

    def ended(number: int, outcome: str, **fields: object) -> None:
        given = {"destination": "synced", "name": "synced-pros", "profile_id": person(number), "version": 3}
        change_id = f"synced-{number}-3"
        record = attempt(f"synced-{number}", outcome, "main", activation_id=change_id, **given, **fields)
        feeder.send([placed_attempt(record, 0)])

    ended(2, "delivered")
    ended(3, "delivered")
    ended(4, "retry", reason="throttled", due_at=NOW + 9)
    ended(5, "suppressed", reason="no_consent")
    ended(6, "refused", reason="unmappable")
    feeder.send([placed(topics.activation("synced"), changes[6], 0)])
    for number, outcome in ((8, "delivered"), (9, "suppressed")):  # readdressed, and not rebuilt yet
        ended(number, outcome)
        given = {"name": "synced-pros", "profile_id": person(number), "version": 12, "happened_at": NOW + 500}
        exit_id = f"synced-{number}-12"
        exited = attempt(
            exit_id, outcome, "main", destination="synced", activation_id=exit_id, change="exited", **given
        )
        feeder.send([placed_attempt(exited, 0)])
    written(stack)

    expected = {"segment": "synced-pros", "entries": 4, "exits": 1, "waiting": 2, "suppressed": 1}
    assert run(stack, "synced", "--dry-run")["segments"] == [expected]
    assert len(on_topic(stack, "synced")) == 1
    answer = run(stack, "synced")
    assert (answer["segments"], answer["sent"], answer["whole"]) == ([expected], 5, True)

    sent = {change.profile_id: (key, change) for key, change in on_topic(stack, "synced") if change.cause == "sync"}
    assert {who: change.change for who, (_, change) in sent.items()} == {
        person(1): "entered", person(2): "exited", person(6): "entered",
        person(8): "entered", person(9): "entered",
    }  # fmt: skip
    key, change = sent[person(1)]
    assert key == profile_key("main", person(1))
    assert (change.version, change.changed_at, change.identifiers) == (ada.version, NOW + 1, ada.identifiers)
    assert json.loads(change.traits) == {"plan": "pro"}
    assert decode_consent(change.consent).statements["mail"]["email"].status == "denied"
    assert (change.timezone, sent[person(6)][1].timezone) == ("Europe/Berlin", "")
    assert sent[person(2)][1].version == 3
    readdressed, never_sent = sent[person(8)][1], sent[person(9)][1]
    assert (readdressed.version, readdressed.changed_at) == (12, NOW + 500)
    assert (never_sent.version, never_sent.changed_at) == (12, NOW + 9)

    answer = run(stack, "synced")
    assert (answer["sent"], answer["segments"][0]["waiting"]) == (0, 7)


def test_who_was_delivered_of_a_segment_that_is_not_sent_there_any_more_is_taken_out(
    stack: Stack, feeder: Feeder
) -> None:
    hook = Destination("unnamed", receiver=Webhook("https://shop.example/hook"))
    applied_set(stack, Definitions((Segment("unnamed-pros", PROS),), (hook,)))
    feeder.send([placed(topics.SEGMENTS, member("unnamed", number), 0) for number in range(1, 7)])

    def ended(number: int, outcome: str, segment: str = "unnamed-pros", version: int = 3, **fields: object) -> None:
        given = {"destination": "unnamed", "name": segment, "profile_id": person(number), "version": version}
        change_id = f"{segment}-{number}-{version}"
        record = attempt(f"d-{change_id}", outcome, "main", activation_id=change_id, **given, **fields)
        feeder.send([placed_attempt(record, 0)])

    ended(1, "delivered")
    ended(2, "delivered")
    ended(2, "delivered", version=4, change="exited")
    ended(3, "refused", reason="expired", attempt=9)
    ended(4, "refused", reason="rejected")
    ended(5, "retry", reason="throttled", due_at=NOW + 9)
    feeder.send([placed(topics.activation("unnamed"), member("unnamed", 5), 0)])
    unsaid = msgspec.structs.replace(member("unnamed", 6), change_id="unsaid-6", segment="unsaid")
    feeder.send([placed(topics.activation("unnamed"), unsaid, 0)])
    ended(1, "delivered", "forgotten")
    ended(1, "delivered", "left-before")
    ended(1, "delivered", "left-before", version=4, change="exited")
    written(stack)

    expected = [
        {"segment": "forgotten", "entries": 0, "exits": 1, "waiting": 0, "suppressed": 0},
        {"segment": "unnamed-pros", "entries": 0, "exits": 2, "waiting": 1, "suppressed": 0},
        {"segment": "unsaid", "entries": 0, "exits": 0, "waiting": 1, "suppressed": 0},
    ]
    answer = run(stack, "unnamed")
    assert (answer["segments"], answer["sent"]) == (expected, 3)
    sent = [change for _, change in on_topic(stack, "unnamed") if change.cause == "sync"]
    assert sorted((change.segment, change.profile_id, change.change) for change in sent) == [
        ("forgotten", person(1), "exited"),
        ("unnamed-pros", person(1), "exited"),
        ("unnamed-pros", person(3), "exited"),
    ]
    answer = run(stack, "unnamed")
    assert (answer["sent"], sum(each["waiting"] for each in answer["segments"])) == (0, 5)


def test_who_was_taken_out_by_the_exit_of_another_one_with_the_same_key_is_put_back(
    stack: Stack, feeder: Feeder
) -> None:
    of_email = Made(Selected(("identifiers", "email")), otherwise=Selected(("traits", "email")))
    table = Sql(url="sqlite:////keyed.sqlite", table="people", mode="mirror", key=("email",))
    keyed = Destination("keyed", receiver=table, mapping=Fields((("email", of_email),)), traits=("email",))
    applied_set(stack, Definitions((Segment("keyed-pros", PROS, destinations=("keyed",)),), (keyed,)))

    def known(number: int, *emails: str, traits: str = "{}") -> None:
        identifiers = tuple(Identifier("email", email) for email in emails)
        record = profile(person(number), 9, identifiers=identifiers, traits=traits)
        feeder.send([(topics.PROFILES, 0, 0, profile_key("main", person(number)), record)])

    def delivered(number: int, at: int, change: str = "entered", version: int = 3, since: int = 0) -> None:
        given = {"name": "keyed-pros", "profile_id": person(number), "version": version, "change": change}
        change_id = f"keyed-{number}-{version}"
        record = attempt(change_id, "delivered", "main", activation_id=change_id, destination="keyed", attempted_at=at,
                         happened_at=since or at - 1, **given)  # fmt: skip
        feeder.send([placed_attempt(record, 0)])

    def left(number: int, at: int, email: str, since: int = 0) -> None:
        exited = msgspec.structs.replace(
            member("keyed", number, "exited", 4), identifiers=(Identifier("email", email),)
        )
        feeder.send([placed(topics.SEGMENTS, each, 0) for each in (member("keyed", number), exited)])
        delivered(number, NOW)
        delivered(number, at, "exited", 4, since)

    for number, at in ((1, 5), (3, 20), (4, 5), (5, 5), (7, 300)):
        feeder.send([placed(topics.SEGMENTS, member("keyed", number), 0)])
        delivered(number, NOW + at)
    known(1, "user@home.example", "ann@shop.example")
    known(3, "ann@shop.example")
    known(4, "cay@shop.example")
    known(5, traits='{"email": "Dan@shop.example"}')
    known(7, "eve@shop.example")  # whose entry was dated by an exit of its own
    left(2, NOW + 10, "ann@shop.example")  # merged since, so that it has no identifiers
    left(6, NOW + 10, "dan@shop.example")
    left(8, NOW + 400, "eve@shop.example", since=NOW + 9)
    written(stack)

    assert run(stack, "keyed")["segments"] == [
        {"segment": "keyed-pros", "entries": 3, "exits": 0, "waiting": 0, "suppressed": 0},
    ]
    sent = {change.profile_id: change for _, change in on_topic(stack, "keyed")}
    assert {(who, change.change, change.changed_at) for who, change in sent.items()} == {
        (person(1), "entered", NOW + 9),
        (person(5), "entered", NOW + 9),
        (person(7), "entered", NOW + 299),
    }
    answer = run(stack, "keyed")
    assert (answer["sent"], answer["segments"][0]["waiting"]) == (0, 3)


def test_what_was_delivered_under_a_former_name_was_delivered(stack: Stack, feeder: Feeder) -> None:
    hook = Destination("after", receiver=Webhook("https://shop.example/hook"), renamed_from=("before",))
    applied_set(stack, Definitions((Segment("after-pros", PROS, destinations=("after",)),), (hook,)))
    feeder.send([placed(topics.SEGMENTS, member("after", number), 0) for number in (1, 2, 4)])

    def delivered(number: int) -> None:
        given = {"name": "after-pros", "profile_id": person(number), "version": 3, "destination": "before"}
        record = attempt(f"after-{number}", "delivered", "main", activation_id=f"after-{number}-3", **given)
        feeder.send([placed_attempt(record, 0)])

    delivered(1)
    delivered(3)
    feeder.send([placed(topics.activation("before"), member("after", 4), 0)])
    written(stack)
    answer = run(stack, "after")
    assert answer["segments"] == [
        {"segment": "after-pros", "entries": 1, "exits": 1, "waiting": 1, "suppressed": 0},
    ]
    sent = [(change.profile_id, change.change) for _, change in on_topic(stack, "after")]
    assert sorted(sent) == [(person(2), "entered"), (person(3), "exited")]


def test_a_stopped_run_goes_on_where_it_was(stack: Stack, feeder: Feeder) -> None:
    define(stack, "stopped")
    feeder.send([placed(topics.SEGMENTS, member("stopped", number), 0) for number in range(MANY)])
    written(stack)
    newest = read_publication(stack.settings.kafka).newest
    assert newest is not None
    begun = Sync(stack.settings, "main", newest, newest.destinations[0])
    assert next(begun.run(begun.find())) == AT_ONCE
    begun.close()
    assert run(stack, "stopped")["sent"] == MANY - AT_ONCE
    assert run(stack, "stopped")["sent"] == 0
    found = on_topic(stack, "stopped")
    assert len(found) == MANY == len({change.profile_id for _, change in found})


def test_who_leaves_while_a_run_sends_does_not_stay_behind(stack: Stack, feeder: Feeder) -> None:
    define(stack, "leaving")
    feeder.send([placed(topics.SEGMENTS, member("leaving", 99), 0)])
    key, known = profile_key("main", person(99)), profile(person(99), 7, identifiers=(ADA,))
    feeder.send([(topics.PROFILES, 0, 0, key, known)])
    written(stack)
    newest = read_publication(stack.settings.kafka).newest
    assert newest is not None
    begun = Sync(stack.settings, "main", newest, newest.destinations[0])
    found = begun.find()
    exited, later = member("leaving", 99, "exited", 8), msgspec.structs.replace(known, version=9)
    feeder.send([placed(topics.SEGMENTS, exited, 0), (topics.PROFILES, 0, 0, key, later)])
    written(stack)
    assert next(begun.run(found)) == 1
    begun.close()
    ((_, entered),) = on_topic(stack, "leaving")
    assert (entered.version, entered.changed_at) < (exited.version, exited.changed_at), "the exit is the last word"


def test_who_was_said_once_more_is_taken_by_its_line_also_when_no_row_says_so_any_more(
    stack: Stack, feeder: Feeder
) -> None:
    define(stack, "repaired")
    feeder.send([placed(topics.SEGMENTS, member("repaired", number), 0) for number in (1, 2)])
    for number in (1, 2):
        known = profile(person(number), 7, identifiers=(ADA,))
        feeder.send([(topics.PROFILES, 0, 0, profile_key("main", person(number)), known)])
    given = {"destination": "repaired", "name": "repaired-pros", "profile_id": person(2), "version": 3}
    older = attempt("older", "superseded", "main", reason="older", activation_id="repaired-2-3", **given)
    feeder.send([placed_attempt(older, 0)])
    written(stack)
    assert run(stack, "repaired")["sent"] == 2
    for _, entered in on_topic(stack, "repaired"):
        view = StateView(Memory())
        reaffirmed = msgspec.structs.replace(member("repaired", 1), cause=REAFFIRM, version=7)
        for each in map(activation_of, (reaffirmed, entered)):
            assert lines.admit(view, KEY, each, encode(each), "events", NOW, decode) == []


def test_a_destination_that_nobody_defines_is_named(stack: Stack) -> None:
    define(stack, "synced")
    result = CliRunner().invoke(sync, ["sinced"], env=dict(stack.environment))
    assert result.exit_code == 2
    assert "there is no destination 'sinced' with a receiver (did you mean 'synced'?)" in result.output
