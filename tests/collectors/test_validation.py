"""Batches: good calls are accepted beside bad ones, and every call finds its sender."""

import json

import pytest

from admission.json_text import JsonObject
from admission.rejection import Rejection
from collectors.access import WriteKeys
from collectors.arrivals import Arrivals
from collectors.events import Sender
from collectors.validation import (
    MAX_ANSWERED,
    MAX_BATCH_EVENTS,
    MAX_SHARED_CONTEXT_BYTES,
    Receipt,
    ReceivedBody,
    ValidatedCalls,
    validate_batch,
    validate_body,
)
from identity.rules import DEFAULT_RULES
from runtime.http.callers import Caller, key_from_header
from schemas.ordinals import pack_ordinal
from schemas.records import Repair
from tests.collectors.calls import RECEIPT, RECEIVED_AT, SENDER, WORKSPACE, call, repairs_of

KEYS = WriteKeys({"main": WORKSPACE}).used_by(Caller("127.0.0.1"))
GOOD: JsonObject = {"type": "track", "userId": "u1", "event": "Viewed", "messageId": "good"}


def validate(batch: object, *, sender: Sender | None = SENDER, **fields: object) -> ValidatedCalls:
    return validate_batch(call(json.dumps({"batch": batch} | fields)), sender, KEYS, RECEIPT, DEFAULT_RULES)


def rejected(batch: object, **fields: object) -> Rejection:
    with pytest.raises(Rejection) as caught:
        validate(batch, sender=SENDER, **fields)
    return caught.value


def test_good_calls_are_accepted_beside_bad_ones() -> None:
    bad: list[object] = [
        GOOD | {"type": "track", "event": None, "messageId": "bad"},
        "no object",
        GOOD | {"type": "recharge"},
        {"userId": "u1", "event": "e"},
        GOOD | {"properties": [float("nan")]},
    ]
    validated = validate([GOOD, *bad, GOOD | {"messageId": "last"}])
    assert [event.message_id for event in validated.accepted] == ["good", "last"]
    assert [(one.index, one.rejection.code, one.rejection.field) for one in validated.rejected] == [
        (1, "missing_field", "event"),
        (2, "invalid_type", None),
        (3, "unknown_type", "type"),
        (4, "missing_field", "type"),
        (5, "invalid_type", "properties"),
    ]
    assert validated.rejected[0].message_id == "bad"
    assert json.loads(validated.rejected[4].body)["properties"] == ["NaN"]


def test_unusable_identifiers_of_accepted_calls_are_answered_with_their_call() -> None:
    validated = validate(
        [GOOD, GOOD | {"anonymousId": "null"}, GOOD | {"userId": "guest"}, GOOD | {"anonymousId": 1.5}]
    )
    assert len(validated.accepted) == 3
    assert [(unused.index, str(unused.identifier)) for unused in validated.answered] == [
        (1, "anonymousId 'null' is no anonymous_id: such a value names nobody"),
        (3, "anonymousId '1.5' is no anonymous_id: an identifier is a text or a whole number"),
    ]


def test_of_many_unusable_identifiers_the_first_are_answered_and_all_counted() -> None:
    listed = [{"type": "crm", "id": str(number)} for number in range(MAX_ANSWERED - 1)]
    validated = validate([GOOD | {"context": {"externalIds": listed}}] * 3)
    assert [unused.index for unused in validated.answered] == [0] * (MAX_ANSWERED - 1) + [1]
    assert len(validated.unused) == 3 * (MAX_ANSWERED - 1)


def test_sent_at_and_context_of_the_batch_hold_for_all() -> None:
    early = GOOD | {"timestamp": "2026-11-23T22:00:00Z"}
    validated = validate([early], sentAt="2026-11-23T23:34:45Z", context={"library": {"name": "go"}})
    (event,) = validated.accepted
    assert event.occurred_at == RECEIVED_AT - (34 * 60 + 45 + 3600) * 1000
    assert event.context == '{"library":{"name":"go"}}'


def test_each_call_may_carry_its_own_key() -> None:
    batch = [GOOD | {"writeKey": "other"}, GOOD | {"writeKey": "secret"}, GOOD | {"writeKey": "stolen"}, GOOD]
    validated = validate(batch, sender=None)
    assert [event.source for event in validated.accepted] == ["app", "shop"]
    assert [(one.index, one.sender, one.rejection.code) for one in validated.rejected] == [
        (2, None, "unknown_write_key"),
        (3, None, "unknown_write_key"),
    ]


def test_the_key_of_the_request_comes_first() -> None:
    assert validate([GOOD | {"writeKey": "other"}]).accepted[0].source == "shop"


def test_a_batch_that_is_wrong_as_a_whole_is_refused() -> None:
    assert (rejected(None).code, rejected(None).field) == ("missing_field", "batch")
    assert (rejected({}).code, rejected({}).field) == ("invalid_type", "batch")
    assert rejected([1] * (MAX_BATCH_EVENTS + 1)).code == "too_many_events"
    assert rejected([GOOD], context={"x": "y" * MAX_SHARED_CONTEXT_BYTES}).field == "context"


@pytest.mark.parametrize("sent_at", ["soon", 5, {}, "0001-01-01T00:00:00Z"])
def test_an_unreadable_sent_at_of_a_batch_costs_nothing(sent_at: object) -> None:
    (event,) = validate([GOOD | {"timestamp": "2026-10-16T16:00:27Z"}], sentAt=sent_at).accepted
    assert (event.occurred_at, event.sent_at) == (1_792_166_427_000, None)
    assert event.repairs == (Repair("sentAt", "unreadable_time"),)


def test_the_ordinals_of_a_batch_are_in_the_order_of_its_calls() -> None:
    receipt = Receipt(RECEIVED_AT, 1_000)
    fine: JsonObject = {"timestamp": "2026-11-23T22:34:44.734821Z"}
    batch: JsonObject = {"batch": [GOOD, GOOD | fine, "no object", GOOD | {"timestamp": "never"}]}
    validated = validate_batch(batch, SENDER, KEYS, receipt, DEFAULT_RULES)
    assert [event.ordinal for event in validated.accepted] == [1_000, pack_ordinal(821, 1_001), 1_003]


def test_bodies_that_follow_each_other_go_on_with_greater_ordinals() -> None:
    received = ReceivedBody(None, SENDER, KEYS, RECEIVED_AT, Arrivals(lambda: 7))
    call_ = ReceivedBody("track", SENDER, KEYS, RECEIVED_AT, received.arrivals)
    ordinals = []
    for body, of_body in ((b'{"batch": [%b, %b]}', received), (b"%b", call_), (b"%b", call_)):
        raw = json.dumps(GOOD).encode()
        outcome = validate_body(body.replace(b"%b", raw), of_body, DEFAULT_RULES).outcome
        assert isinstance(outcome, ValidatedCalls)
        ordinals += [event.ordinal for event in outcome.accepted]
    assert ordinals == [7, 8, 9, 10]


def test_an_empty_batch_is_fine() -> None:
    assert validate([]) == ValidatedCalls((), ())


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("Basic c2VjcmV0Og==", "secret"),
        ("basic c2VjcmV0OnBhc3M=", "secret"),
        ("Basic Og==", None),
        ("Basic %%%", None),
        ("Basic /w==", None),
        ("Bearer c2VjcmV0Og==", None),
        ("", None),
        (None, None),
    ],
)
def test_the_user_name_of_basic_authentication_is_the_key(header: str | None, key: str | None) -> None:
    assert key_from_header(header) == key


def test_what_is_odd_in_the_batch_is_a_repair_of_each_of_its_events() -> None:
    batch = call(
        '{"context": {"a": "\\ud800"}, "sentAt": "x", "sentAt": null, "batch": ['
        + f"{json.dumps(GOOD)}, 7, {json.dumps(GOOD)}"
        + "]}"
    )
    validated = validate_batch(batch, SENDER, KEYS, RECEIPT, DEFAULT_RULES)
    assert [repairs_of(event) for event in validated.accepted] == [
        [("sentAt", "repeated_key"), ("context.a", "broken_character")]
    ] * 2
    assert [rejected.index for rejected in validated.rejected] == [1]


@pytest.mark.parametrize(
    ("context", "reason"), [([], "empty_list"), ("", "empty_text"), ("web", "wrong_type"), ([1], "wrong_type")]
)
def test_a_context_of_the_batch_that_is_no_object_costs_no_call(context: object, reason: str) -> None:
    (event,) = validate([GOOD], context=context).accepted
    assert (event.context, repairs_of(event)) == ("{}", [("context", reason)])


def test_a_byte_that_is_no_utf8_costs_that_byte() -> None:
    calls = [
        GOOD | {"messageId": f"m{number}", "properties": {"agent": f"Mozilla \ufffd {number}"}} for number in range(100)
    ]
    body = json.dumps({"batch": calls}, ensure_ascii=False).encode().replace("\ufffd 50".encode(), b"\xe9 50")
    outcome = validate_body(body, ReceivedBody(None, SENDER, KEYS, RECEIVED_AT, Arrivals()), DEFAULT_RULES).outcome
    assert isinstance(outcome, ValidatedCalls)
    assert [json.loads(event.properties) for event in outcome.accepted] == [sent["properties"] for sent in calls]
    assert [event.message_id for event in outcome.accepted if event.repairs] == ["m50"]
    assert repairs_of(outcome.accepted[50]) == [("properties.agent", "broken_character")]


def test_depth_without_end_costs_the_call_that_has_it() -> None:
    deep = '{"type":"track","event":"e","userId":' + "[" * 10_000 + "]" * 10_000 + "}"
    body = f'{{"batch":[{json.dumps(GOOD)},{deep},{json.dumps(GOOD)}]}}'.encode()
    outcome = validate_body(body, ReceivedBody(None, SENDER, KEYS, RECEIVED_AT, Arrivals()), DEFAULT_RULES).outcome
    assert isinstance(outcome, ValidatedCalls)
    assert [len(outcome.accepted), [rejected.index for rejected in outcome.rejected]] == [2, [1]]
