"""Batches: good calls are accepted beside bad ones, and every call finds its sender."""

import json

import pytest

from admission.json_text import JsonObject
from admission.rejection import Rejection
from collectors.access import WriteKeys
from collectors.events import Sender
from collectors.validation import MAX_BATCH_EVENTS, MAX_SHARED_CONTEXT_BYTES, Judgement, judge_batch
from identity.rules import DEFAULT_RULES
from runtime.http.callers import Caller, key_from_header
from tests.collectors.calls import RECEIVED_AT, SENDER, WORKSPACE, call

KEYS = WriteKeys({"main": WORKSPACE}).used_by(Caller("127.0.0.1"))
GOOD: JsonObject = {"type": "track", "userId": "u1", "event": "Viewed", "messageId": "good"}


def judge(batch: object, *, sender: Sender | None = SENDER, **fields: object) -> Judgement:
    return judge_batch(call(json.dumps({"batch": batch} | fields)), sender, KEYS, RECEIVED_AT, DEFAULT_RULES)


def refused(batch: object, **fields: object) -> Rejection:
    with pytest.raises(Rejection) as caught:
        judge(batch, sender=SENDER, **fields)
    return caught.value


def test_good_calls_are_accepted_beside_bad_ones() -> None:
    bad: list[object] = [
        GOOD | {"type": "track", "event": None, "messageId": "bad"},
        "no object",
        GOOD | {"type": "recharge"},
        {"userId": "u1", "event": "e"},
        GOOD | {"properties": {"total": float("nan")}},
    ]
    judgement = judge([GOOD, *bad, GOOD | {"messageId": "last"}])
    assert [event.message_id for event in judgement.accepted] == ["good", "last"]
    assert [(one.index, one.rejection.code, one.rejection.field) for one in judgement.refused] == [
        (1, "missing_field", "event"),
        (2, "invalid_type", None),
        (3, "unknown_type", "type"),
        (4, "missing_field", "type"),
        (5, "invalid_number", "properties.total"),
    ]
    assert judgement.refused[0].message_id == "bad"
    assert json.loads(judgement.refused[4].body)["properties"] == {"total": "NaN"}


def test_sent_at_and_context_of_the_batch_hold_for_all() -> None:
    early = GOOD | {"timestamp": "2026-11-23T22:00:00Z"}
    judgement = judge([early], sentAt="2026-11-23T23:34:45Z", context={"library": {"name": "go"}})
    (event,) = judgement.accepted
    assert event.occurred_at == RECEIVED_AT - (34 * 60 + 45 + 3600) * 1000
    assert event.context == '{"library":{"name":"go"}}'


def test_each_call_may_carry_its_own_key() -> None:
    batch = [GOOD | {"writeKey": "other"}, GOOD | {"writeKey": "secret"}, GOOD | {"writeKey": "stolen"}, GOOD]
    judgement = judge(batch, sender=None)
    assert [event.source for event in judgement.accepted] == ["app", "shop"]
    assert [(one.index, one.sender, one.rejection.code) for one in judgement.refused] == [
        (2, None, "unknown_write_key"),
        (3, None, "unknown_write_key"),
    ]


def test_the_key_of_the_request_comes_first() -> None:
    assert judge([GOOD | {"writeKey": "other"}]).accepted[0].source == "shop"


def test_a_batch_that_is_wrong_as_a_whole_is_refused() -> None:
    assert (refused(None).code, refused(None).field) == ("missing_field", "batch")
    assert (refused({}).code, refused({}).field) == ("invalid_type", "batch")
    assert refused([1] * (MAX_BATCH_EVENTS + 1)).code == "too_many_events"
    assert refused([GOOD], sentAt="soon").field == "sentAt"
    assert refused([GOOD], context={"x": "y" * MAX_SHARED_CONTEXT_BYTES}).field == "context"


def test_an_empty_batch_is_fine() -> None:
    assert judge([]) == Judgement((), ())


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
