"""Which keys count for whom, and how a key is found in a body that nobody has parsed yet."""

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admission.rejection import Rejection
from collectors.access import NOT_FROM_HERE, UNKNOWN_KEY, UsableKeys, WriteKeys
from collectors.arrivals import Arrivals
from collectors.events import Sender
from collectors.validation import ReceivedBody, ValidatedCalls, validate_body
from identity.rules import DEFAULT_RULES
from runtime.http.callers import Caller
from settings import Source, Workspace
from tests.collectors.calls import RECEIVED_AT

WORKSPACE = Workspace(
    "main", uuid.UUID(int=1), "wall", (Source("dev", "dev", local_only=True), Source("shop", "secret"))
)
KEYS = WriteKeys({"main": WORKSPACE})
HERE, ELSEWHERE = KEYS.used_by(Caller("127.0.0.1")), KEYS.used_by(Caller("192.0.2.1"))
DEV, SHOP = Sender("main", "dev"), Sender("main", "shop")


@pytest.mark.parametrize(
    "caller",
    [
        Caller("127.0.0.1"),
        Caller("127.1.2.3"),
        Caller("::1"),
        Caller("::ffff:127.0.0.1"),
        Caller("127.0.0.1", (), "none"),
        Caller("127.0.0.1", (), "same-origin"),
        Caller("127.0.0.1", ("http://localhost",), "cross-site"),
        Caller("127.0.0.1", ("https://localhost:3000",)),
        Caller("127.0.0.1", ("http://127.0.0.1:8080",)),
        Caller("::1", ("http://[::1]:5173",)),
    ],
)
def test_programs_and_pages_of_this_machine_are_local(caller: Caller) -> None:
    assert caller.is_local
    assert KEYS.used_by(caller).sender("dev") == DEV


@pytest.mark.parametrize(
    "caller",
    [
        Caller("192.0.2.1"),
        Caller("10.0.0.1"),
        Caller("::ffff:192.0.2.1"),
        Caller("2001:db8::1"),
        Caller(""),
        Caller("localhost"),
        Caller("127.0.0.1.example"),
        Caller("192.0.2.1", ("http://localhost",)),
        Caller("127.0.0.1", ("https://evil.example",)),
        Caller("127.0.0.1", ("http://localhost.evil.example",)),
        Caller("127.0.0.1", ("http://localhost@evil.example",)),
        Caller("127.0.0.1", ("http://evil.example/http://localhost",)),
        Caller("127.0.0.1", ("http://127.0.0.1.evil.example:8080",)),
        Caller("127.0.0.1", ("http://localhost:80evil",)),
        Caller("127.0.0.1", ("http://localhost\n",)),
        Caller("127.0.0.1", ("http://localhost", "https://evil.example")),
        Caller("127.0.0.1", ("null",)),
        Caller("127.0.0.1", ("",)),
        Caller("127.0.0.1", ("file://",)),
        Caller("127.0.0.1", ("chrome-extension://localhost",)),
        Caller("127.0.0.1", (), "cross-site"),
        Caller("127.0.0.1", (), "same-site"),
        Caller("127.0.0.1", (), "Cross-Site"),
    ],
)
def test_other_machines_and_pages_of_others_are_not(caller: Caller) -> None:
    keys = KEYS.used_by(caller)
    assert not caller.is_local
    assert (keys.sender("dev"), keys.sender("secret")) == (None, SHOP)


def test_only_who_has_the_key_learns_that_it_is_of_this_machine_alone() -> None:
    assert [ELSEWHERE.why_refused(key) for key in ("dev", "de", "", None)] == [NOT_FROM_HERE] + 3 * [UNKNOWN_KEY]
    assert HERE.why_refused("de") == UNKNOWN_KEY
    assert "secret" not in NOT_FROM_HERE


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    TEXT | st.just("secret") | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("writeKey"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_a_key_that_a_call_carries_is_found_whatever_stands_beside_it(
    fields: dict[str, object], is_first: bool, indent: int | None
) -> None:
    own: dict[str, object] = {"writeKey": "secret"}
    call = own | fields | own if is_first else fields | own
    body = json.dumps(call, indent=indent).encode()
    assert ELSEWHERE.sender(ELSEWHERE.presented_in(body)) == SHOP
    assert ELSEWHERE.sender(ELSEWHERE.presented_in(json.dumps({"batch": [7, call]}).encode())) == SHOP


@given(st.binary())
def test_any_bytes_can_be_searched_for_keys(body: bytes) -> None:
    assert ELSEWHERE.sender(ELSEWHERE.presented_in(b'"writeKey":"' + body)) is None or b"secret" in body


@pytest.mark.parametrize(
    ("body", "presented"),
    [
        (b'{"writeKey" \n:\t"secret"}', "secret"),
        (b'{"writeKey":"s\\u0065cret"}', "secret"),
        (b'[{"writeKey":"other"},{"writeKey":"dev"},{"writeKey":"secret"}]', "secret"),
        (b'[{"writeKey":"other"},{"writeKey":"dev"}]', "dev"),
        (b'[{"writeKey":"other"},{"writeKey":"another"}]', "other"),
        (b'{"writeKey":"\\x"}', None),
        (b'{"writeKey":"\xff"}', None),
        (b'{"writeKey":"secret', None),
        (b'{"writeKey":7}', None),
        (b'{"writekey":"secret"}', None),
        (b'{"x":"\\"writeKey\\":\\"secret\\""}', None),
        (b"", None),
    ],
)
def test_a_key_that_counts_is_found_before_any_other(body: bytes, presented: str | None) -> None:
    assert ELSEWHERE.presented_in(body) == presented


def test_a_key_in_a_call_of_a_batch_is_held_to_the_same() -> None:
    call = {"type": "track", "userId": "u", "event": "e"}
    body = json.dumps({"batch": [call | {"writeKey": "dev"}, call | {"writeKey": "secret"}]}).encode()

    def senders(keys: UsableKeys) -> list[str]:
        validated = validate_body(body, ReceivedBody(None, None, keys, RECEIVED_AT, Arrivals()), DEFAULT_RULES)
        assert isinstance(validated.outcome, ValidatedCalls)
        return [event.source for event in validated.outcome.accepted]

    assert senders(HERE) == ["dev", "shop"]
    assert senders(ELSEWHERE) == ["shop"]
    alone = validate_body(
        json.dumps(call | {"writeKey": "dev"}).encode(),
        ReceivedBody("track", None, ELSEWHERE, 0, Arrivals()),
        DEFAULT_RULES,
    )
    assert isinstance(alone.outcome, Rejection)
    assert (alone.outcome.code, alone.outcome.message) == ("unknown_write_key", NOT_FROM_HERE)
