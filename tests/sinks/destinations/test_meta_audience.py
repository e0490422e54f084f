"""Meta custom audiences: what is sent, byte by byte, and what becomes of each person."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import zip_longest
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from definitions.receivers.meta_audience import MetaAudience
from definitions.receivers.values import Secret
from schemas.activations import Activation
from sinks.destinations.contract import Delivered, Delivery, Refused, Retry, Unauthorised
from sinks.destinations.meta_audience import MetaAudiences
from tests.sinks.destinations.deliveries import Change, delivery
from tests.sinks.destinations.services.meta import Meta, error
from tests.sinks.destinations.services.service import answer, hashed

pytestmark = pytest.mark.anyio


def person(name: str, change: Change = "entered", *, segment: str = "loyal", version: int = 1) -> Delivery:
    fields = {"EMAIL": hashed(f"{name}@shop.example"), "EXTERN_ID": hashed(name)}
    return delivery(name, fields, change, segment=segment, version=version)


def email(name: str) -> str:
    return hashed(f"{name}@shop.example")


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("META_TOKEN", "token-1")


@asynccontextmanager
async def opened(service: Meta, **options: object) -> AsyncIterator[MetaAudiences]:
    written = {"audience": "101", "url": f"{service.url}/v25.0", "allow_private": True, **options}
    destination = MetaAudiences(MetaAudience(token=Secret(env="META_TOKEN"), **written), 5)  # type: ignore[arg-type]
    try:
        yield destination
    finally:
        await destination.close()


def form_of(body: bytes) -> Mapping[str, str]:
    return {name: values[0] for name, values in parse_qs(body.decode()).items()}


async def test_who_entered_is_added_with_hashes_alone() -> None:
    async with Meta() as meta, opened(meta) as audiences:
        [outcome] = await audiences.send([person("ann")])
    assert isinstance(outcome, Delivered)
    [sent] = meta.sent
    form = form_of(sent.body)
    assert (sent.method, sent.path) == ("POST", "/v25.0/101/users")
    assert form["payload"] == f'{{"schema":["EMAIL","EXTERN_ID"],"data":[["{email("ann")}","{hashed("ann")}"]]}}'
    session = msgspec.json.decode(form["session"])
    assert {**session, "session_id": 0} == {
        "session_id": 0,
        "batch_seq": 1,
        "last_batch_flag": True,
        "estimated_num_total": 1,
    }
    assert b"ann@" not in sent.body
    assert meta.audiences == {"101": {email("ann")}}


async def test_who_left_is_removed_in_a_request_of_its_own() -> None:
    async with Meta() as meta, opened(meta) as audiences:
        meta.audiences["101"] = {email("ann")}
        outcomes = await audiences.send([person("ann", "exited"), person("bob")])
    assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered]
    assert [sent.method for sent in meta.sent] == ["DELETE", "POST"]
    assert meta.audiences == {"101": {email("bob")}}


async def test_of_one_person_only_the_last_change_is_sent() -> None:
    changes: list[Change] = ["entered", "exited", "entered", "exited"]
    async with Meta() as meta, opened(meta) as audiences:
        outcomes = await audiences.send([person("ann", change, version=at) for at, change in enumerate(changes)])
    assert [type(outcome) for outcome in outcomes] == [Delivered] * 4
    assert [sent.method for sent in meta.sent] == ["DELETE"]


async def test_two_profiles_with_one_address_are_sent_in_their_order() -> None:
    shared = {"EMAIL": email("ann")}
    async with Meta() as meta, opened(meta) as audiences:
        await audiences.send([delivery("old", shared, "exited"), delivery("new", shared, "entered")])
        await audiences.send([delivery("new", shared, "entered"), delivery("old", shared, "exited")])
    assert [sent.method for sent in meta.sent] == ["DELETE", "POST", "POST", "DELETE"]


async def test_each_segment_may_have_its_audience() -> None:
    async with Meta() as meta, opened(meta, audiences={"vip": "202"}) as audiences:
        await audiences.send([person("ann"), person("ann", segment="vip")])
    assert meta.audiences == {"101": {email("ann")}, "202": {email("ann")}}


async def test_further_addresses_are_further_rows() -> None:
    fields = {"EMAIL": [email("a"), email("b")], "PHONE": [hashed("4912")], "EXTERN_ID": "x"}
    async with Meta() as meta, opened(meta) as audiences:
        await audiences.send([delivery("ann", fields)])
    assert msgspec.json.decode(form_of(meta.sent[0].body)["payload"])["data"] == [
        [email("a"), "x", hashed("4912")],
        [email("b"), "x", ""],
    ]


async def test_a_request_has_at_most_ten_thousand_rows() -> None:
    people = [delivery(str(at), {"EMAIL": [email(f"{at}a"), email(f"{at}b")]}) for at in range(5_001)]
    async with Meta() as meta, opened(meta) as audiences:
        outcomes = await audiences.send(people)
    assert all(isinstance(outcome, Delivered) for outcome in outcomes)
    assert len(meta.sent) == 2
    assert len(meta.audiences["101"]) == 10_002


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"EMAIL": "ann@shop.example"}, "EMAIL is not hashed"),
        ({"EMAIL": hashed("ann").upper()}, "EMAIL is not hashed"),
        ({"EMAIL": {"a": 1}}, "EMAIL is neither"),
        ({"EXTERN_ID": "x"}, "nothing names the person"),
        ({}, "nothing names the person"),
        ({"email": hashed("ann")}, "knows no key email"),
    ],
)
async def test_what_is_not_as_meta_wants_it_is_not_sent(fields: Mapping[str, object], said: str) -> None:
    async with Meta() as meta, opened(meta) as audiences:
        wrong, right = await audiences.send([delivery("ann", fields), person("bob")])
    assert isinstance(wrong, Refused)
    assert (wrong.reason, said in wrong.detail) == ("unmappable", True)
    assert "ann@" not in wrong.detail
    assert isinstance(right, Delivered)
    assert len(meta.sent) == 1


async def test_a_trigger_has_no_audience() -> None:
    fired = msgspec.structs.replace(person("ann").activation, kind="trigger", change="fired")
    assert isinstance(fired, Activation)
    async with Meta() as meta, opened(meta) as audiences:
        [outcome] = await audiences.send([Delivery("k", fired, {"EMAIL": email("ann")})])
    assert isinstance(outcome, Refused)
    assert meta.sent == []


@pytest.mark.parametrize("names_invalid", [True, False])
async def test_those_that_are_invalid_are_refused_and_the_others_delivered(names_invalid: bool) -> None:
    async with Meta() as meta, opened(meta) as audiences:
        meta.invalid = {email("p3"), email("p7")}
        meta.names_invalid = names_invalid
        outcomes = await audiences.send([person(f"p{at}") for at in range(10)])
    assert [at for at, outcome in enumerate(outcomes) if isinstance(outcome, Refused)] == [3, 7]
    assert sum(isinstance(outcome, Delivered) for outcome in outcomes) == 8
    assert meta.audiences["101"] == {email(f"p{at}") for at in range(10)} - meta.invalid


async def test_the_search_for_the_invalid_ends_and_goes_on_later() -> None:
    async with Meta() as meta, opened(meta) as audiences:
        meta.invalid = {email(f"p{at}") for at in range(100)}
        meta.names_invalid = False
        outcomes = await audiences.send([person(f"p{at}") for at in range(100)])
    assert len(meta.sent) == 40
    assert {type(outcome) for outcome in outcomes} == {Refused, Retry}
    assert not any(outcome.is_receivers for outcome in outcomes if isinstance(outcome, Retry))


async def test_what_was_refused_is_taken_when_it_is_replayed_as_a_first_attempt() -> None:
    async with Meta() as meta, opened(meta) as audiences:
        meta.invalid = {email("ann")}
        [refused] = await audiences.send([person("ann")])
        meta.invalid = set()
        [taken] = await audiences.send([person("ann")])
    assert (type(refused), type(taken)) == (Refused, Delivered)
    assert meta.audiences == {"101": {email("ann")}}


async def test_a_token_that_has_expired_is_read_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Meta() as meta, opened(meta) as audiences:
        await audiences.send([person("ann")])
        meta.tokens = {"token-2"}
        [paused] = await audiences.send([person("bob")])
        assert isinstance(paused, Unauthorised)
        assert len(meta.sent) == 2
        monkeypatch.setenv("META_TOKEN", "token-2")
        [taken] = await audiences.send([person("bob")])
    assert isinstance(taken, Delivered)


async def test_a_token_that_goes_missing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Meta() as meta, opened(meta) as audiences:
        monkeypatch.delenv("META_TOKEN")
        meta.tokens = set()
        [outcome] = await audiences.send([person("ann")])
    assert isinstance(outcome, Unauthorised)
    assert "META_TOKEN" in outcome.detail


async def test_the_secret_of_the_app_signs_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_SECRET", "of the app")
    async with Meta("of the app") as meta, opened(meta, app_secret=Secret(env="APP_SECRET")) as audiences:
        [outcome] = await audiences.send([person("ann")])
    assert isinstance(outcome, Delivered)
    assert b"of+the+app" not in meta.sent[0].body


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (4, Retry),
        (17, Retry),
        (32, Retry),
        (613, Retry),
        (80_003, Retry),
        (1, Retry),
        (2, Retry),
        (190, Unauthorised),
        (200, Unauthorised),
        (10, Unauthorised),
        (100, Refused),
        (2_650, Refused),
    ],
)
async def test_each_error_code_has_its_outcome(code: int, kind: type) -> None:
    async with Meta() as meta, opened(meta) as audiences:
        meta.planned = [error(400, code, "said by token-1"), error(400, code, "said by token-1")]
        outcomes = await audiences.send([person("ann"), person("bob", "exited")])
    assert {type(outcome) for outcome in outcomes} == {kind}
    assert len(meta.sent) == (2 if kind is Refused else 1), "what holds for all is not tried again at once"
    assert all("token-1" not in str(outcome) for outcome in outcomes)


async def test_a_limit_says_when_calls_are_taken_again() -> None:
    usage = msgspec.json.encode({"77": [{"type": "ads_management", "estimated_time_to_regain_access": 5}]}).decode()
    async with Meta() as meta, opened(meta) as audiences:
        meta.planned = [error(400, 80_003, "too many", None, X_Business_Use_Case_Usage=usage)]
        [outcome] = await audiences.send([person("ann")])
    assert isinstance(outcome, Retry)
    assert (outcome.reason, outcome.after_ms) == ("throttled", 300_000)


@pytest.mark.parametrize("body", ["no", [], {}, {"num_received": "x"}, {"error": 5}])
async def test_an_answer_of_something_else_is_no_delivery(body: object) -> None:
    async with Meta() as meta, opened(meta) as audiences:
        meta.planned = [answer(200, body)]
        [outcome] = await audiences.send([person("ann")])
    assert not isinstance(outcome, Delivered)


CHANGES = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from(["entered", "exited"]), st.sampled_from(["loyal", "vip"])),
    max_size=30,
)


@given(CHANGES, st.lists(st.integers(1, 6), min_size=40, max_size=40), st.lists(st.booleans(), max_size=8))
def test_whatever_comes_in_batches_and_fails_on_the_way_each_audience_holds_the_last_change(
    changes: list[tuple[str, Change, str]], sizes: list[int], failures: list[bool]
) -> None:
    waiting = [person(name, change, segment=segment, version=at) for at, (name, change, segment) in enumerate(changes)]

    async def deliver() -> dict[str, set[str]]:
        async with Meta() as meta, opened(meta, audiences={"vip": "202"}) as audiences:
            for size, fails in zip_longest(sizes, failures, fillvalue=0):
                batch = waiting[: size or None]
                if fails:
                    meta.planned = [error(400, 17, "User request limit reached")]
                outcomes = await audiences.send(batch) if batch else ()
                meta.planned = []
                waiting[: len(batch)] = [
                    each for each, outcome in zip(batch, outcomes, strict=True) if not isinstance(outcome, Delivered)
                ]
            return meta.audiences

    held = asyncio.run(deliver())
    assert waiting == []
    last = {(segment, name): change for name, change, segment in changes}
    for segment, audience in (("loyal", "101"), ("vip", "202")):
        members = {email(name) for (of, name), change in last.items() if of == segment and change == "entered"}
        assert held.get(audience, set()) == members
