"""ResolveStage on a store in memory: what is routed as it came, and what is not."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from identity.rules import DEFAULT_RULES
from schemas.codec import Codec
from schemas.identity import default_profile_id, identifier_key, profile_key
from schemas.records import DeadLetter, Event, Identifier, Repair
from schemas.topics import EVENTS, EVENTS_DEAD, EVENTS_RESOLVED
from state.view import StateView
from streams import metrics
from streams.agents.resolve import ResolveStage
from streams.phases import Effects, Received, Record, decode, fold
from tests.schemas.fixed import FixedSchemas
from tests.streams.world.world import NAMESPACE, NOW, WORKSPACE, Table, workspaces

ANN, PHONE = Identifier("user_id", "ann"), Identifier("anonymous_id", "phone")
EMAIL = Identifier("email", "ann@example.org")
NOBODY, ACME = Identifier("user_id", "undefined"), Identifier("group_id", "acme")


def effects(
    codec: Codec, value: bytes, partition: int = 0, offset: int = 0, partition_of: Callable[[bytes], int] = lambda _: 0
) -> Effects:
    """What RESOLVE makes of one record on `events`."""
    stage = ResolveStage(workspaces(), DEFAULT_RULES, codec, partition_of)
    record = Record(EVENTS, partition, offset, b"k", value)
    received = Received([record], {EVENTS: offset + 1}, NOW)
    return fold(stage, decode(stage, received), StateView(Table(stage))).effects


def from_kafka(**fields: Any) -> Event:
    """An event as a producer writes it that knows no rules."""
    event = Event(
        WORKSPACE, "web", "", "track", "View", NOW, None, NOW, (NOBODY, Identifier("email", " Ann@Example.ORG")),
        traits='{"plan": "pro", "score": NaN}',
    )  # fmt: skip
    return msgspec.structs.replace(event, **fields)


@pytest.mark.parametrize(
    ("sent", "routed"),
    [
        ((ANN, PHONE), (ANN, PHONE)),
        ((ANN, NOBODY), (ANN, NOBODY)),
        ((PHONE, ANN), (ANN, PHONE)),
        ((NOBODY, ACME, PHONE), (PHONE, NOBODY, ACME)),
    ],
    ids=["as it came", "with what names nobody behind", "the strongest comes first", "what names nobody does not lead"],
)
def test_the_identifier_that_an_event_is_routed_by_is_its_first(
    sent: Sequence[Identifier], routed: Sequence[Identifier]
) -> None:
    codec = Codec(FixedSchemas())
    event = Event(
        WORKSPACE, "web", "m1", "track", "View", NOW, None, NOW, tuple(sent), properties='{"a": [1, null]}', ordinal=1
    )
    folded = effects(codec, codec.encoder(Event)(event))

    output = next(output for output in folded.outputs if output.topic == EVENTS_RESOLVED)
    decoded = codec.decode(Event, output.value)
    assert (decoded.identifiers, decoded.properties) == (tuple(routed), event.properties)
    assert output.key == profile_key(WORKSPACE, default_profile_id(NAMESPACE, routed[0]))


def test_an_event_from_kafka_gets_its_facts_and_one_that_was_admitted_before_keeps_what_it_has() -> None:
    codec = Codec(FixedSchemas())
    context = '{"page":{"url":"https://shop.example/p?gclid=x"},"facts":{"source":"mine"}}'
    parsed = {"source": "google", "medium": "cpc", "channel": "paid search", "page": "/p"}
    for ordinal, facts in ((0, parsed), (1, {"source": "mine"})):
        event = from_kafka(identifiers=(ANN,), context=context, ordinal=ordinal)
        folded = effects(codec, codec.encoder(Event)(event))
        routed = codec.decode(Event, next(each for each in folded.outputs if each.topic == EVENTS_RESOLVED).value)
        assert json.loads(routed.context)["facts"] == facts


@pytest.mark.parametrize(
    "broken", [lambda value: value[:-8], lambda value: value.replace(b"null", b"\xff\xff\xff\xff")]
)
def test_an_event_that_must_be_reordered_and_cannot_be_read_to_its_end_is_a_dead_letter(
    broken: Callable[[bytes], bytes],
) -> None:
    codec = Codec(FixedSchemas())
    event = Event(
        WORKSPACE, "web", "m1", "track", "View", NOW, None, NOW, (PHONE, ANN), properties='{"a": [1, null]}', ordinal=1
    )
    folded = effects(codec, broken(codec.encoder(Event)(event)))

    assert [output.topic for output in folded.outputs] == [EVENTS_DEAD]


@pytest.mark.parametrize("ordinal", [0, -7])
def test_what_came_straight_to_kafka_is_admitted_and_counted(ordinal: int) -> None:
    codec = Codec(FixedSchemas())
    event = from_kafka(ordinal=ordinal)
    folded = effects(codec, codec.encoder(Event)(event), offset=6)

    (output,) = folded.outputs
    decoded = codec.decode(Event, output.value)
    assert output.topic == EVENTS_RESOLVED
    assert output.key == profile_key(WORKSPACE, default_profile_id(NAMESPACE, EMAIL))
    assert decoded.identifiers == (EMAIL, NOBODY)
    assert (decoded.traits, decoded.message_id, decoded.ordinal) == ('{"plan":"pro"}', "events:0:6", 7)
    assert decoded.repairs == (Repair("traits.score", "invalid_number"),)
    assert folded.tally[metrics.REPAIRS, ("invalid_number",)] == 1
    assert folded.tally[metrics.IDENTIFIERS_UNUSED, ("blocked",)] == 1
    assert folded.tally[metrics.RESOLVED, ("resolved",)] == 1


def test_what_came_through_a_door_already_passes_byte_by_byte() -> None:
    codec = Codec(FixedSchemas())
    value = codec.encoder(Event)(from_kafka(ordinal=1, identifiers=(EMAIL,)))
    (output,) = effects(codec, value).outputs
    assert output.value is value


def test_an_event_in_another_partition_than_its_entry_is_sent_back_to_its_own() -> None:
    codec = Codec(FixedSchemas())
    folded = effects(codec, codec.encoder(Event)(from_kafka()), partition_of=lambda key: key.count(b"@"))
    (output,) = folded.outputs
    assert (output.topic, output.key) == (EVENTS, identifier_key(WORKSPACE, EMAIL))
    assert not folded.view.changes
    assert folded.tally[metrics.RESOLVED, ("misplaced",)] == 1
    assert folded.tally[metrics.RESOLVED, ("resolved",)] == 0
    assert folded.tally[metrics.REPAIRS, ("invalid_number",)] == 1

    there = effects(codec, output.value or b"", partition=1, partition_of=lambda key: key.count(b"@"))
    assert [(sent.topic, sent.value) for sent in there.outputs] == [(EVENTS_RESOLVED, output.value)]
    assert there.tally[metrics.REPAIRS, ("invalid_number",)] == 0


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        ({"workspace": "nowhere"}, "unknown_workspace", "not configured"),
        ({"identifiers": (NOBODY,)}, "no_identifier", "identifiers.0 'undefined' is no user_id"),
        ({"traits": "{'plan': 'pro'}"}, "invalid", "traits: not JSON: Expecting property name"),
        ({"traits": "[1]"}, "invalid", "traits: expected an object, found a list"),
        ({"event": None}, "invalid", "event: a track event needs a name"),
        ({"received_at": 0, "occurred_at": 0}, "invalid", "received_at: 0 ms since 1970 is no time of receipt"),
        ({"received_at": NOW // 1000 + 90_000, "occurred_at": NOW}, "invalid", "ahead of this worker's clock"),
    ],
)
def test_what_cannot_be_admitted_is_a_dead_letter_that_says_why(
    fields: dict[str, Any], reason: str, detail: str
) -> None:
    codec = Codec(FixedSchemas())
    value = codec.encoder(Event)(from_kafka(**fields))
    (output,) = effects(codec, value).outputs
    letter = codec.decode(DeadLetter, output.value)
    assert (output.topic, letter.reason, letter.value) == (EVENTS_DEAD, reason, value)
    assert detail in letter.detail


@pytest.mark.parametrize("text", [b"web", b"View", b"Ann@Example.ORG", b"undefined", b"pro"])
def test_a_byte_that_is_no_utf8_costs_that_byte_wherever_it_stands(text: bytes) -> None:
    codec = Codec(FixedSchemas())
    value = codec.encoder(Event)(from_kafka(identifiers=(EMAIL, Identifier("email", "Ann@Example.ORG"), NOBODY)))
    (output,) = effects(codec, value.replace(text, b"\xe9" + text[1:])).outputs
    assert output.topic == EVENTS_RESOLVED
    assert "\ufffd" in str(codec.decode(Event, output.value))


def test_a_byte_that_is_no_utf8_in_an_event_that_came_through_a_door_is_a_dead_letter() -> None:
    codec = Codec(FixedSchemas())
    value = codec.encoder(Event)(from_kafka(ordinal=1)).replace(b"View", b"\xe9iew")
    (output,) = effects(codec, value).outputs
    assert output.topic == EVENTS_DEAD
