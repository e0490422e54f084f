"""Mails by a real server: TLS and login, connections that are used again, and trouble at every step."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
import trustme

from definitions.receivers.mail import Mail
from definitions.receivers.values import Secret
from schemas.activations import delivery_key
from sinks.destinations.contract import Delivered, Delivery, Outcome, Refused, Retry, Unauthorised, UnknownAddress
from sinks.destinations.mail.destination import MailDestination
from sinks.destinations.secrets import BadOption, MissingSecret
from tests.sinks.destinations.contract import SHORT_S, TIMEOUT_S, activation, run
from tests.sinks.destinations.mail.server import PASSWORD, USER, MailServer

SECRET = Secret(env="MAIL_PASSWORD")


def delivery(number: int = 0, to: str = "li@shop.example") -> Delivery:
    """The number-th mail of a person."""
    about = activation(number)
    return Delivery(delivery_key(about, "here", "1"), about, {"to": to, "subject": "大客户", "text": f"你好 {number}"})


def in_clear(port: int, timeout_s: float = TIMEOUT_S) -> MailDestination:
    """A destination without TLS and login."""
    options = Mail("127.0.0.1", "Shop <news@shop.example>", port, security="none", hello="onefold.test")
    return MailDestination(options, timeout_s)


def sent(server: MailServer, deliveries: Sequence[Delivery], timeout_s: float = TIMEOUT_S) -> list[Outcome]:
    """The outcomes of deliveries, one after the other."""

    async def send() -> list[Outcome]:
        async with server:
            destination = in_clear(server.port, timeout_s)
            try:
                return [(await destination.send([each]))[0] for each in deliveries]
            finally:
                await destination.close()

    return run(send())


def test_a_mail_is_taken_and_a_connection_used_for_many() -> None:
    server = MailServer()
    outcomes = sent(server, [delivery(number) for number in range(5)])
    assert [type(each) for each in outcomes] == [Delivered] * 5
    assert server.connections == 1
    assert [each.recipients for each in server.taken] == [["li@shop.example"]] * 5
    assert server.taken[0].sender == "news@shop.example"


def test_a_second_attempt_is_the_same_mail() -> None:
    server = MailServer()
    sent(server, [delivery(), delivery()])
    assert server.taken[0].content == server.taken[1].content


def test_no_mail_waits_for_another_one_s_connection_while_its_time_out_counts() -> None:
    async def send() -> list[Outcome]:
        async with MailServer() as server:
            server.together = asyncio.Barrier(8)
            destination = in_clear(server.port, 5.0)
            batches = await asyncio.gather(*(destination.send([delivery(number)]) for number in range(8)))
            await destination.close()
            return [outcome for outcomes in batches for outcome in outcomes]

    assert [type(each) for each in run(send())] == [Delivered] * 8


def test_a_refused_person_costs_the_next_one_nothing() -> None:
    async def send() -> tuple[list[Outcome], int]:
        async with MailServer() as server:
            destination = in_clear(server.port)
            server.answers["RCPT"] = "550 5.1.1 no such user"
            (first,) = await destination.send([delivery(0)])
            server.answers.clear()
            (second,) = await destination.send([delivery(1)])
            await destination.close()
            return [first, second], server.connections

    (first, second), connections = run(send())
    assert isinstance(first, Refused), first
    assert first.detail.startswith("hard bounce: answered 550 5.1.1")
    assert first.exchange.status == 550
    assert first.bounce == UnknownAddress("5.1.1", is_hard=True, address="li@shop.example")
    assert isinstance(second, Delivered), second
    assert connections == 1


def test_what_a_server_refuses_is_refused_also_if_it_knows_no_way_back_from_that() -> None:
    server = MailServer()
    server.answers |= {"RCPT": "550 5.1.1 no such user", "RSET": "502 5.5.1 unknown command"}
    outcomes = sent(server, [delivery(0), delivery(1)])
    assert [type(each) for each in outcomes] == [Refused, Refused]
    assert server.connections == 2


@pytest.mark.parametrize(
    ("command", "answer", "expected"),
    [
        ("MAIL", "530 5.7.0 authentication required", Unauthorised),
        ("MAIL", "451 4.3.0 later", Retry),
        ("RCPT", "450 4.2.0 greylisted", Retry),
        ("DATA", "554 5.7.1 spam", Refused),
        ("DATA", "421 4.7.0 slow down", Retry),
    ],
)
def test_an_answer_at_any_step_is_an_outcome(command: str, answer: str, expected: type) -> None:
    server = MailServer()
    server.answers[command] = answer
    assert type(sent(server, [delivery()])[0]) is expected
    assert server.taken == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_does_not_answer_is_tried_again(command: str) -> None:
    server = MailServer()
    server.hangs = command
    (outcome,) = sent(server, [delivery()], SHORT_S)
    assert isinstance(outcome, Retry), outcome
    assert outcome.reason == "timeout"


def test_a_connection_that_was_dropped_meanwhile_is_opened_anew() -> None:
    async def send() -> list[Outcome]:
        async with MailServer() as server:
            destination = in_clear(server.port)
            (first,) = await destination.send([delivery(0)])
            server.drop()
            (second,) = await destination.send([delivery(1)])
            await destination.close()
            return [first, second]

    assert [type(each) for each in run(send())] == [Delivered, Delivered]


@pytest.mark.parametrize("host", ["127.0.0.1", "gone.invalid"])
def test_a_server_that_is_not_there_is_tried_again(host: str) -> None:
    async def send() -> Outcome:
        destination = MailDestination(Mail(host, "news@shop.example", 1, security="none"), TIMEOUT_S)
        (outcome,) = await destination.send([delivery()])
        await destination.close()
        return outcome

    outcome = run(send())
    assert isinstance(outcome, Retry), outcome
    assert outcome.reason == "network"


def test_what_is_broken_off_in_the_midst_leaves_it_usable() -> None:
    async def send() -> Outcome:
        async with MailServer() as server:
            destination = in_clear(server.port, SHORT_S)
            server.hangs = "RCPT"
            await destination.send([delivery(0)])
            server.hangs = ""
            (outcome,) = await destination.send([delivery(1)])
            await destination.close()
            return outcome

    assert isinstance(run(send()), Delivered)


@pytest.mark.parametrize(("smtputf8", "expected"), [(True, Delivered), (False, Refused)])
def test_an_address_beyond_ascii_needs_a_server_that_takes_it(smtputf8: bool, expected: type) -> None:
    server = MailServer(smtputf8=smtputf8)
    (outcome,) = sent(server, [delivery(to="李@例子.cn")])
    assert type(outcome) is expected, outcome
    assert [each.recipients for each in server.taken] == ([["李@例子.cn"]] if smtputf8 else [])


Security = Literal["starttls", "tls"]


def _sent_by_tls(tmp_path: Path, security: Security, *, trusted: bool = True, server_tls: bool = True) -> Outcome:
    authority, ca_file = trustme.CA(), tmp_path / "ca.pem"
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(ca_file)

    async def send() -> Outcome:
        server = MailServer(authority=authority if server_tls else None, tls=security == "tls", login=server_tls)
        async with server:
            options = Mail("127.0.0.1", "news@shop.example", server.port, security, USER, SECRET, ca_file=str(ca_file))
            destination = MailDestination(options, TIMEOUT_S)
            (outcome,) = await destination.send([delivery()])
            await destination.close()
            if isinstance(outcome, Delivered):
                assert server.taken[0].user == USER
            return outcome

    return run(send())


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_login_is_encrypted(security: Security, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    assert isinstance(_sent_by_tls(tmp_path, security), Delivered)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_that_is_not_right_ends_it(
    security: Security, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    outcome = _sent_by_tls(tmp_path, security, trusted=False)
    assert isinstance(outcome, Retry), outcome
    assert outcome.reason == "network"


def test_without_starttls_nothing_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    outcome = _sent_by_tls(tmp_path, "starttls", server_tls=False)
    assert isinstance(outcome, Retry), outcome
    assert "STARTTLS" in outcome.detail


def test_a_password_that_is_wrong_is_said_and_never_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "a wrong password")
    outcome = _sent_by_tls(tmp_path, "starttls")
    assert isinstance(outcome, Unauthorised), outcome
    assert "a wrong password" not in str(outcome)


def test_what_cannot_be_opened_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAIL_PASSWORD", raising=False)
    with pytest.raises(MissingSecret, match="MAIL_PASSWORD"):
        MailDestination(Mail("127.0.0.1", "news@shop.example", user=USER, password=SECRET), TIMEOUT_S)
    with pytest.raises(BadOption, match="sender"):
        MailDestination(Mail("127.0.0.1", "Shop"), TIMEOUT_S)
