"""What becomes of the calls that real SDKs send, and of calls that break the contract."""

import json
import uuid

import pytest

from admission.rejection import Rejection
from collectors.events import MAX_EVENT_BYTES, Envelope, read_event
from collectors.times import NO_TIME
from schemas.records import Event, EventType, Identifier
from tests.collectors import calls
from tests.collectors.calls import ENVELOPE, RECEIVED_AT, SENDER, call

WRITTEN_AT = 1_795_473_284_734


def read(text: str, kind: EventType = "track", envelope: Envelope = ENVELOPE) -> Event:
    return read_event(call(text), kind, SENDER, envelope).event


def track(**fields: object) -> Event:
    return read(json.dumps({"userId": "u1", "event": "Viewed"} | fields))


def refusal(**fields: object) -> Rejection:
    with pytest.raises(Rejection) as caught:
        track(**fields)
    return caught.value


def test_segment_python_sends_the_absent_id_as_null() -> None:
    assert read(calls.SEGMENT_PYTHON) == Event(
        workspace="main",
        source="shop",
        message_id="8d2f1a54-6f0e-4a5e-9a39-5b9f4b6a1c11",
        type="track",
        event="Order Completed",
        occurred_at=WRITTEN_AT,
        sent_at=None,
        received_at=RECEIVED_AT,
        identifiers=(Identifier("user_id", "9021008"),),
        properties='{"total":19.90,"名":"中"}',
        context='{"library":{"name":"analytics-python"}}',
        ordinal=1,
    )


def test_rudder_python_sends_identify_traits_in_the_context_only() -> None:
    event = read(calls.RUDDER_PYTHON_IDENTIFY, "identify")
    assert json.loads(event.traits) == {"email": " Ann@Example.COM ", "plan": "pro"}
    assert event.identifiers == (Identifier("user_id", "u1"), Identifier("email", "ann@example.com"))
    assert (event.event, event.occurred_at) == (None, WRITTEN_AT)


@pytest.mark.parametrize(
    ("text", "kind", "name", "occurred_at"),
    [
        (calls.SEGMENT_NODE, "page", "Home", WRITTEN_AT),
        (calls.RUDDER_NODE, "track", "Viewed", WRITTEN_AT),
        (calls.SEGMENT_GO, "track", "Viewed", WRITTEN_AT + 123),
        (calls.SEGMENT_JAVA, "screen", "Cart", WRITTEN_AT),
        (calls.SEGMENT_WEB, "track", "Viewed", WRITTEN_AT),
        (calls.RUDDER_WEB, "page", None, WRITTEN_AT),
    ],
)
def test_every_recorded_time_form_and_name_is_read(text: str, kind: EventType, name: str, occurred_at: int) -> None:
    event = read(text, kind)
    assert (event.type, event.event, event.occurred_at) == (kind, name, occurred_at)


def test_rudder_web_sends_an_empty_user_id_and_traits_with_every_call() -> None:
    event = read(calls.RUDDER_WEB, "page")
    assert event.identifiers == (Identifier("anonymous_id", "a-1"),)
    assert event.traits == "{}"


def test_the_batch_context_lies_under_the_events_own() -> None:
    shared = Envelope(RECEIVED_AT, NO_TIME, {"library": {"name": "go"}, "locale": "de"})
    own = read('{"userId": "u1", "event": "e", "context": {"locale": "fr"}}', envelope=shared)
    assert json.loads(own.context) == {"library": {"name": "go"}, "locale": "fr"}


def test_numbers_keep_every_digit() -> None:
    digits = '{"a":1.10,"b":123456789012345678901234567890,"c":0.1000000000000000055511151231257827,"d":-7,"e":1E5}'
    assert read(f'{{"userId": 1, "event": "e", "properties": {digits}}}').properties == digits


@pytest.mark.parametrize(
    ("given", "value"), [(9021008, "9021008"), (" u1 ", "u1"), (12345678901234567890, "12345678901234567890")]
)
def test_user_ids_become_text(given: object, value: str) -> None:
    assert track(userId=given).identifiers == (Identifier("user_id", value),)


@pytest.mark.parametrize("absent", [None, "", "  "])
def test_a_blank_user_id_is_absent(absent: str | None) -> None:
    assert track(userId=absent, anonymousId="a").identifiers == (Identifier("anonymous_id", "a"),)
    assert refusal(userId=absent).code == "missing_identifier"


def test_external_ids_of_users_count_strongest_first() -> None:
    listed = [
        {"id": "B@x.org", "type": "email", "collection": "users", "encoding": "none"},
        {"id": 42, "type": "external_id"},
        {"id": "acme", "type": "company", "collection": "accounts"},
        {"id": "5f4dcc", "type": "phone", "encoding": "sha256"},
    ]
    found = track(anonymousId="a", context={"externalIds": listed}).identifiers
    expected = [("user_id", "u1"), ("email", "b@x.org"), ("external_id", "42"), ("anonymous_id", "a")]
    assert [(one.namespace, one.value) for one in found] == expected


def test_a_message_id_is_made_where_none_is_sent() -> None:
    made = {track().message_id, track(messageId="").message_id, track(messageId=None).message_id}
    assert len(made) == 3
    assert all(uuid.UUID(one).version == 4 for one in made)


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_a_category_is_kept_in_the_properties(kind: EventType) -> None:
    event = read('{"userId": "u1", "name": "Home", "category": "Docs", "properties": {"x": 1}}', kind)
    assert (event.event, json.loads(event.properties)) == ("Home", {"x": 1, "category": "Docs"})


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"event": ""}, "missing_field", "event"),
        ({"event": "x" * 501}, "invalid_value", "event"),
        ({"event": "half \ud800"}, "invalid_value", "event"),
        ({"userId": ["u1"]}, "missing_identifier", "userId"),
        ({"userId": "\x07"}, "missing_identifier", "userId"),
        ({"messageId": "m" * 201}, "invalid_value", "messageId"),
        ({"messageId": {"a": 1}}, "invalid_type", "messageId"),
        ({"properties": [1]}, "invalid_type", "properties"),
        ({"context": "web"}, "invalid_type", "context"),
        ({"properties": {"total": float("nan")}}, "invalid_number", "properties.total"),
        ({"properties": {"rows": [{"half \ud800": float("inf")}]}}, "invalid_number", "properties.rows.0.half ?"),
        ({"properties": {"text": "\ud800"}}, "invalid_json", None),
        ({"properties": {"text": "x" * MAX_EVENT_BYTES}}, "event_too_large", None),
    ],
)
def test_a_call_that_breaks_the_contract_is_refused_by_field(
    fields: dict[str, object], code: str, field: str | None
) -> None:
    rejection = refusal(**fields)
    assert (rejection.code, rejection.field) == (code, field)


def test_an_event_of_forty_kilobytes_is_accepted() -> None:
    assert len(track(properties={"text": "x" * 40_000}).properties) > 40_000


def test_a_repeated_key_is_refused_where_it_stands() -> None:
    with pytest.raises(Rejection) as caught:
        read('{"userId": "u1", "event": "e", "properties": {"p": {"total": 1, "total": 2}}}')
    assert (caught.value.code, caught.value.field) == ("duplicate_key", "properties.p")


def test_nesting_is_bounded() -> None:
    def nested(levels: int) -> str:
        return '{"userId": "u1", "event": "e", "properties": ' + '{"a":' * levels + "1" + "}" * levels + "}"

    assert read(nested(30)).event == "e"
    with pytest.raises(Rejection) as caught:
        read(nested(33))
    assert caught.value.code == "too_deep"
