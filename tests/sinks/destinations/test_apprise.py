"""The long tail by Apprise, against a local server of HTTP: whom it is for, what went wrong, and no token anywhere."""

import asyncio
import logging
from collections.abc import Mapping

import pytest

from definitions.receivers.apprise import Apprise
from definitions.receivers.values import Secret
from schemas.activations import delivery_key
from sinks.destinations.apprise import AppriseDestination
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused, Retry, Unauthorised
from sinks.destinations.secrets import BadOption, MissingSecret
from tests.sinks.destinations.contract import TIMEOUT_S, activation, run
from tests.sinks.destinations.receiver import Answering, HttpReceiver, Request, always, reset

TOKEN = "s3cret-t0ken-of-a-service"
OPTIONS = Apprise(Secret(env="APPRISE_URL"))


def sent(
    monkeypatch: pytest.MonkeyPatch, answer: Answering, fields: Mapping[str, object], to: str = ""
) -> tuple[Outcome, list[Request]]:
    """The outcome of one delivery, and what arrived."""

    async def send() -> tuple[Outcome, list[Request]]:
        async with HttpReceiver(answer) as receiver:
            monkeypatch.setenv("APPRISE_URL", f"json://{receiver.url.removeprefix('http://')}/{TOKEN}/{to}")
            destination = AppriseDestination(OPTIONS, TIMEOUT_S)
            try:
                about = Delivery(delivery_key(activation(), "here", "1"), activation(), fields)
                (outcome,) = await destination.send([about])
                return outcome, receiver.requests
            finally:
                await destination.close()

    return run(send())


def test_a_message_is_sent_to_the_one_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, requests = sent(monkeypatch, always(200), {"text": "你好", "to": "+8613800138000"}, "{to}")
    assert isinstance(outcome, Delivered), outcome
    assert requests[0].path.endswith("8613800138000")
    assert "你好" in requests[0].body.decode("unicode_escape") + requests[0].body.decode()


@pytest.mark.parametrize("to", ["", None, "a,b", "1/2", "1 2", "1;2", "a?x=y", "{to}", "1%2C2", "1\n"])
def test_what_could_lead_to_others_is_unmappable(to: object, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, requests = sent(monkeypatch, always(200), {"text": "t", "to": to}, "{to}")
    assert isinstance(outcome, Refused), outcome
    assert outcome.reason == "unmappable"
    assert requests == []


def test_without_a_text_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(sent(monkeypatch, always(200), {})[0], Refused)


@pytest.mark.parametrize(
    ("status", "expected"), [(401, Unauthorised), (403, Unauthorised), (429, Retry), (500, Retry), (404, Refused)]
)
def test_the_status_says_what_it_means(status: int, expected: type, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _ = sent(monkeypatch, always(status, TOKEN.encode()), {"text": "t"})
    assert type(outcome) is expected, outcome
    assert TOKEN not in str(outcome)


def test_a_connection_that_breaks_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _ = sent(monkeypatch, reset, {"text": "t"})
    assert isinstance(outcome, Retry), outcome
    assert outcome.reason == "network"
    assert TOKEN not in str(outcome)


def test_no_token_is_in_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []

    class Kept(logging.Handler):
        """What a process writes."""

        def emit(self, record: logging.LogRecord) -> None:
            """Keep a line; what the receiver of this test itself logs is no matter."""
            if not record.name.startswith("aiohttp"):
                lines.append(record.getMessage())

    root, handler = logging.getLogger(), Kept(logging.DEBUG)
    monkeypatch.setattr(root, "level", logging.DEBUG)
    root.addHandler(handler)
    try:
        sent(monkeypatch, always(500), {"text": "t"})
    finally:
        root.removeHandler(handler)
    assert lines
    assert TOKEN not in "\n".join(lines)


def test_what_cannot_be_opened_says_why_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPRISE_URL", raising=False)
    with pytest.raises(MissingSecret, match="APPRISE_URL"):
        asyncio.run(_open())
    monkeypatch.setenv("APPRISE_URL", f"nonsense://{TOKEN}")
    with pytest.raises(BadOption) as raised:
        asyncio.run(_open())
    assert TOKEN not in str(raised.value)


async def _open() -> None:
    await AppriseDestination(OPTIONS, TIMEOUT_S).close()
