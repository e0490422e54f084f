"""Makes the mail of a delivery: the same bytes for the same delivery and link, whenever it is made. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.generator import BytesGenerator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from io import BytesIO
from typing import NamedTuple

from schemas.unsubscribing import ONE_CLICK
from sinks.destinations.contract import Delivery
from sinks.destinations.http.redaction import REMOVED
from sinks.destinations.mail.addresses import BadAddress, Mailbox, mailbox_of, one_line, written_mailbox
from sinks.destinations.mail.headers import address_header, header, is_only_of

LINK = "%unsubscribe_url%"
"""In texts: stands for the person's own link."""
MAX_MAIL_BYTES = 5_000_000

_LINK = re.compile(r"https?://[!-;=?-~]{1,900}")
_LONGEST_SUBJECT = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEADERS = frozenset(
    {
        "Content-Transfer-Encoding",
        "Content-Type",
        "Date",
        "From",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "MIME-Version",
        "Message-ID",
        "Reply-To",
        "Subject",
        "To",
    }
)
_LAST_MS = 253_402_300_799_000  # the end of the year 9999


class Unmailable(Exception):
    """Of these fields no mail can be made; the text says why, and holds no value."""


class WrittenMail(NamedTuple):
    """A mail that can be sent. `shown`: what may be kept of it, without the person's link."""

    sender: Mailbox
    recipient: Mailbox
    content: bytes
    shown: str

    @property
    def is_ascii(self) -> bool:
        """Whether a server without SMTPUTF8 takes it."""
        return self.sender.is_ascii and self.recipient.is_ascii


def message_id(key: str, sender: Mailbox) -> str:
    """Return the id of a delivery's mail, by which a repetition and what comes back is recognised."""
    domain = sender.domain if sender.domain.isascii() else sender.domain.encode("idna").decode()
    return f"<{key}@{domain}>"


def mail_of(delivery: Delivery, sender: Mailbox, reply_to: str, link: str | None) -> WrittenMail:
    """Return the mail of a delivery. `link`: where its person unsubscribes. Raises Unmailable."""
    if link is not None and not _LINK.fullmatch(link):
        raise Unmailable("the link to unsubscribe is no address: look at `unsubscribe_base`")
    fields = delivery.fields
    recipient = _recipient(fields)
    text, html = (_linked(_text(fields, name), link) for name in ("text", "html"))
    if not text.strip() and not html.strip():
        raise Unmailable("both 'text' and 'html' are missing or empty: there is nothing to say")
    answers_to = _text(fields, "reply_to") or reply_to
    addresses = [("From", sender), ("To", recipient)]
    if answers_to:
        addresses.append(("Reply-To", _reply_to(answers_to)))
    subject = one_line(_text(fields, "subject"))[:_LONGEST_SUBJECT]
    # The time of the decision, not of the attempt: a repetition is the same mail, byte for byte.
    decided_at = _EPOCH + timedelta(milliseconds=min(max(delivery.activation.decided_at, 0), _LAST_MS))
    plain = [*_plain_headers(message_id(delivery.key, sender), link), ("Date", format_datetime(decided_at))]
    written = [f"{name}: {value}\r\n" for name, value in plain]
    written += [address_header(name, mailbox) for name, mailbox in addresses]
    content = "".join([*written, header("Subject", subject)]).encode() + _body(text, html, delivery.key)
    if len(content) > MAX_MAIL_BYTES:
        raise Unmailable(f"the mail is {len(content)} bytes long, {MAX_MAIL_BYTES} are allowed")
    if not is_only_of(content, _HEADERS):
        raise Unmailable("a header would say more than it should")
    shown = [*plain, *((name, mailbox.shown) for name, mailbox in addresses), ("Subject", subject)]
    return WrittenMail(sender, recipient, content, _shown(shown, text or html, link))


def _plain_headers(identity: str, link: str | None) -> Iterator[tuple[str, str]]:
    """Yield headers whose value must not be cut or encoded, however long it is."""
    yield "Message-ID", identity
    if link:
        yield "List-Unsubscribe", f"<{link}>"
        if link.startswith("https://"):  # RFC 8058, 3.1 asks for it
            yield "List-Unsubscribe-Post", ONE_CLICK


def _body(text: str, html: str, key: str) -> bytes:
    """Return the headers about the content, and the content."""
    message = EmailMessage(policy=SMTP)
    if text.strip():
        message.set_content(text)
    if html.strip() and text.strip():
        message.add_alternative(html, subtype="html")
        message.set_boundary(f"=_{key}")  # else it would be drawn by lot
    elif html.strip():
        message.set_content(html, subtype="html")
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False, policy=SMTP.clone(cte_type="7bit")).flatten(message)
    return out.getvalue()


def _shown(headers: Iterable[tuple[str, str]], text: str, link: str | None) -> str:
    shown = "\n".join([*(f"{name}: {value}" for name, value in headers), "", text])
    return shown.replace(link, REMOVED) if link else shown


def _recipient(fields: Mapping[str, object]) -> Mailbox:
    value = fields.get("to")
    if isinstance(value, list | tuple) and value:
        value = value[0]
    if not isinstance(value, str) or not value.strip():
        raise Unmailable("'to' is missing: nothing says whom the mail is for")
    try:
        return mailbox_of(value, _text(fields, "to_name"))
    except BadAddress as error:
        raise Unmailable(f"'to': {error}") from None


def _reply_to(text: str) -> Mailbox:
    try:
        return written_mailbox(text)
    except BadAddress as error:
        raise Unmailable(f"'reply_to': {error}") from None


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise Unmailable(f"the field {name!r} must be a text")
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def _linked(text: str, link: str | None) -> str:
    if LINK not in text:
        return text
    if not link:
        raise Unmailable(f"{LINK} stands in the mail, and no link to unsubscribe can be made for this person")
    return text.replace(LINK, link)
