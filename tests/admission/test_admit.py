"""What came straight to Kafka becomes the event that a call over HTTP becomes, or is refused with its field."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.admit import TopicPosition, admit
from admission.json_text import JsonObject
from admission.rejection import Rejection
from collectors.events import Envelope, Sender, read_event
from collectors.identifiers import MAX_EXTERNAL_IDS
from identity.rules import DEFAULT_RULES, MAX_VALUE_LENGTH
from schemas.codec import Codec
from schemas.records import Event, EventType, Identifier
from tests.collectors.calls import call, repairs_of
from tests.schemas.fixed import FixedSchemas

NOW = 1_800_000_000_000
POSITION = TopicPosition("events", 3, 41)
CODEC = Codec(FixedSchemas())
ENCODE = CODEC.encoder(Event)


def sent(**fields: Any) -> Event:
    event = Event("main", "erp", "m1", "track", "Seen", NOW, None, NOW, (Identifier("user_id", "ann"),))
    return msgspec.structs.replace(event, **fields)


def admitted(**fields: Any) -> Event:
    return admit(sent(**fields), POSITION, DEFAULT_RULES).event


def refusal(**fields: Any) -> Rejection:
    with pytest.raises(Rejection) as caught:
        admitted(**fields)
    return caught.value


def test_a_sound_event_stays_as_it_is_and_gets_its_ordinal() -> None:
    parts = {
        "properties": '{"a":1.10,"b":[null,{"c":12345678901234567890}]}',
        "traits": "{}",
        "context": '{"x":"\ufffd"}',
    }
    assert admitted(**parts) == sent(**parts, ordinal=42)


@pytest.mark.parametrize("part", ["properties", "traits", "context"])
@pytest.mark.parametrize(
    ("text", "kept", "repairs"),
    [
        ('{"plan": "pro", "score": NaN}', '{"plan":"pro"}', [(".score", "invalid_number")]),
        ('{"plan": "pro", "scores": [1, -Infinity, 1e999]}', '{"plan":"pro","scores":[1,null,null]}',
         [(".scores.1", "invalid_number"), (".scores.2", "invalid_number")]),
        ('{"plan": "pro", "rows": [1, 2, ], }', '{"plan":"pro","rows":[1,2]}', [("", "trailing_comma")]),
        ('{"plan": "free", "plan": "pro"}', '{"plan":"pro"}', [(".plan", "repeated_key")]),
        ('{"a": {"b": 1, "b": 2}}', '{"a":{"b":2}}', [(".a.b", "repeated_key")]),
        ('{"text": "pizza \\ud83d"}', '{"text":"pizza \ufffd"}', [(".text", "broken_character")]),
        ('{"text": "caf\udcc3"}', '{"text":"caf\ufffd"}', [(".text", "broken_character")]),
        ('{"text": "one\ntwo"}', '{"text":"one\\ntwo"}', []),
        ("[]", "{}", [("", "empty_list")]),
        ('""', "{}", [("", "empty_text")]),
        ("", "{}", [("", "empty_text")]),
        (" \n", "{}", [("", "empty_text")]),
        ("null", "{}", []),
        (' \ufeff{ } ', "{}", []),
        ('\ufeff{"a": 1}', '{"a":1}', []),
        ('{"a":' * 40 + "1" + "}" * 40, '{"a":' * 31 + "{}" + "}" * 31, [(".a" * 32, "too_deep")]),
    ],
)  # fmt: skip
def test_odd_json_is_repaired_and_named(part: str, text: str, kept: str, repairs: list[tuple[str, str]]) -> None:
    event = admitted(**{part: text})
    assert getattr(event, part) == kept
    assert repairs_of(event) == [(part + path, reason) for path, reason in repairs]
    ENCODE(event)


@pytest.mark.parametrize("part", ["properties", "traits", "context"])
@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{'plan': 'pro'}", "invalid_json", "not JSON"),
        ("plan=pro", "invalid_json", "line 1, column 1"),
        ('{"a": 1,,}', "invalid_json", "not JSON"),
        ('{"a": 1} {"b": 2}', "invalid_json", "Extra data"),
        ('{"a": tru', "invalid_json", "not JSON"),
        ('"{\\"plan\\": \\"pro\\"}"', "invalid_type", "expected an object, found text"),
        ("[1]", "invalid_type", "expected an object, found a list"),
        ("7", "invalid_type", "expected an object, found a number"),
        ("NaN", "invalid_type", "expected an object, found NaN"),
        ("[" * 100_000, "invalid_json", "not JSON"),
    ],
)
def test_what_is_no_object_is_refused_with_its_field(part: str, text: str, code: str, message: str) -> None:
    rejection = refusal(**{part: text})
    assert (rejection.code, rejection.field) == (code, part)
    assert message in rejection.message


@pytest.mark.parametrize(
    ("namespace", "value", "kept"),
    [
        ("email", "Mixed@Case.Example", "email:mixed@case.example"),
        ("phone", "+49 30 123 45 67", "phone:+49301234567"),
        ("user_id", " 42 ", "user_id:42"),
        ("user_id", "55520.0", "user_id:55520"),
        ("idfa", "AEBE52E7-03EE-455A-B3C4-E57283966239", "idfa:aebe52e7-03ee-455a-b3c4-e57283966239"),
        ("email", "ann at example.org", "unused.email:ann at example.org"),
        ("user_id", "null", "user_id:null"),
        ("user_id", "half \udcc3", "user_id:half \ufffd"),
        ("crm", "7", "crm:7"),
        ("user_id", "x" * 10_000, "user_id:" + "x" * (MAX_VALUE_LENGTH + 1)),
    ],
)
def test_identifiers_are_spelt_as_over_http(namespace: str, value: str, kept: str) -> None:
    event = admitted(identifiers=(Identifier(namespace, value), Identifier("cookie", "c")))
    assert sorted(map(str, event.identifiers)) == sorted([kept, "cookie:c"])
    assert DEFAULT_RULES.usable(event.identifiers)[0] == event.identifiers[0]


def test_nobody_sends_in_the_name_of_operators() -> None:
    rejection = refusal(source="operator")
    assert (rejection.code, rejection.field) == ("reserved_source", "source")
    assert rejection.message == "'operator' is what operators say by hand, name another source"


def test_what_names_nobody_is_refused_with_the_reasons() -> None:
    rejection = refusal(identifiers=(Identifier("user_id", "guest"), Identifier("email", "ann")))
    assert (rejection.code, rejection.field) == ("missing_identifier", "identifiers")
    assert "identifiers.0 'guest' is no user_id: such a value names nobody" in rejection.message
    assert refusal(identifiers=()).code == "missing_identifier"
    assert refusal(identifiers=(Identifier("group_id", "acme"),)).code == "missing_identifier"


@pytest.mark.parametrize("message_id", ["", "  "])
def test_without_a_message_id_the_position_is_one(message_id: str) -> None:
    assert admitted(message_id=message_id).message_id == "events:3:41"
    assert (
        admit(sent(message_id=message_id), TopicPosition("events", 3, 42), DEFAULT_RULES).event.message_id
        == "events:3:42"
    )


@pytest.mark.parametrize(
    ("fields", "expected", "repairs"),
    [
        ({"message_id": " m1 "}, {"message_id": "m1"}, []),
        ({"event": "Click\x00ed"}, {"event": "Clicked"}, [("event", "control_character")]),
        ({"event": "x" * 600}, {"event": "x" * 500}, [("event", "too_long")]),
        ({"type": "page", "event": " "}, {"event": None}, []),
        ({"source": "e\udcc3p"}, {"source": "e\ufffdp"}, [("source", "broken_character")]),
    ],
)
def test_texts_are_repaired(fields: dict[str, Any], expected: dict[str, Any], repairs: list[tuple[str, str]]) -> None:
    event = admitted(**fields)
    assert {name: getattr(event, name) for name in expected} == expected
    assert repairs_of(event) == repairs


def test_a_track_event_needs_a_name() -> None:
    for name in (None, "", "\x00"):
        assert (refusal(event=name).code, refusal(event=name).field) == ("missing_field", "event")
    assert admitted(type="identify", event=None).event is None


SECONDS = NOW // 1_000


@pytest.mark.parametrize(
    ("written", "meant", "repairs"),
    [
        ((NOW - 5, None, NOW), (NOW - 5, None, NOW), []),
        ((NOW + 5, NOW, NOW), (NOW, NOW, NOW), []),
        ((SECONDS, SECONDS, SECONDS), (NOW, NOW, NOW),
         [("received_at", "time_in_seconds"), ("occurred_at", "time_in_seconds"), ("sent_at", "time_in_seconds")]),
        ((NOW - 5, None, SECONDS), (NOW - 5, None, NOW), [("received_at", "time_in_seconds")]),
        ((SECONDS, None, NOW), (NOW, None, NOW), [("occurred_at", "time_in_seconds")]),
        ((0, 0, NOW), (NOW, None, NOW), [("occurred_at", "unreadable_time"), ("sent_at", "unreadable_time")]),
        ((-62_135_596_800_000, None, NOW), (NOW, None, NOW), [("occurred_at", "unreadable_time")]),
        ((NOW, None, 0), (NOW, None, NOW), [("received_at", "unreadable_time")]),
        ((900_000_000_000, None, 900_000_000_000), (900_000_000_000, None, 900_000_000_000), []),
    ],
)  # fmt: skip
def test_times_in_seconds_and_zero_times_are_told_by_their_size(
    written: tuple[int, int | None, int], meant: tuple[int, int | None, int], repairs: list[tuple[str, str]]
) -> None:
    occurred_at, sent_at, received_at = written
    event = admitted(occurred_at=occurred_at, sent_at=sent_at, received_at=received_at)
    assert (event.occurred_at, event.sent_at, event.received_at) == meant
    assert repairs_of(event) == repairs


def test_an_event_without_any_time_is_refused() -> None:
    rejection = refusal(occurred_at=0, received_at=0)
    assert (rejection.code, rejection.field) == ("missing_field", "received_at")


def test_repairs_that_a_producer_names_are_not_believed() -> None:
    assert admitted(repairs=repaired_by_itself()).repairs == ()


def repaired_by_itself() -> tuple[Any, ...]:
    return admitted(properties='{"a":NaN}').repairs * 3


TEXT = st.text(st.characters(), max_size=20)
ODD_TEXT = TEXT | st.sampled_from(["", " ", "x" * 600, "half \udcc3", "\x00", "null"])
IDENTIFIERS = st.builds(
    Identifier, st.sampled_from(["user_id", "email", "phone", "anonymous_id", "group_id", "crm"]) | ODD_TEXT,
    ODD_TEXT | st.sampled_from(["Ann@Example.org", "+49 30 1234567", "a-1", "42.0", "ann"]),
)  # fmt: skip
PARTS = st.sampled_from(['{"a": NaN}', "[]", "", '{"a": 1,}', '{"a": "\udcc3", "a": [1]}', '{"a": 1}', "{}"]) | TEXT
MILLIS = st.sampled_from([0, -1, NOW, NOW // 1000, NOW + 10**9]) | st.integers(-(10**13), 2 * 10**13)
EVENTS = st.builds(
    Event, workspace=st.just("main"), source=ODD_TEXT, message_id=ODD_TEXT,
    type=st.sampled_from(["track", "identify", "page"]), event=st.none() | ODD_TEXT, occurred_at=MILLIS,
    sent_at=st.none() | MILLIS, received_at=MILLIS, identifiers=st.lists(IDENTIFIERS, max_size=8).map(tuple),
    properties=PARTS, traits=PARTS, context=PARTS,
)  # fmt: skip


@given(EVENTS)
def test_whatever_is_sent_is_refused_or_sound_and_then_admitted_as_it_is(event: Event) -> None:
    try:
        once = admit(event, POSITION, DEFAULT_RULES).event
    except Rejection:
        return
    assert CODEC.decode(Event, ENCODE(once)) == once
    for text in (once.properties, once.traits, once.context):
        assert isinstance(json.loads(text, parse_constant=pytest.fail), dict)
    again = admit(once, POSITION, DEFAULT_RULES).event
    assert msgspec.structs.replace(again, repairs=once.repairs) == once
    assert again.repairs == ()


VALUES = st.sampled_from(["Ann@Example.org", "ann", " 42 ", "42.0", "+49 30 1234567", "guest", "a-1", "x" * 600])


@given(
    st.sampled_from(["track", "identify", "page"]),
    st.lists(st.tuples(st.sampled_from(["email", "phone", "cookie", "crm"]), VALUES), max_size=5),
    st.sampled_from(['{"a": NaN, "b": 1}', "[]", '""', '{"a": 1, "a": "\\ud83d"}', '{"a": ' * 40 + "1" + "}" * 40]),
    st.sampled_from(["Seen", "Click\x00ed", "x" * 600]),
)
def test_a_call_over_http_becomes_the_same(
    kind: EventType, external: list[tuple[str, str]], part: str, name: str
) -> None:
    assert len(external) <= MAX_EXTERNAL_IDS
    listed = [{"type": namespace, "id": value} for namespace, value in external]
    context = json.dumps({"externalIds": listed})
    text = f'{{"userId": "u-1", "properties": {part}, "context": {context}, "messageId": "m1"}}'
    names = {"track": {"event": name}, "page": {"name": name}}.get(kind, {})
    sent_call: JsonObject = call(text) | names  # type: ignore[operator]
    http = read_event(sent_call, kind, Sender("main", "erp"), Envelope(NOW)).event
    identifiers = (Identifier("user_id", "u-1"), *(Identifier(*pair) for pair in external))
    kafka = admitted(
        type=kind, event=name if names else None, identifiers=identifiers, properties=part, context=context
    )  # fmt: skip
    expected = msgspec.structs.replace(http, ordinal=42)
    assert sorted(map(str, kafka.repairs)) == sorted(map(str, (_as_kafka(repair) for repair in http.repairs)))
    assert msgspec.structs.replace(kafka, repairs=http.repairs) == expected


def _as_kafka(repair: Any) -> Any:
    return msgspec.structs.replace(repair, field="event") if repair.field == "name" else repair
