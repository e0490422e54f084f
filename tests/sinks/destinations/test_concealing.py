"""Nothing that is kept of an outcome repeats a secret, whatever kind it is of and wherever its receiver puts it."""

import json
from collections.abc import Sequence

import msgspec
import pytest

from definitions.destinations import Destination
from definitions.receivers import Receiver
from definitions.receivers.http import InnerStatus, ItemResults
from definitions.receivers.mail import Mail
from definitions.receivers.sql import Sql
from definitions.receivers.values import Secret
from definitions.receivers.webhook import Webhook
from schemas.activations import delivery_key
from sinks.destinations.concealing import MAX_DETAIL_CHARS, Concealing, secrets_in
from sinks.destinations.contract import Batching, Delivery, Exchange, Outcome, Refused
from sinks.destinations.opening import open_destination
from sinks.destinations.secrets import BadOption
from tests.sinks.destinations.contract import activation, run
from tests.sinks.destinations.receiver import HttpReceiver, always

KEY = "sk-live-51Hx8vQ0aZpT"
BY_KEY = Secret(env="KEY")


class Repeating:
    """A receiver of any kind that repeats what it should not."""

    batching = Batching(10)

    def __init__(self, said: str) -> None:
        self._said = said

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        return [Refused("rejected", self._said, Exchange(self._said, self._said))] * len(deliveries)

    async def close(self) -> None:
        """Hold nothing."""


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", KEY)


def delivery() -> Delivery:
    return Delivery(delivery_key(activation(), "here", "1"), activation(), {"a": 1})


@pytest.mark.parametrize("padding", ["", "x" * 280, "x" * (MAX_DETAIL_CHARS - 20)])
@pytest.mark.parametrize(
    "options",
    [
        {"failure": InnerStatus("errcode", (0,), message="errmsg")},
        {"failure": InnerStatus("errmsg", (0,))},
        {"failure": InnerStatus("errcode", (0,), unauthorised=(40001,), message="errmsg")},
        {"batch": 2, "results": ItemResults(InnerStatus("errcode", (0,), message="errmsg"), "items")},
    ],
)
def test_what_a_receiver_says_within_its_answer_is_kept_without_the_key(
    options: dict[str, object], padding: str
) -> None:
    said = {"errcode": 40001, "errmsg": f"{padding} invalid key {KEY}"}

    async def send() -> Outcome:
        async with HttpReceiver(always(200, json.dumps({**said, "items": [said]}).encode())) as receiver:
            hook = Webhook(receiver.url, headers={"Authorization": BY_KEY}, allow_private=True)
            receiver_options = msgspec.structs.replace(hook, **options)
            opened = open_destination(Destination("hook", receiver=receiver_options))
            (outcome,) = await opened.send([delivery()])
            await opened.close()
            return outcome

    kept = msgspec.json.encode(run(send())).decode()
    assert "invalid key" in kept
    assert KEY[:8] not in kept


@pytest.mark.parametrize(
    "options",
    [
        Webhook("https://shop.example", secrets=(BY_KEY,)),
        Webhook("https://shop.example", headers={"X-Key": BY_KEY}),
        Webhook(BY_KEY),
        Webhook(f"https://shop.example/?token={KEY}"),
        Mail("smtp.shop.example", "a@shop.example", user="me", password=BY_KEY),
        Sql("postgresql://me@db.example/shop", "t", password=BY_KEY),
    ],
)
def test_no_kind_repeats_what_its_definition_calls_a_secret(options: Receiver) -> None:
    opened = Concealing(Repeating(f"no such key: {KEY}"), options)
    outcomes = run(opened.send([delivery(), delivery()]))
    kept = msgspec.json.encode(outcomes).decode()
    assert kept.count("no such key") == 6
    assert KEY not in kept


def test_parts_of_an_address_that_is_a_secret_and_of_a_header_are_secrets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", f"https://shop.example/hooks/{KEY}")
    assert KEY in set(secrets_in(Webhook(BY_KEY)))
    monkeypatch.setenv("KEY", f"Bearer {KEY}")
    assert KEY in set(secrets_in(Webhook("https://shop.example", headers={"Authorization": BY_KEY})))


def test_a_long_detail_is_cut() -> None:
    (outcome,) = run(Concealing(Repeating("x" * 5_000), Webhook("https://shop.example")).send([delivery()]))
    assert isinstance(outcome, Refused)
    assert len(outcome.detail) == MAX_DETAIL_CHARS


def test_what_a_library_says_when_it_is_opened_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "sk-live\n51Hx8vQ0aZpT")
    for receiver in (
        Webhook(BY_KEY),
        Webhook("https://[::1", headers={"X-Key": BY_KEY}),
        Sql("postgresql://u@[::1/d", "t"),
    ):
        with pytest.raises(BadOption) as raised:
            open_destination(Destination("hook", receiver=receiver))
        assert "51Hx8vQ0aZpT" not in str(raised.value)
