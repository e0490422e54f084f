"""Webhooks: the contract of all HTTP receivers, signatures, batches, and what is said within an answer."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from definitions.receivers.http import InnerStatus, ItemResults
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from sinks.destinations.contract import Delivered, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.secrets import BadOption
from sinks.destinations.webhook import WebhookDestination
from tests.sinks.destinations.contract import TIMEOUT_S, HttpContract, run
from tests.sinks.destinations.receiver import HttpReceiver, Request, always

SECRET = Secret(env="WEBHOOK_SECRET")


class TestWebhook(HttpContract):
    """One request for each delivery."""

    SECRET_ENV = "WEBHOOK_SECRET"
    batch = 1

    def open(self, url: str, timeout_s: float = TIMEOUT_S, *, allow_private: bool = True) -> WebhookDestination:
        options = Webhook(f"{url}/hook", (SECRET,), batch=self.batch, allow_private=allow_private)
        return WebhookDestination(options, timeout_s)

    def fields(self, number: int) -> Mapping[str, object]:
        return {"type": "segment.entered", "data": {"name": "大客户", "number": number}}

    def test_it_is_signed_as_standard_webhooks_say(self) -> None:
        request = self._request()
        signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
        shared = base64.b64decode(self.SECRET.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(shared, signed, hashlib.sha256).digest()).decode()
        assert request.headers["webhook-signature"] == f"v1,{expected}"

    def test_the_key_is_the_id_of_the_webhook_and_of_the_request(self) -> None:
        request = self._request()
        assert request.headers["webhook-id"] == request.headers["idempotency-key"]

    def _request(self) -> Request:
        async def send() -> Request:
            async with self.opened(self.accept) as (destination, receiver):
                await destination.send([self.delivery()])
                return receiver.requests[0]

        return run(send())


class TestBatches(TestWebhook):
    """Many deliveries in one request."""

    batch = 100

    async def refuse_odd(self, request: web.Request) -> web.StreamResponse:
        is_refused = any(each["data"]["number"] % 2 for each in json.loads(await request.read()))
        return web.Response(status=422 if is_refused else 200)

    def test_a_batch_is_a_list(self) -> None:
        async def send() -> list[Request]:
            async with self.opened(self.accept) as (destination, receiver):
                await destination.send([self.delivery(number) for number in range(3)])
                return receiver.requests

        (request,) = run(send())
        assert [each["data"]["number"] for each in json.loads(request.body)] == [0, 1, 2]

    def test_a_batch_without_an_answer_comes_again_under_the_same_key(self) -> None:
        async def send() -> list[str]:
            async with self.opened(self.accept) as (destination, receiver):
                for numbers in ([0, 1], [0, 1], [0, 2]):
                    await destination.send([self.delivery(number) for number in numbers])
                return [request.headers["webhook-id"] for request in receiver.requests]

        first, second, third = run(send())
        assert first == second != third


def sent_to(options: Webhook, answer: bytes, number: int = 1) -> list[Outcome]:
    """The outcomes of deliveries to a receiver that answers 200 and this; `options` without its address."""

    async def send() -> list[Outcome]:
        async with HttpReceiver(always(200, answer)) as receiver:
            opened = WebhookDestination(
                Webhook(
                    receiver.url, batch=options.batch, failure=options.failure, results=options.results,
                    allow_private=True,
                ),
                TIMEOUT_S,
            )  # fmt: skip
            try:
                return list(await opened.send([TestWebhook().delivery(each) for each in range(number)]))
            finally:
                await opened.close()

    return run(send())


FAILURE = InnerStatus("errcode", (0,), throttled=(45009,), unauthorised=(40001,), message="errmsg")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b'{"errcode": 0}', Delivered),
        (b'{"errcode": "0"}', Delivered),
        (b'{"errcode": 45009, "errmsg": "too fast"}', Retry),
        (b'{"errcode": 40001}', Unauthorised),
        (b'{"errcode": 93000, "errmsg": "no such robot"}', Refused),
        (b'{"errcode": false}', Refused),
        (b"{}", Refused),
        (b"<html>", Retry),
    ],
)
def test_an_error_within_a_200_is_found_where_it_is_declared(answer: bytes, expected: type) -> None:
    (outcome,) = sent_to(Webhook("", failure=FAILURE), answer)
    assert type(outcome) is expected
    if expected is Refused and b"robot" in answer:
        assert "no such robot" in str(outcome)


def test_the_results_of_a_batch_are_read_one_by_one() -> None:
    declared = ItemResults(InnerStatus("status", ("ok",), message="why"), "results")
    answer = b'{"results": [{"status": "ok"}, {"status": "bad", "why": "no address"}, {"status": "ok"}]}'
    outcomes = sent_to(Webhook("", batch=10, results=declared), answer, 3)
    assert [type(each) for each in outcomes] == [Delivered, Refused, Delivered]
    assert "no address" in str(outcomes[1])
    assert [each.exchange.answer for each in outcomes] == [
        '{"status":"ok"}', '{"status":"bad","why":"no address"}', '{"status":"ok"}'
    ]  # fmt: skip


def test_results_that_do_not_speak_of_all_are_of_no_use() -> None:
    declared = ItemResults(InnerStatus("status", ("ok",)), "results")
    outcomes = sent_to(Webhook("", batch=10, results=declared), b'{"results": [{"status": "ok"}]}', 2)
    assert [type(each) for each in outcomes] == [Retry, Retry]
    assert [each.exchange.answer for each in outcomes] == ["", ""], "it is about somebody, and nobody knows whom"


def test_what_is_answered_to_a_batch_as_a_whole_is_kept_with_nobody() -> None:
    echo = b'{"errcode": 0, "taken": ["ann@example.com", "bob@example.com"]}'
    for failure in (None, FAILURE):
        outcomes = sent_to(Webhook("", batch=10, failure=failure), echo, 2)
        assert [(type(each), each.exchange.answer) for each in outcomes] == [(Delivered, "")] * 2
        (alone,) = sent_to(Webhook("", batch=10, failure=failure), echo, 1)
        assert "ann@" in alone.exchange.answer


def test_each_secret_signs_while_a_receiver_changes_from_one_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    private = Ed25519PrivateKey.generate()
    monkeypatch.setenv("NEW", "whsk_" + base64.b64encode(private.private_bytes_raw()).decode())
    monkeypatch.setenv("OLD", TestWebhook.SECRET)

    async def accept(_: web.Request) -> web.StreamResponse:
        return web.Response()

    async def send() -> Request:
        async with HttpReceiver(accept) as receiver:
            options = Webhook(receiver.url, (Secret(env="NEW"), Secret(env="OLD")), allow_private=True)
            opened = WebhookDestination(options, TIMEOUT_S)
            await opened.send([TestWebhook().delivery()])
            await opened.close()
            return receiver.requests[0]

    request = run(send())
    newest, oldest = request.headers["webhook-signature"].split(" ")
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    private.public_key().verify(base64.b64decode(newest.removeprefix("v1a,")), signed)
    assert oldest.startswith("v1,")


@pytest.mark.parametrize("secret", ["sesame", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "whsk_c2hvcnQ="])
def test_a_secret_that_cannot_sign_is_said_without_repeating_it(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    with pytest.raises(BadOption) as raised:
        asyncio.run(_open("https://example.com", (SECRET,)))
    assert secret.removeprefix("whsec_").removeprefix("whsk_") not in str(raised.value) or secret == "whsec_"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com",
        "https://",
        "https://user:pass@example.com",
        "http://[::1",
        "https://a:0/",
    ],
)
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(BadOption, match="url: "):
        asyncio.run(_open(url))


async def _open(url: str, secrets: tuple[Secret, ...] = ()) -> None:
    await WebhookDestination(Webhook(url, secrets), TIMEOUT_S).close()


def test_no_request_waits_for_another_one_s_connection_while_its_time_out_counts() -> None:
    async def send() -> list[Outcome]:
        together = asyncio.Barrier(100)

        async def answer(_: web.Request) -> web.StreamResponse:
            await together.wait()
            return web.Response()

        async with HttpReceiver(answer) as receiver:
            opened = WebhookDestination(Webhook(receiver.url, allow_private=True), 10.0)
            batches = await asyncio.gather(*(opened.send([TestWebhook().delivery(each)]) for each in range(100)))
            await opened.close()
            return [outcome for outcomes in batches for outcome in outcomes]

    assert [type(each) for each in run(send())] == [Delivered] * 100
