"""HubSpot: what is sent, byte by byte, and what becomes of each contact."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from definitions.receivers.hubspot import HubSpot, problems
from definitions.receivers.values import Secret
from sinks.destinations.contract import Delivered, Delivery, Refused, Retry, Unauthorised
from sinks.destinations.hubspot import HubSpotContacts
from sinks.destinations.secrets import BadOption
from tests.sinks.destinations.deliveries import Change, delivery
from tests.sinks.destinations.services.crm import HubSpotService, hubspot_error
from tests.sinks.destinations.services.service import answer

pytestmark = pytest.mark.anyio


def person(name: str, change: Change = "entered", *, segment: str = "loyal", version: int = 1) -> Delivery:
    fields = {"id": f"{name}@shop.example", "segment": segment, "change": change}
    return delivery(name, fields, change, segment=segment, version=version)


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "token-1")


@asynccontextmanager
async def opened(service: HubSpotService, **options: object) -> AsyncIterator[HubSpotContacts]:
    written = {"url": service.url, "allow_private": True, **options}
    destination = HubSpotContacts(HubSpot(Secret(env="HUBSPOT_TOKEN"), **written), 5)  # type: ignore[arg-type]
    try:
        yield destination
    finally:
        await destination.close()


async def test_a_segment_is_a_property_of_the_contact() -> None:
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        [outcome] = await contacts.send([person("ann", segment="big-spenders")])
    assert isinstance(outcome, Delivered)
    [sent] = hubspot.sent
    assert sent.body == (
        b'{"inputs":[{"id":"ann@shop.example","idProperty":"email",'
        b'"properties":{"onefold_big_spenders":"true"},"objectWriteTraceId":"key-ann-big-spenders-1"}]}'
    )
    assert sent.headers["Authorization"] == "Bearer token-1"


async def test_further_properties_are_written_as_hubspot_has_them() -> None:
    properties = {"city": "Köln", "age": 5, "vip": True, "tags": ["a", "b"], "gone": None}
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        await contacts.send([delivery("ann", {"id": "ann", "properties": properties})])
    assert hubspot.contacts["ann"] == {"city": "Köln", "age": "5", "vip": "true", "tags": "a;b", "gone": ""}


async def test_of_one_segment_only_the_last_change_is_written_and_others_of_the_person_later() -> None:
    sent = [person("ann"), person("ann", segment="vip"), person("ann", "exited", version=2)]
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        outcomes = await contacts.send(sent)
    assert [type(outcome) for outcome in outcomes] == [Delivered] * 3
    assert hubspot.contacts == {"ann@shop.example": {"onefold_vip": "true", "onefold_loyal": "false"}}
    assert len(hubspot.sent) == 2, "one contact may stand in a request once"


@pytest.mark.parametrize("is_partial", [True, False])
async def test_a_contact_that_is_refused_does_not_hold_up_the_others(is_partial: bool) -> None:
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        hubspot.invalid = {"p3@shop.example": "VALIDATION_ERROR", "p8@shop.example": "VALIDATION_ERROR"}
        hubspot.is_partial = is_partial
        outcomes = await contacts.send([person(f"p{at}") for at in range(10)])
    assert [at for at, outcome in enumerate(outcomes) if isinstance(outcome, Refused)] == [3, 8]
    assert set(hubspot.contacts) == {f"p{at}@shop.example" for at in range(10)} - set(hubspot.invalid)


async def test_a_contact_that_must_wait_holds_up_what_comes_later_of_it() -> None:
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        hubspot.invalid = {"ann@shop.example": "RATE_LIMITS"}
        outcomes = await contacts.send([person("ann"), person("bob"), person("ann", segment="vip")])
    assert [type(outcome) for outcome in outcomes] == [Retry, Delivered, Retry]
    assert len(hubspot.sent) == 1
    assert isinstance(outcomes[0], Retry)
    assert not outcomes[0].is_receivers


async def test_a_partial_answer_that_names_too_few_is_searched() -> None:
    said = {"status": "COMPLETE", "numErrors": 2, "errors": [{"category": "X", "message": "no"}]}
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        hubspot.planned = [answer(207, said)]
        outcomes = await contacts.send([person("ann"), person("bob")])
    assert [type(outcome) for outcome in outcomes] == [Delivered, Delivered]
    assert len(hubspot.sent) == 3


@pytest.mark.parametrize(
    ("planned", "kind", "after_ms"),
    [
        (hubspot_error(429, "RATE_LIMITS", "slow", "TEN_SECONDLY_ROLLING"), Retry, 10_000),
        (hubspot_error(429, "RATE_LIMITS", "slow", "DAILY"), Retry, 3_600_000),
        (answer(429, {}, {"Retry-After": "3"}), Retry, 3_000),
        (hubspot_error(423, "LOCKED", "locked"), Retry, 2_000),
        (answer(477, {}, {"Retry-After": "9"}), Retry, 9_000),
        (hubspot_error(502, "GATEWAY", "x"), Retry, None),
        (hubspot_error(403, "MISSING_SCOPES", "no"), Unauthorised, None),
        (hubspot_error(404, "OBJECT_NOT_FOUND", "no"), Refused, None),
        (answer(413, {}), Refused, None),
        (answer(302, {}, {"Location": "http://127.0.0.1/"}), Refused, None),
        (web.Response(text="<html>"), Retry, None),
    ],
)
async def test_what_holds_for_all_is_not_tried_again_at_once(
    planned: web.Response, kind: type, after_ms: int | None
) -> None:
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        hubspot.planned = [planned]
        outcomes = await contacts.send([person("ann"), person("bob")])
    assert [type(outcome) for outcome in outcomes] == [kind, kind]
    assert len(hubspot.sent) == 1
    assert getattr(outcomes[0], "after_ms", None) == after_ms


async def test_a_token_that_was_renewed_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        await contacts.send([person("ann")])
        hubspot.tokens = {"token-2"}
        [paused] = await contacts.send([person("bob")])
        monkeypatch.setenv("HUBSPOT_TOKEN", "token-2")
        [taken] = await contacts.send([person("bob")])
    assert isinstance(paused, Unauthorised)
    assert isinstance(taken, Delivered)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"id": "a"},
        {"id": "", "segment": "x", "change": "entered"},
        {"id": "a", "segment": "x", "change": "fired"},
        {"id": "a", "properties": 5},
        {"id": "a", "properties": {"b": {"c": 1}}},
        {"id": {"a": 1}, "segment": "x", "change": "entered"},
        {"id": "a", "segment": "新客", "change": "entered"},
    ],
)
async def test_what_cannot_be_written_is_not_sent(fields: Mapping[str, object]) -> None:
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        [outcome] = await contacts.send([delivery("ann", fields)])
    assert isinstance(outcome, Refused)
    assert outcome.reason == "unmappable"
    assert hubspot.sent == []


async def test_half_a_character_is_no_failure() -> None:
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        [outcome] = await contacts.send([delivery("ann", {"id": "a\ud800", "properties": {"b\ud800": "c\ud800"}})])
    assert isinstance(outcome, Delivered)
    assert hubspot.contacts == {"a?": {"b?": "c?"}}


def test_addresses_are_checked_before_anything_is_sent() -> None:
    token = Secret(env="HUBSPOT_TOKEN")
    with pytest.raises(BadOption, match="no host"):
        HubSpotContacts(HubSpot(token, url="https:///x"), 5)
    assert [problem.key for problem in problems(HubSpot(token, url="http://api.hubapi.com"))] == ["url"]
    assert list(problems(HubSpot(token))) == []


async def test_an_outcome_shows_neither_token_nor_another_contact() -> None:
    async with HubSpotService() as hubspot, opened(hubspot) as contacts:
        hubspot.planned = [hubspot_error(403, "X", "token-1 may not write")]
        [refused] = await contacts.send([person("ann")])
        [delivered, _] = await contacts.send([person("ann"), person("bob")])
    assert "token-1" not in str(refused)
    assert "bob" not in msgspec.json.encode(delivered).decode()
