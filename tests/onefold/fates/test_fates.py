"""What is accepted or is to be delivered is found wherever it ended, and what ended nowhere is missing."""

import struct
import time
from collections.abc import Iterator
from itertools import count

import msgspec
import pytest
from confluent_kafka import Producer

from definitions.destinations import Destination
from definitions.model import Comparison, Operator, Segment, TraitComparison, Trigger
from definitions.receivers.webhook import Webhook
from definitions.sets import DefinitionSet
from embedded.stack import Stack
from identity.rules import DEFAULT_RULES
from onefold.fates.activations import Account, DestinationFates, activation_fates
from onefold.fates.events import EventFates, LostEvent, event_fates
from onefold.fates.expected import ADOPTED_WITHIN_MS
from runtime.clock import now_ms
from runtime.kafka.clients import PRODUCER_CONFIG
from runtime.kafka.topics import create_topics
from schemas import records, topics
from schemas.codec import Codec
from schemas.identity import profile_key
from schemas.records import DeadLetter, SegmentChange
from schemas.registry import Registry
from sinks.delivery.unfinished import CHANGELOG
from tests.sinks.examples import ADA, ADAS, NOW, Placed, event, placed, resolved
from tests.sinks.sink_process import Feeder, running_sink, sink_lags
from tests.support.deliveries import attempt, placed_attempt
from tests.support.waiting import wait_until
from warehouse.client import Warehouse
from warehouse.queries.fates import Fates

pytestmark = pytest.mark.stack

_numbers = count()
HOUR_MS = 3_600_000
PROS = TraitComparison(("plan",), (Comparison(Operator.EQUALS, "pro"),))


@pytest.fixture(scope="module")
def feeder(stack: Stack) -> Feeder:
    wanted = topics.configurations(("fated",)) | {CHANGELOG: topics.single_partition_configuration()}
    create_topics(stack.settings.kafka, wanted, stack.settings.partitions, 1, timeout_s=30.0)
    return Feeder(stack)


@pytest.fixture(scope="module", autouse=True)
def sink(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with running_sink(stack, tmp_path_factory.mktemp("sink")):
        yield


@pytest.fixture
def account(stack: Stack) -> Iterator[Account]:
    """Where to look, in a workspace of its own."""
    workspace = f"fates-{next(_numbers)}"
    with Warehouse(stack.addresses.clickhouse) as warehouse:
        codec = Codec(Registry(stack.settings.registry))
        yield Account(stack.settings.kafka, codec, Fates(warehouse, workspace), workspace)


def written(stack: Stack) -> None:
    wait_until(lambda: not sink_lags(stack), "the sink to have read everything")


def accepted(message_id: str, workspace: str) -> Placed:
    return topics.EVENTS, 0, 0, b"k", event(message_id, workspace, ordinal=1)


def test_every_accepted_event_is_folded_repeated_or_dead_or_it_is_missing(
    stack: Stack, feeder: Feeder, account: Account
) -> None:
    since, workspace = now_ms(), account.workspace
    feeder.send([accepted(name, workspace) for name in ("a", "b", "a", "dead", "lost")])
    feeder.send([accepted("theirs", "another-workspace")])
    dead = event("dead", workspace, ordinal=1)
    letter = DeadLetter(f"{workspace}-1", topics.EVENTS_RESOLVED, 0, 1, "profile", "unprocessable", NOW, workspace,
                        value=feeder.encoded(dead))  # fmt: skip
    feeder.send([resolved(event(name, workspace, ordinal=1), at) for at, name in enumerate(("a", "b"))])
    feeder.send([placed(topics.EVENTS_DEAD, letter, 0)])
    written(stack)

    found = event_fates(*account[:4], DEFAULT_RULES, since, lambda _: None)
    (lost,) = found.lost
    assert (lost.source, lost.message_id) == ("web", "lost")
    assert found == EventFates(5, folded=2, repeated=1, dead=1, rejected=0, missing=1, lost=(lost,))

    feeder.send([resolved(event("lost", workspace, ordinal=1), 9)])
    written(stack)
    found = event_fates(*account[:4], DEFAULT_RULES, since, lambda _: None)
    assert found == EventFates(5, folded=3, repeated=1, dead=1, rejected=0, missing=0)


def test_what_cannot_be_read_is_missing_until_it_is_a_dead_letter(
    stack: Stack, feeder: Feeder, account: Account
) -> None:
    since = now_ms()
    feeder.send_bytes(topics.EVENTS, b"no event")
    found = event_fates(*account[:4], DEFAULT_RULES, since, lambda _: None)
    (lost,) = found.lost
    assert (found.accepted, found.missing, lost.message_id) == (1, 1, "")
    dead = DeadLetter(f"{account.workspace}-2", topics.EVENTS, lost.partition, lost.offset, "resolve", "bad_magic", NOW)
    feeder.send([placed(topics.EVENTS_DEAD, dead, 0)])
    written(stack)
    found = event_fates(*account[:4], DEFAULT_RULES, since, lambda _: None)
    assert (found.accepted, found.dead, found.missing, found.lost) == (1, 1, 0, ())
    assert isinstance(lost, LostEvent)


def change(number: int, workspace: str, definition: int = 1) -> SegmentChange:
    return SegmentChange(workspace, f"{workspace}-{number}", ADAS, "pros", "entered", NOW, "m1", number, (ADA,),
                         decided_at=NOW + number, definition=definition)  # fmt: skip


def waiting(stack: Stack, feeder: Feeder, record: SegmentChange) -> None:
    """Have a change wait in a line, as a deliverer says in its changelog."""
    line = b"fated|" + profile_key(record.workspace, ADAS)
    key = b"\0waiting|" + line + struct.pack(">Q", 1)
    producer = Producer(PRODUCER_CONFIG | {"bootstrap.servers": stack.settings.kafka})
    producer.produce(CHANGELOG, msgspec.msgpack.encode([NOW, feeder.encoded(record)]), key)
    producer.flush()


def test_every_change_for_a_receiver_has_a_delivery_or_waits_or_is_missing(
    stack: Stack, feeder: Feeder, account: Account
) -> None:
    workspace = account.workspace
    hook = Destination("fated", receiver=Webhook("https://shop.example/hook"))
    segments = (Segment("pros", PROS, destinations=("fated",)),)
    triggers = (Trigger("won", when=PROS, destinations=("fated",)),)
    sets = [DefinitionSet(1, 0, "test", segments=segments, triggers=triggers, destinations=(hook,))]
    changes = [change(number, workspace) for number in range(1, 7)]
    of_before = change(7, workspace, definition=0)
    feeder.send([placed(topics.SEGMENTS, each, 0) for each in (*changes, of_before)])
    won = records.FiredTrigger(workspace, f"{workspace}-t", "won", NOW, "m1", 1, "{}", ADAS, decided_at=NOW)
    feeder.send([placed(topics.TRIGGERS, won, 0)])

    def ended(number: int, outcome: str, **fields: object) -> Placed:
        record = attempt(f"d{number}", outcome, workspace, destination="fated", attempted_at=NOW,
                         activation_id=f"{workspace}-{number}", **fields)  # fmt: skip
        return placed_attempt(record, 0)

    feeder.send([ended(1, "delivered"), ended(2, "suppressed", reason="no_consent")])
    feeder.send([ended(3, "retry", reason="throttled", due_at=NOW + 9)])
    feeder.send([placed(topics.activation("fated"), changes[3], 0)])
    waiting(stack, feeder, changes[4])
    written(stack)

    def look() -> DestinationFates:
        (found,) = activation_fates(account, sets, 0, time.monotonic() + 30)
        return found

    found = look()
    assert [each.id for each in found.lost] == [f"{workspace}-6", f"{workspace}-t"]
    assert msgspec.structs.replace(found, lost=()) == DestinationFates(
        "fated", delivered=1, suppressed=1, waiting=3, due_at=NOW + 9, missing=2,
        reasons={"no_consent": 1, "throttled": 1},
    )  # fmt: skip
    feeder.send([ended(6, "refused", reason="rejected")])
    record = attempt("dt", "delivered", workspace, destination="fated", activation_id=f"{workspace}-t")
    feeder.send([placed_attempt(record, 0)])
    written(stack)
    found = look()
    assert (found.missing, found.delivered, found.refused) == (0, 2, 1)


def test_only_what_was_decided_while_a_set_sent_it_is_missing(stack: Stack, feeder: Feeder, account: Account) -> None:
    workspace = account.workspace
    hook = Destination("fated", receiver=Webhook("https://shop.example/hook"))

    def applied(version: int, *destinations: str) -> DefinitionSet:
        segments = (Segment("pros", PROS, destinations=destinations),)
        triggers = (Trigger("won", when=PROS, destinations=destinations),)
        return DefinitionSet(version, NOW + version * HOUR_MS, "test", segments=segments, triggers=triggers,
                             destinations=(hook,))  # fmt: skip

    sets = [applied(1), applied(2, "fated"), applied(3)]
    for version in (1, 2, 3):
        decided_at = NOW + version * HOUR_MS + ADOPTED_WITHIN_MS
        won = records.FiredTrigger(workspace, f"{workspace}-t{version}", "won", NOW, "m1", 1, "{}", ADAS,
                              decided_at=decided_at)  # fmt: skip
        decided = msgspec.structs.replace(change(version, workspace, definition=2), decided_at=decided_at)
        feeder.send([placed(topics.TRIGGERS, won, 0), placed(topics.SEGMENTS, decided, 0)])
    written(stack)

    (found,) = activation_fates(account, sets, 0, time.monotonic() + 30)
    lost = {each.id: each.decided_at for each in found.lost}
    of_second = NOW + 2 * HOUR_MS + ADOPTED_WITHIN_MS
    assert lost == {
        f"{workspace}-1": NOW + HOUR_MS + ADOPTED_WITHIN_MS,  # it names the version itself
        f"{workspace}-2": of_second,
        f"{workspace}-t2": of_second,
    }
    (found,) = activation_fates(account, sets, of_second + 1, time.monotonic() + 30)
    assert found.missing == 0
