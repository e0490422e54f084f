"""Mails that came back: who is told apart from whom, and what somebody may have made up."""

import contextlib
import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from collectors.access import WriteKeys
from collectors.arrivals import Arrivals
from collectors.bounces import NoReport, bounces_of, event_of
from collectors.validation import ReceivedBody, ValidatedCalls, validate_body
from identity.rules import DEFAULT_RULES
from onefold.commands.bounces import bounces
from runtime.http.callers import Caller
from schemas.records import Identifier
from tests.collectors.calls import RECEIVED_AT, SENDER, WORKSPACE

KEY = "0123456789abcdef0123456789abcdef"


def report(groups: str, returned: str = f"Message-ID: <{KEY}@shop.example>\nSubject: Welcome\n") -> bytes:
    """A report of delivery as Postfix writes it."""
    return f"""From: MAILER-DAEMON@mx.example
To: news@shop.example
Subject: Undelivered Mail Returned to Sender
Date: Sat, 28 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

This is the mail system at host mx.example.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example
Arrival-Date: Sat, 28 Nov 2026 09:59:00 +0000

{groups}
--b
Content-Type: text/rfc822-headers

{returned}
--b--
""".encode()


def failed(address: str, status: str, action: str = "failed") -> str:
    """What a report says of one recipient."""
    return (
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; 550 {status} no such\n  user\n"
    )


def test_a_mailbox_that_does_not_exist_is_a_hard_bounce_of_the_delivery() -> None:
    (bounce,) = bounces_of(report(failed("li@shop.example", "5.1.1")))
    assert (bounce.address, bounce.status, bounce.is_hard, bounce.key) == ("li@shop.example", "5.1.1", True, KEY)
    event = event_of(bounce)
    assert event["event"] == "Email Bounced"
    assert event["timestamp"] == "2026-11-28T10:00:00+00:00"
    assert json.loads(json.dumps(event))["properties"]["bounce_type"] == "hard"


@pytest.mark.parametrize("status", ["5.2.2", "4.4.1", "5.7.1", ""])
def test_what_is_not_about_the_mailbox_is_soft(status: str) -> None:
    (bounce,) = bounces_of(report(failed("li@shop.example", status)))
    assert not bounce.is_hard


def test_whoever_makes_a_report_up_denies_nothing() -> None:
    for returned in ("Message-ID: <other@mail.example>\n", ""):
        (bounce,) = bounces_of(report(failed("li@shop.example", "5.1.1"), returned))
        assert not bounce.is_hard


def test_each_recipient_that_failed_is_one_and_others_are_none() -> None:
    groups = "\n".join(
        [failed("a@b.example", "5.1.1"), failed("c@d.example", "4.4.7", "delayed"), failed("e@f.example", "5.2.1")]
    )
    assert [each.address for each in bounces_of(report(groups))] == ["a@b.example", "e@f.example"]


def test_the_same_report_is_the_same_event() -> None:
    first, second = ([event_of(each) for each in bounces_of(report(failed("a@b.example", "5.1.1")))] for _ in range(2))
    assert first == second


@given(st.binary(max_size=2_000))
def test_whatever_comes_is_a_bounce_or_no_report(content: bytes) -> None:
    for whole in (content, report("") + content, report(content.decode("latin-1"))):
        with contextlib.suppress(NoReport):
            assert len(list(bounces_of(whole))) <= 101


def test_the_command_prints_a_batch_and_says_what_is_no_report() -> None:
    result = CliRunner().invoke(bounces, ["-"], input=report(failed("a@b.example", "5.1.1")))
    assert result.exit_code == 0
    received = ReceivedBody(None, SENDER, WriteKeys({"main": WORKSPACE}).used_by(Caller()), RECEIVED_AT, Arrivals())
    taken = validate_body(result.stdout.encode(), received, DEFAULT_RULES).outcome
    assert isinstance(taken, ValidatedCalls), taken
    (event,) = taken.accepted
    assert (event.event, event.identifiers) == ("Email Bounced", (Identifier("email", "a@b.example"),))
    result = CliRunner().invoke(bounces, ["-"], input=b"hello")
    assert json.loads(result.stdout) == {"batch": []}
    assert "RFC 3464" in result.stderr
