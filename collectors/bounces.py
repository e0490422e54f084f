"""What comes back of mails, as events: reports of delivery (RFC 3464) become "Email Bounced". Pure.

A report names the address and, in what it returns of the mail, the Message-ID, which holds the delivery's key. Anybody
may send a mail that looks like a report: who feeds these in takes them from a mailbox that only the mail server fills.
"""

import email
import email.policy
import hashlib
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from schemas.bouncing import EMAIL_BOUNCED, bounce_properties, is_gone

MAX_REPORT_BYTES = 1_000_000
MAX_RECIPIENTS = 100

_FAILED = "failed"
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_ADDRESS = re.compile(r"[^\s<>@,;]{1,128}@[^\s<>@,;]{1,253}")
_MESSAGE_ID = re.compile(r"<([0-9a-f]{32})@[^\s<>]{1,253}>")
_MAX_DETAIL = 500


class NoReport(ValueError):
    """A mail is no report of delivery; the text says why, and holds nothing of it."""


class Bounce(NamedTuple):
    """That a mail did not arrive. `key`: of its delivery, empty if the report returns nothing of it.

    `is_hard`: none will ever arrive there. Without a key it is not, as whoever makes a report up knows none.
    `reported_at`: ISO 8601, empty if the report has no date.
    """

    address: str
    status: str
    is_hard: bool
    key: str
    detail: str
    reported_at: str


def bounces_of(content: bytes) -> Iterator[Bounce]:
    """Yield what a report says of each recipient that failed. Raises NoReport."""
    if len(content) > MAX_REPORT_BYTES:
        raise NoReport(f"it is longer than {MAX_REPORT_BYTES} bytes")
    report = email.message_from_bytes(content, policy=email.policy.compat32)
    groups = next((part for part in report.walk() if part.get_content_type() == "message/delivery-status"), None)
    listed = None if groups is None else groups.get_payload()
    if not isinstance(listed, list):
        raise NoReport("it has no part message/delivery-status (RFC 3464)")
    key, reported_at = _key(report), _date(report)
    for group in listed[: MAX_RECIPIENTS + 1]:
        bounce = _bounce(group, key, reported_at) if isinstance(group, Message) else None
        if bounce is not None:
            yield bounce


def event_of(bounce: Bounce) -> Mapping[str, object]:
    """Return the call that the collector takes; the same bounce is the same event, however often it comes."""
    cause = f"bounce|{bounce.key}|{bounce.address}|{bounce.status}|{bounce.reported_at}"
    call: dict[str, object] = {
        "type": "track",
        "event": EMAIL_BOUNCED,
        "messageId": hashlib.blake2b(cause.encode(), digest_size=16).hexdigest(),
        "context": {
            "externalIds": [{"type": "email", "id": bounce.address, "collection": "users", "encoding": "none"}],
        },
        "properties": bounce_properties(bounce.status, bounce.key, bounce.detail, is_hard=bounce.is_hard),
    }
    return call | ({"timestamp": bounce.reported_at} if bounce.reported_at else {})


def _bounce(group: Message, key: str, reported_at: str) -> Bounce | None:
    if _field(group, "Action").lower() != _FAILED:
        return None
    written = _field(group, "Original-Recipient") or _field(group, "Final-Recipient")
    address = written.partition(";")[2].strip()
    status = match.group() if (match := _STATUS.search(_field(group, "Status"))) else ""
    if not _ADDRESS.fullmatch(address):
        return None
    detail = _field(group, "Diagnostic-Code")[:_MAX_DETAIL]
    return Bounce(address, status, bool(key) and is_gone(status), key, detail, reported_at)


def _key(report: Message) -> str:
    """Return the key in the Message-ID of the mail that a report returns, whole or its headers alone."""
    for part in report.walk():
        kind, returned = part.get_content_type(), part.get_payload()
        if kind == "message/rfc822" and isinstance(returned, list) and isinstance(returned[0], Message):
            written = _field(returned[0], "Message-ID")
        elif kind == "text/rfc822-headers" and isinstance(returned, str):
            written = _field(email.message_from_string(returned), "Message-ID")
        else:
            continue
        if match := _MESSAGE_ID.search(written):
            return match.group(1)
    return ""


def _date(report: Message) -> str:
    try:
        reported = parsedate_to_datetime(_field(report, "Date"))
    except (ValueError, TypeError, OverflowError):
        return ""
    return reported.isoformat() if reported.tzinfo is not None else ""


def _field(message: Message, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())
