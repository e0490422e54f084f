"""Makes the mail of a delivery: the same bytes for the same delivery and link, whenever it is made. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.generator import BytesGenerator
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from io import BytesIO
from typing import NamedTuple

from schemas.unsubscribing import ONE_CLICK
from sinks.destinations.contract import Delivery
from sinks.destinations.http.redaction import REMOVED
from sinks.destinations.mail.addresses import BadAddress, Mailbox, mailbox_of, one_line, written_mailbox

LINK = "%unsubscribe_url%"
"""In texts: stands for the person's own link."""
MAX_MAIL_BYTES = 5_000_000

_LINK = re.compile(r"https?://[!-;=?-~]{1,900}")
_LONGEST_SUBJECT = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    message = EmailMessage(policy=SMTP if sender.is_ascii and recipient.is_ascii else SMTPUTF8)
    message["From"] = sender.header()
    message["To"] = recipient.header()
    answers_to = _text(fields, "reply_to") or reply_to
    if answers_to:
        message["Reply-To"] = _reply_to(answers_to).header()
    message["Subject"] = one_line(_text(fields, "subject"))[:_LONGEST_SUBJECT]
    # The time of the decision, not of the attempt: a repetition is the same mail, byte for byte.
    message["Date"] = _EPOCH + timedelta(milliseconds=min(max(delivery.activation.decided_at, 0), _LAST_MS))
    _say(message, text, html, delivery.key)
    plain = _plain_headers(message_id(delivery.key, sender), link)
    content = plain.encode() + _bytes_of(message)
    if len(content) > MAX_MAIL_BYTES:
        raise Unmailable(f"the mail is {len(content)} bytes long, {MAX_MAIL_BYTES} are allowed")
    return WrittenMail(sender, recipient, content, _shown(plain, message, text or html, link))


def _plain_headers(identity: str, link: str | None) -> str:
    """Return headers whose value no program may cut or encode, as `email` does with what is longer than a line."""
    headers = f"Message-ID: {identity}\r\n"
    if link:
        headers += f"List-Unsubscribe: <{link}>\r\n"
        if link.startswith("https://"):  # RFC 8058, 3.1 asks for it
            headers += f"List-Unsubscribe-Post: {ONE_CLICK}\r\n"
    return headers


def _say(message: EmailMessage, text: str, html: str, key: str) -> None:
    if text.strip():
        message.set_content(text)
    if html.strip() and text.strip():
        message.add_alternative(html, subtype="html")
        message.set_boundary(f"=_{key}")  # else it would be drawn by lot
    elif html.strip():
        message.set_content(html, subtype="html")


def _bytes_of(message: EmailMessage) -> bytes:
    out = BytesIO()
    BytesGenerator(out, mangle_from_=False, policy=message.policy.clone(cte_type="7bit")).flatten(message)
    return out.getvalue()


def _shown(plain: str, message: EmailMessage, text: str, link: str | None) -> str:
    lines = [*plain.splitlines(), *(f"{name}: {value}" for name, value in message.items())]
    shown = "\n".join([*lines, "", text])
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
