"""Which fields of a call become identifiers, in which spelling and order, and what is said of those that are none."""

import json
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.identifiers import (
    MAX_KEPT,
    NamedIdentifier,
    UnusedIdentifier,
    UnusedReason,
    sort_out,
)
from admission.rejection import Rejection
from collectors.events import Accepted, Envelope, read_event
from identity.rules import DEFAULT_RULES, MAX_IDENTIFIERS, MAX_NAMESPACE_LENGTH, MAX_VALUE_LENGTH, IdentityRules
from schemas.records import EventType, Identifier
from tests.collectors.calls import RECEIVED_AT, SENDER, call

CHINESE = msgspec.structs.replace(DEFAULT_RULES, region="CN")
ADVERTISING_ID = "AEBE52E7-03EE-455A-B3C4-E57283966239"
NAMESPACES = st.sampled_from([one.name for one in DEFAULT_RULES.namespaces]) | st.text(max_size=100)


def read(kind: EventType = "track", *, rules: IdentityRules = DEFAULT_RULES, **fields: object) -> Accepted:
    text = json.dumps({"userId": "u1", "event": "Viewed"} | fields)
    return read_event(call(text), kind, SENDER, Envelope(RECEIVED_AT, rules=rules))


def found(kind: EventType = "track", *, rules: IdentityRules = DEFAULT_RULES, **fields: object) -> list[str]:
    return [str(one) for one in read(kind, rules=rules, **fields).event.identifiers]


def refusal(kind: EventType = "track", **fields: object) -> Rejection:
    with pytest.raises(Rejection) as caught:
        read(kind, rules=DEFAULT_RULES, **fields)
    return caught.value


def external(namespace: str, value: object, **fields: object) -> dict[str, object]:
    return {"externalIds": [{"type": namespace, "id": value} | fields]}


def test_every_field_that_is_usable_is_read_strongest_first() -> None:
    context = {
        "externalIds": [{"type": "external_id", "id": 42}, {"type": "unionid", "id": "oU"}],
        "device": {"advertisingId": ADVERTISING_ID, "type": "ios", "token": "t0k3n"},
    }
    traits = {"email": " Ann@Example.org", "phone": "139 1234 5678"}
    assert found("identify", rules=CHINESE, anonymousId="a-1", context=context, traits=traits) == [
        "user_id:u1",
        "unionid:oU",
        "phone:+8613912345678",
        "email:ann@example.org",
        "external_id:42",
        f"idfa:{ADVERTISING_ID.lower()}",
        "push_token:t0k3n",
        "anonymous_id:a-1",
    ]


def test_traits_name_somebody_in_an_identify_only() -> None:
    context = {"traits": {"email": "ann@example.org"}}
    assert found("track", context=context) == ["user_id:u1"]
    assert found("group", context=context, groupId="acme", traits={"phone": "+49 30 12345678"}) == [
        "user_id:u1",
        "group_id:acme",
    ]


@pytest.mark.parametrize(
    ("context", "identifier"),
    [
        ({"device": {"advertisingId": "A1", "type": "Android"}}, ["gaid:a1"]),
        ({"device": {"advertisingId": "A1"}, "os": {"name": "iPadOS"}}, ["idfa:a1"]),
        ({"device": {"advertisingId": "A1"}, "os": {"name": "Windows"}}, []),
        ({"device": {"advertisingId": "A1", "type": "ios", "adTrackingEnabled": False}}, []),
        ({"device": {"type": 7, "advertisingId": "A1"}}, []),
        ({"device": "phone", "os": ["ios"], "app": 3}, []),
        ({"sessionId": 1_795_473_284}, []),
    ],
)
def test_the_advertising_id_is_of_the_platform(context: object, identifier: list[str]) -> None:
    assert found(context=context) == ["user_id:u1", *identifier]


@pytest.mark.parametrize(
    ("app", "value", "identifier"),
    [
        ({"id": "wx1"}, "oA", "openid:wx1:oA"),
        ({"namespace": "org.shop"}, "oA", "openid:org.shop:oA"),
        ({"id": "wx1"}, "wx2:oA", "openid:wx2:oA"),
        ({}, "oA", "unused.openid:oA"),
    ],
)
def test_an_openid_is_of_its_app(app: object, value: str, identifier: str) -> None:
    assert found(context={"app": app} | external("openid", value)) == ["user_id:u1", identifier]


def test_what_names_nobody_stays_as_it_was_sent_behind_the_others() -> None:
    context = {
        "externalIds": [
            {"type": "email", "id": "Test@Test.com"},
            {"type": "crm_id", "id": "7"},
            {"type": "id_card", "id": "110105194912310021"},
            {"type": "cookie", "id": "\x07"},
        ]
    }
    read_call = read("identify", context=context, anonymousId="UNDEFINED", traits={"phone": "n/a", "email": "ann@"})
    assert [str(one) for one in read_call.event.identifiers] == [
        "user_id:u1",
        "anonymous_id:UNDEFINED",
        "email:Test@Test.com",
        "crm_id:7",
        "unused.id_card:110105194912310021",
        "cookie:\x07",
        "unused.email:ann@",
        "phone:n/a",
    ]
    assert read_call.unused == (
        "blocked",
        "blocked",
        "unknown_namespace",
        "checksum",
        "unprintable",
        "malformed",
        "blocked",
    )


def test_an_id_of_ten_thousand_characters_is_cut_and_still_nobodys() -> None:
    read_call = read(anonymousId="x" * 10_000, context=external("n" * 10_000, "v"))
    _, anonymous, other = read_call.event.identifiers
    assert anonymous.value == "x" * (MAX_VALUE_LENGTH + 1)
    assert other.namespace == "n" * (MAX_NAMESPACE_LENGTH + 1)
    assert read_call.unused == ("too_long", "unknown_namespace")


def test_of_five_hundred_identifiers_the_strongest_are_used_and_a_hundred_kept() -> None:
    listed = [{"type": "cookie" if at < 480 else "email", "id": f"c{at}@x.org"} for at in range(500)]
    read_call = read(context={"externalIds": listed})
    kept = read_call.event.identifiers
    assert len(kept) == MAX_KEPT
    assert [one.namespace for one in kept[:MAX_IDENTIFIERS]] == ["user_id"] + ["email"] * 20 + ["cookie"] * 11
    assert DEFAULT_RULES.usable(kept) == kept[:MAX_IDENTIFIERS]
    assert read_call.unused == ("too_many",) * (501 - MAX_IDENTIFIERS)


@given(st.lists(st.builds(Identifier, NAMESPACES, st.text(max_size=20) | st.just("x" * 600)), max_size=60))
def test_the_streams_use_exactly_what_the_collector_calls_usable(sent: list[Identifier]) -> None:
    sorted_out = sort_out(DEFAULT_RULES, [NamedIdentifier("field", one) for one in sent])
    kept = sorted_out.kept(DEFAULT_RULES)
    assert DEFAULT_RULES.usable(kept) == sorted_out.usable == kept[: len(sorted_out.usable)]
    again = sort_out(DEFAULT_RULES, [NamedIdentifier("field", one) for one in sorted_out.usable])
    assert again.usable == sorted_out.usable


def read_text_of(text: str, kind: EventType = "track", rules: IdentityRules = DEFAULT_RULES) -> Accepted:
    """The event of a call whose JSON is given as it stands on the wire, but for its name."""
    return read_event(call('{"event": "Viewed", ' + text[1:]), kind, SENDER, Envelope(RECEIVED_AT, rules=rules))


NOTATIONS = ["55520", "55520.0", "5.552e4", "5552E1", "555200e-1", '"55520"', '" 55520.0 "']


@pytest.mark.parametrize("number", NOTATIONS)
@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("track", '{"userId": N}', ["user_id:55520"]),
        ("track", '{"anonymousId": N}', ["anonymous_id:55520"]),
        ("group", '{"userId": "u1", "groupId": N}', ["user_id:u1", "group_id:55520"]),
        ("alias", '{"userId": "u1", "previousId": N}', ["user_id:u1", "anonymous_id:55520"]),
        ("track", '{"context": {"externalIds": [{"type": "external_id", "id": N}]}}', ["external_id:55520"]),
        (
            "track",
            '{"context": {"device": {"type": "ios", "advertisingId": N, "token": N}}}',
            ["idfa:55520", "push_token:55520"],
        ),
    ],
    ids=["user", "anonymous", "group", "previous", "external", "device"],
)
def test_a_whole_number_is_one_id_in_every_notation(
    kind: EventType, text: str, expected: list[str], number: str
) -> None:
    event = read_text_of(text.replace("N", number), kind).event
    assert [str(identifier) for identifier in event.identifiers] == expected


@pytest.mark.parametrize("number", ["4930123450", "4930123450.0", "4.93012345e9", '"4930123450.0"', '"+4930123450.0"'])
def test_a_phone_number_that_passed_a_double_is_a_phone_number(number: str) -> None:
    german = msgspec.structs.replace(DEFAULT_RULES, region="DE")
    text = '{"userId": "u1", "traits": {"phone": N}}'.replace("N", number)
    assert read_text_of(text, "identify", german).event.identifiers[1] == Identifier("phone", "+4930123450")


def test_a_phone_number_without_its_country_is_counted_and_kept() -> None:
    accepted = read_text_of('{"userId": "u1", "traits": {"phone": 4930123450.0}}', "identify")
    assert accepted.unused == ("malformed",)
    assert accepted.event.identifiers[1] == Identifier("unused.phone", "4930123450")


def test_large_numbers_keep_their_digits() -> None:
    digits = "9007199254740993"
    assert [read_text_of(f'{{"userId": {digits}{end}}}').event.identifiers[0].value for end in ("", ".0", "e0")] == [
        digits
    ] * 3


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("1.5", "1.5"),
        ("1e-7", "1e-7"),
        ("[1, 2]", "[1,2]"),
        ('{"id": "u1"}', '{"id":"u1"}'),
        (f'["{"x" * 10_000}"]', f'["{"x" * 511}'),
    ],
)
@pytest.mark.parametrize(
    ("kind", "text", "namespace"),
    [
        ("track", '{"anonymousId": "a", "userId": V}', "user_id"),
        ("track", '{"userId": "u1", "anonymousId": V}', "anonymous_id"),
        ("identify", '{"userId": "u1", "traits": {"email": V}}', "email"),
        ("identify", '{"userId": "u1", "traits": {"phone": V}}', "phone"),
        ("group", '{"userId": "u1", "groupId": V}', "group_id"),
        ("alias", '{"userId": "u1", "previousId": V}', "anonymous_id"),
        ("track", '{"userId": "u1", "context": {"externalIds": [{"type": "crm", "id": V}]}}', "crm"),
        ("track", '{"userId": "u1", "context": {"device": {"token": V}}}', "push_token"),
    ],
    ids=["user", "anonymous", "email", "phone", "group", "previous", "external", "device"],
)
def test_what_can_be_no_id_is_counted_and_the_others_count(
    kind: EventType, text: str, namespace: str, value: str, kept: str
) -> None:
    accepted = read_text_of(text.replace("V", value), kind)
    usable, unused = accepted.event.identifiers
    assert DEFAULT_RULES.usable(accepted.event.identifiers) == (usable,)
    assert (unused.namespace.removeprefix("unused."), unused.value) == (namespace, kept)
    assert accepted.unused == ("wrong_type",)


@pytest.mark.parametrize("value", ["1e400", "-Infinity", "1e-400"])
def test_a_number_that_no_double_holds_is_no_id(value: str) -> None:
    accepted = read_text_of(f'{{"anonymousId": "a", "userId": {value}}}')
    assert accepted.event.identifiers == (Identifier("anonymous_id", "a"), Identifier("unused.user_id", value))
    assert accepted.unused == ("wrong_type",)


@pytest.mark.parametrize("value", ["true", "false", "NaN", "-0", "0.0", "[]", "{}"])
def test_what_programs_write_for_nothing_names_nobody(value: str) -> None:
    accepted = read_text_of(f'{{"anonymousId": "a", "userId": {value}}}')
    assert DEFAULT_RULES.usable(accepted.event.identifiers) == (Identifier("anonymous_id", "a"),)
    assert len(accepted.unused) == 1


@pytest.mark.parametrize("value", ["a\x00b", "a\nb", "\ud83d", "a\ufffd", "\u200bx\u200by"])
def test_a_damaged_id_is_counted_and_the_others_count(value: str) -> None:
    accepted = read(anonymousId=value)
    user, damaged = accepted.event.identifiers
    assert (str(user), accepted.unused) == ("user_id:u1", ("unprintable",))
    assert damaged.value.encode() == value.encode(errors="replace").replace(b"?", "\ufffd".encode())
    rejection = refusal(userId=value)
    assert (rejection.code, rejection.field) == ("missing_identifier", "userId")
    assert rejection.message.endswith("is no user_id: it has characters that cannot be printed")
    rejection.message.encode()


@pytest.mark.parametrize(
    ("listed", "count"), [({}, 0), ({"type": "external_id", "id": "7"}, 1), ("7", 1), (["7", None, [], 5], 4)]
)
def test_external_ids_that_are_none_are_counted(listed: object, count: int) -> None:
    assert read(context={"externalIds": listed}).unused == ("wrong_type",) * count


def test_an_external_id_without_a_namespace_is_counted() -> None:
    listed = [{"id": "7"}, {"type": " ", "id": "7"}, {"type": ["x"], "id": "7"}, {"type": "external_id"}]
    accepted = read(context={"externalIds": listed})
    assert accepted.unused == ("unknown_namespace",) * 3
    assert [str(identifier) for identifier in accepted.event.identifiers[1:]] == ["externalIds:7"] * 3


@pytest.mark.parametrize("odd", [{"encoding": 5}, {"encoding": ["sha256"]}, {"collection": "accounts"}])
def test_encoded_external_ids_and_those_of_others_are_not_read(odd: dict[str, object]) -> None:
    assert found(context=external("external_id", "7", **odd)) == ["user_id:u1"]


def test_an_odd_app_gives_an_openid_no_app() -> None:
    assert found(context={"app": {"id": ["wx1"], "namespace": 1.5}} | external("openid", "oA")) == [
        "user_id:u1",
        "unused.openid:oA",
    ]


def test_of_two_user_ids_the_calls_own_counts() -> None:
    accepted = read("alias", userId="42", previousId="user_id:41")
    assert [str(identifier) for identifier in accepted.event.identifiers] == ["user_id:42", "unused.user_id:41"]
    assert accepted.unused == ("conflict",)
    assert found(userId="42", context=external("user_id", 41)) == ["user_id:42", "unused.user_id:41"]
    assert found(userId="42", context=external("user_id", 42)) == ["user_id:42"]


def test_of_two_addresses_both_count() -> None:
    context = {"externalIds": [{"type": "email", "id": "a@x.org"}, {"type": "email", "id": "b@x.org"}]}
    assert found(context=context) == ["user_id:u1", "email:a@x.org", "email:b@x.org"]


@pytest.mark.parametrize("absent", [None, "", " \t\n "])
def test_without_any_identifier_the_field_to_give_is_told(absent: object) -> None:
    rejection = refusal(userId=absent, anonymousId=absent)
    assert (rejection.code, rejection.field) == ("missing_identifier", "userId")
    assert rejection.message == "userId or anonymousId is needed"


def test_without_a_usable_identifier_each_field_and_reason_is_told() -> None:
    rejection = refusal("identify", userId="guest", anonymousId="x" * 600, traits={"email": "ann@"})
    assert (rejection.code, rejection.field) == ("missing_identifier", "userId")
    assert rejection.message == (
        "no identifier is usable: userId 'guest' is no user_id: such a value names nobody; "
        f"anonymousId '{'x' * 50}' is no anonymous_id: it has more than 512 characters; "
        "traits.email 'ann@' is no email: the value is not well-formed"
    )


def test_every_reason_is_explained() -> None:
    reasons = [reason for part in get_args(UnusedReason) for reason in get_args(part) or (part,)]
    named = NamedIdentifier("userId", Identifier("user_id", "x"))
    assert len({str(UnusedIdentifier(named, reason)) for reason in reasons}) == len(reasons) == 10


def test_a_long_list_of_reasons_is_cut() -> None:
    listed = [{"type": "crm", "id": str(at)} for at in range(500)]
    rejection = refusal(userId=None, context={"externalIds": listed})
    assert rejection.field == "context.externalIds.0"
    assert rejection.message.endswith(
        "context.externalIds.4 '4' is no crm: the rules know no such namespace; and 495 more"
    )
    assert len(refusal(userId=None, context=external("n" * 10_000, "\U0001f600" * 10_000)).message) < 500


@pytest.mark.parametrize(
    ("previous", "identifiers"),
    [
        ("a-1", ["user_id:u1", "anonymous_id:a-1"]),
        ("ann@example.org", ["user_id:u1", "anonymous_id:ann@example.org"]),
        ("email:Ann@Example.org", ["user_id:u1", "email:ann@example.org"]),
        ("urn:uuid:1", ["user_id:u1", "anonymous_id:urn:uuid:1"]),
        ("guest", ["user_id:u1", "anonymous_id:guest"]),
    ],
)
def test_an_alias_ties_the_id_from_before_to_the_user_id(previous: str, identifiers: list[str]) -> None:
    assert found("alias", previousId=previous) == identifiers


def test_an_alias_needs_both_ids() -> None:
    assert (refusal("alias").code, refusal("alias").field) == ("missing_field", "previousId")
    incomplete = refusal("alias", userId=None, anonymousId="a", previousId="a-1")
    assert (incomplete.code, incomplete.field) == ("missing_field", "userId")


def test_a_group_stays_on_the_event_and_names_no_person() -> None:
    accepted = read("group", groupId=7, traits={"name": "Acme"}, properties={"x": 1})
    assert (accepted.event.type, accepted.event.event, accepted.event.traits) == ("group", None, '{"name":"Acme"}')
    assert accepted.event.identifiers == (Identifier("user_id", "u1"), Identifier("group_id", "7"))
    assert DEFAULT_RULES.usable(accepted.event.identifiers) == (Identifier("user_id", "u1"),)
    assert accepted.unused == ()


def test_a_group_needs_its_id_and_a_member() -> None:
    assert (refusal("group").code, refusal("group").field) == ("missing_field", "groupId")
    assert refusal("group", userId=None, groupId="acme").code == "missing_identifier"
