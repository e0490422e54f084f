"""Batches of webhooks of which something is wrong with one, and the official library of Standard Webhooks."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from aiohttp import web
from standardwebhooks import Webhook as Official

from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from schemas.activations import delivery_key
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused, Retry
from sinks.destinations.secrets import BadOption
from sinks.destinations.webhook import MAX_BODY_BYTES, WebhookDestination
from tests.sinks.destinations.contract import TIMEOUT_S, activation, run
from tests.sinks.destinations.receiver import Answering, HttpReceiver, Request, always

OLD, NEW = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


def delivery(number: int, fields: Mapping[str, object] | None = None) -> Delivery:
    about = activation(number)
    return Delivery(delivery_key(about, "here", "1"), about, {"number": number} if fields is None else fields)


def sent(
    answer: Answering, deliveries: Sequence[Delivery], timeout_s: float = TIMEOUT_S, **options: Any
) -> tuple[list[Outcome], list[Request]]:
    async def send() -> tuple[list[Outcome], list[Request]]:
        async with HttpReceiver(answer) as receiver:
            destination = WebhookDestination(Webhook(receiver.url, allow_private=True, **options), timeout_s)
            try:
                return list(await destination.send(deliveries)), receiver.requests
            finally:
                await destination.close()

    return run(send())


async def refuse_seven(request: web.Request) -> web.StreamResponse:
    """Refuse a whole batch in which is number 7."""
    numbers = [each["number"] for each in json.loads(await request.read())]
    return web.Response(status=422 if 7 in numbers else 200, text=f"{len(numbers)}")


def test_who_is_in_a_batch_with_one_that_is_refused_arrives_all_the_same() -> None:
    outcomes, requests = sent(refuse_seven, [delivery(number) for number in range(20)], batch=100)
    assert [type(outcome) for outcome in outcomes] == [Refused if number == 7 else Delivered for number in range(20)]
    taken = [each["number"] for request in requests for each in json.loads(request.body) if 7 not in _numbers(request)]
    assert taken == [number for number in range(20) if number != 7]
    assert len({request.headers["webhook-id"] for request in requests}) == len(requests)


@pytest.mark.parametrize("status", [200, 404, 503])
def test_of_a_batch_each_delivery_keeps_what_it_has_sent_itself(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW", NEW)
    deliveries = [delivery(number, {"email": f"person-{number}@shop.example", "note": NEW}) for number in range(3)]
    outcomes, (request,) = sent(always(status), deliveries, batch=3, secrets=(Secret(env="NEW"),))
    for number, outcome in enumerate(outcomes):
        kept = outcome.exchange.request
        assert kept.endswith(f'\n\n[{{"email":"person-{number}@shop.example","note":"***"}}]')
        assert kept.count("@") == 1
        assert request.headers["webhook-id"] in kept
        assert outcome.exchange.status == status


def test_what_is_not_about_the_body_is_not_asked_again() -> None:
    outcomes, requests = sent(always(404), [delivery(number) for number in range(20)], batch=100)
    assert {type(outcome) for outcome in outcomes} == {Refused}
    assert len(requests) == 1


def test_a_search_without_time_left_goes_on_at_the_next_attempt() -> None:
    async def refuse_late(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.6)
        return await refuse_seven(request)

    outcomes, requests = sent(refuse_late, [delivery(6), delivery(7)], 1.0, batch=2)
    assert [type(outcome) for outcome in outcomes] == [Retry, Retry]
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": "x" * MAX_BODY_BYTES}, "too_large"),
        ({"text": "\ud800"}, "unmappable"),
        ({"number": 2**70}, None),
        ({"text": object()}, "unmappable"),
    ],
    ids=["too large", "no Unicode", "a large number", "no JSON"],
)
def test_one_that_cannot_be_sent_is_refused_and_its_neighbours_are_not(
    fields: Mapping[str, object], reason: str | None
) -> None:
    outcomes, _ = sent(always(200), [delivery(0), delivery(1, fields), delivery(2)], batch=10)
    assert isinstance(outcomes[0], Delivered)
    assert isinstance(outcomes[2], Delivered)
    assert getattr(outcomes[1], "reason", None) == reason


def test_a_full_batch_of_what_is_just_allowed_is_sent() -> None:
    fields = {"text": "x" * (MAX_BODY_BYTES // 10 - len('{"text":""}'))}
    outcomes, _ = sent(always(200), [delivery(number, fields) for number in range(10)], batch=10)
    assert {type(outcome) for outcome in outcomes} == {Delivered}


def test_the_official_library_verifies_each_of_two_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW", NEW)
    monkeypatch.setenv("OLD", OLD)
    fields = {"type": "segment.entered", "data": {"name": "大客户"}}
    _, (request,) = sent(always(200), [delivery(0, fields)], secrets=(Secret(env="NEW"), Secret(env="OLD")))
    for secret in (NEW, OLD):
        assert Official(secret).verify(request.body, request.headers) == fields
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 300  # what receivers allow


def test_headers_of_the_definition_are_sent_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH", "Bearer token-of-mine")

    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(status=400, text=request.headers["Authorization"].removeprefix("Bearer "))

    headers = {"Authorization": Secret(env="AUTH"), "content-type": "application/cloudevents+json", "X-Tenant": "7"}
    (outcome,), (request,) = sent(echo, [delivery(0)], headers=headers)
    assert request.headers["authorization"] == "Bearer token-of-mine"
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["x-tenant"] == "7"
    assert b"token-of-mine" not in msgspec.json.encode(outcome)


@pytest.mark.parametrize("name", ["Host", "webhook-id", "Content-Length", "bad name", "", "X\r\nY"])
def test_a_header_that_must_not_be_set_is_said_at_once(name: str) -> None:
    with pytest.raises(BadOption, match="headers: "):
        sent(always(200), [delivery(0)], headers={name: "1"})


def test_a_header_whose_value_would_begin_another_one_is_said_without_repeating_it() -> None:
    with pytest.raises(BadOption, match="control character") as raised:
        sent(always(200), [delivery(0)], headers={"X-Key": "1\r\nHost: elsewhere"})
    assert "elsewhere" not in str(raised.value)


def test_a_secret_that_is_too_short_to_be_hidden_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "abc")
    with pytest.raises(BadOption, match=r"X-Key.*less than 4"):
        sent(always(200), [delivery(0)], headers={"X-Key": Secret(env="KEY")})


def _numbers(request: Request) -> list[int]:
    return [each["number"] for each in json.loads(request.body)]
