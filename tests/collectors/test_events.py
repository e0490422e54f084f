"""What becomes of the calls that real SDKs send, and of calls that break the contract."""

import json
import uuid

import pytest

from admission.rejection import Rejection
from collectors.events import MAX_EVENT_BYTES, Envelope, read_event
from collectors.times import NO_TIME
from schemas.records import Event, EventType, Identifier
from tests.collectors import calls
from tests.collectors.calls import ENVELOPE, RECEIVED_AT, SENDER, call, repairs_of

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
        ({"event": "\x00"}, "missing_field", "event"),
        ({"event": ["Viewed"]}, "invalid_type", "event"),
        ({"event": float("nan")}, "invalid_type", "event"),
        ({"properties": "text"}, "invalid_type", "properties"),
        ({"userId": ["u1"]}, "missing_identifier", "userId"),
        ({"userId": "\x07"}, "missing_identifier", "userId"),
        ({"properties": [1]}, "invalid_type", "properties"),
        ({"context": "web"}, "invalid_type", "context"),
        ({"properties": {"text": "x" * MAX_EVENT_BYTES}}, "event_too_large", "properties"),
        ({"context": {"text": "x" * MAX_EVENT_BYTES}}, "event_too_large", "context"),
    ],
)
def test_a_call_that_breaks_the_contract_is_refused_by_field(
    fields: dict[str, object], code: str, field: str | None
) -> None:
    rejection = refusal(**fields)
    assert (rejection.code, rejection.field) == (code, field)


def test_an_event_of_forty_kilobytes_is_accepted() -> None:
    assert len(track(properties={"text": "x" * 40_000}).properties) > 40_000


@pytest.mark.parametrize("part", ["properties", "traits", "context"])
@pytest.mark.parametrize(
    ("empty", "reason"), [([], "empty_list"), ("", "empty_text"), (" ", "empty_text"), (None, None), ({}, None)]
)
def test_what_stands_for_nothing_counts_as_an_empty_object(part: str, empty: object, reason: str | None) -> None:
    event = read(json.dumps({"userId": "u1", part: empty, "event": "e"}), "identify" if part == "traits" else "track")
    assert getattr(event, part) == "{}"
    assert repairs_of(event) == ([(part, reason)] if reason else [])


def test_empty_lists_within_the_context_count_as_empty_objects() -> None:
    context: dict[str, list[str]] = {"traits": [], "page": [], "device": [], "app": [], "os": [], "externalIds": []}
    event = read(json.dumps({"userId": "u1", "context": context}), "identify")
    assert json.loads(event.context) == context
    assert (event.traits, repairs_of(event)) == ("{}", [("context.traits", "empty_list")])


@pytest.mark.parametrize(
    ("properties", "kept", "repair"),
    [
        (
            '{"text": "pizza \\ud83d", "n": 7}',
            {"text": "pizza \ufffd", "n": 7},
            ("properties.text", "broken_character"),
        ),
        ('{"total": NaN, "n": 7}', {"n": 7}, ("properties.total", "invalid_number")),
        ('{"rows": [{"half \\ud800": Infinity}]}', {"rows": [{}]}, ("properties.rows.0.half ?", "broken_character")),
        ('{"p": {"total": 1, "total": 2}}', {"p": {"total": 2}}, ("properties.p.total", "repeated_key")),
        ('{"total": 1, "total": 2}', {"total": 2}, ("properties.total", "repeated_key")),
    ],
)
def test_an_odd_field_costs_that_field_alone(properties: str, kept: object, repair: tuple[str, str]) -> None:
    event = read(f'{{"userId": "u1", "event": "e", "properties": {properties}}}')
    assert json.loads(event.properties) == kept
    assert repairs_of(event)[0] == repair


def test_what_is_odd_in_fields_that_nobody_reads_is_no_repair() -> None:
    text = (
        '{"userId": "u1", "event": "e", "integrations": [{"a": NaN, "b": "\\ud800", "b": ' + "[" * 50 + "]" * 50 + "}]}"
    )
    assert repairs_of(read(text)) == []


@pytest.mark.parametrize(
    ("kind", "field", "sent", "name", "reason"),
    [
        ("track", "event", "Click\x00ed", "Clicked", "control_character"),
        ("track", "event", "Order\r\nCompleted\x7f ", "Order  Completed", "control_character"),
        ("track", "event", "half \ud800", "half \ufffd", "broken_character"),
        ("track", "event", "x" * 501, "x" * 500, "too_long"),
        ("page", "name", "\x00", None, "control_character"),
        ("page", "name", {"a": 1}, None, "wrong_type"),
        ("screen", "name", float("nan"), None, "wrong_type"),
        ("screen", "category", [], None, "wrong_type"),
    ],
)
def test_an_odd_name_is_repaired(kind: EventType, field: str, sent: object, name: str | None, reason: str) -> None:
    event = read(json.dumps({"userId": "u1", field: sent}), kind)
    assert (event.event, repairs_of(event)) == (name, [(field, reason)])


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("m" * 201, "too_long"),
        ("m\x00", "control_character"),
        ("m\ud83d", "broken_character"),
        ({"a": 1}, "wrong_type"),
        ([], "wrong_type"),
        (True, "wrong_type"),
        (float("nan"), "wrong_type"),
    ],
)
def test_an_odd_message_id_becomes_one_that_is_the_same_on_a_retry(sent: object, reason: str) -> None:
    first, again, other = (track(messageId=given) for given in (sent, sent, f"{sent!r}x\x00"))
    assert first.message_id == again.message_id != other.message_id
    assert len(first.message_id) == 32
    assert repairs_of(first) == [("messageId", reason)]


def test_two_ids_that_were_cut_in_an_emoji_stay_two() -> None:
    assert track(messageId="m\ud83d").message_id != track(messageId="m\ud83c").message_id


def test_of_a_repeated_field_the_last_counts() -> None:
    event = read('{"userId": "u1", "event": "a", "event": "b", "context": {"x": 1, "x": 2}}')
    assert (event.event, event.context) == ("b", '{"x":2}')
    assert repairs_of(event) == [("event", "repeated_key"), ("context.x", "repeated_key")]


def test_an_id_with_half_a_surrogate_pair_is_unusable_and_the_event_kept_by_its_others() -> None:
    read_call = read_event(
        call(json.dumps({"userId": "u\ud83d", "anonymousId": "a", "event": "e"})), "track", SENDER, ENVELOPE
    )
    assert [str(identifier) for identifier in read_call.event.identifiers] == ["anonymous_id:a", "user_id:u\ufffd"]
    assert read_call.unused == ("unprintable",)
    rejection = refusal(userId="u\ud83d")
    assert (rejection.code, rejection.field) == ("missing_identifier", "userId")


def test_nesting_is_bounded() -> None:
    def nested(levels: int) -> str:
        return '{"userId": "u1", "event": "e", "properties": ' + '{"a":' * levels + "1" + "}" * levels + "}"

    assert read(nested(32)).repairs == ()
    for levels in (33, 5_000):
        event = read(nested(levels))
        assert event.properties == '{"a":' * 31 + "{}" + "}" * 31
        assert repairs_of(event) == [("properties" + ".a" * 32, "too_deep")]
