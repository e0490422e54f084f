"""Messages are opened as a file defines them: with the preset mapping, and links that the API would answer."""

import uuid

import msgspec
import pytest

from definitions.destinations import Checks, Destination
from definitions.receivers.kinds import problems
from definitions.receivers.mail import Mail
from definitions.receivers.values import Secret
from schemas.activations import delivery_key
from schemas.unsubscribing import PATH, UnsubscribeLink, read_link
from sinks.destinations.contract import Delivered, Delivery, Outcome, Retry
from sinks.destinations.opening import open_destination
from tests.sinks.destinations.contract import PROFILE, activation, run
from tests.sinks.destinations.mail.server import MailServer

NAMESPACE = uuid.UUID("7b1c3c3e-7a3b-4e49-9a44-6a7a35f1c001")


def namespace_of(workspace: str) -> uuid.UUID | None:
    """Know one workspace."""
    return NAMESPACE if workspace == "main" else None


@pytest.mark.parametrize(("purpose", "expected"), [("marketing", "marketing"), ("", "all")])
def test_the_link_of_a_mail_ends_the_destination_s_purpose_on_its_channel(purpose: str, expected: str) -> None:
    async def send() -> tuple[Outcome, bytes]:
        async with MailServer() as server:
            options = Mail(
                "127.0.0.1",
                "news@shop.example",
                server.port,
                "none",
                unsubscribe_base="https://api.shop.example",
            )
            destination = open_destination(Destination("mails", receiver=options, checks=Checks(purpose)), namespace_of)
            fields = {"to": "li@shop.example", "subject": "s", "text": "t"}
            (outcome,) = await destination.send([Delivery(delivery_key(activation(), "m", "1"), activation(), fields)])
            await destination.close()
            return outcome, server.taken[0].content

    outcome, content = run(send())
    assert isinstance(outcome, Delivered), outcome
    token = content.split(PATH.encode())[1].split(b">")[0].decode()
    assert read_link(token, namespace_of) == UnsubscribeLink("main", PROFILE, expected, "email")
    assert token not in outcome.exchange.request


def test_nobody_is_sent_a_mail_without_the_link_that_a_workspace_s_secret_signs() -> None:
    async def send() -> tuple[Outcome, int]:
        async with MailServer() as server:
            base = "https://api.shop.example"
            options = Mail("127.0.0.1", "news@shop.example", server.port, "none", unsubscribe_base=base)
            destination = open_destination(Destination("mails", receiver=options), namespace_of)
            about = msgspec.structs.replace(activation(), workspace="new")
            fields = {"to": "li@shop.example", "subject": "s", "text": "t"}
            (outcome,) = await destination.send([Delivery("k", about, fields)])
            await destination.close()
            return outcome, len(server.taken)

    outcome, taken = run(send())
    assert isinstance(outcome, Retry), outcome
    assert (taken, outcome.is_receivers, "workspaces file" in outcome.detail) == (0, False, True)


def test_no_password_goes_over_the_wire_in_clear() -> None:
    found = list(problems(Mail("h", "a@b.example", security="none", user="u", password=Secret(env="P"))))
    assert [problem.key for problem in found] == ["password"]
    assert [problem.key for problem in problems(Mail("h", "a@b.example", unsubscribe_base="nonsense"))] == [
        "unsubscribe_base"
    ]
