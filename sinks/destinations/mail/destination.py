"""E-mail: a mail for each delivery, by SMTP.

A repetition has the same Message-ID, made of the delivery's key; most mailboxes show it once.
"""

import asyncio
from collections.abc import Sequence

import msgspec
from aiosmtplib import (
    SMTP,
    SMTPConnectTimeoutError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from definitions.receivers.mail import CHANNEL, Mail
from sinks.destinations.contract import (
    Batching,
    Delivered,
    Delivery,
    Exchange,
    Outcome,
    Refused,
    Retry,
    Unauthorised,
)
from sinks.destinations.http.redaction import Redactor
from sinks.destinations.mail.addresses import BadAddress, Mailbox, written_mailbox
from sinks.destinations.mail.connections import Connections, MailConnection, NotOpened
from sinks.destinations.mail.links import UnknownWorkspace, UnsubscribeUrl, no_link
from sinks.destinations.mail.message import Unmailable, WrittenMail, mail_of
from sinks.destinations.mail.outcomes import Stage, outcome_of
from sinks.destinations.secrets import BadOption

_CLOSING = 421
_NO_WORKSPACE = "no link to unsubscribe can be signed: the deliverer's workspaces file lacks the workspace, restart it"


class MailDestination:
    """Sends mails by one server."""

    def __init__(
        self,
        options: Mail,
        timeout_s: float,
        *,
        channel: str = CHANNEL,
        purpose: str = "",
        unsubscribe_url: UnsubscribeUrl = no_link,
    ) -> None:
        """Raises MissingSecret, BadOption."""
        self.batching = Batching(1)
        self._options, self._timeout_s = options, timeout_s
        self._sender = _checked("sender", options.sender)
        if options.reply_to:
            _checked("reply_to", options.reply_to)
        self._connections = Connections(options, timeout_s)
        self._channel, self._purpose, self._unsubscribe_url = channel, purpose, unsubscribe_url
        secret = self._connections.password
        self._redact = Redactor([secret] if secret else [])

    async def send(self, deliveries: Sequence[Delivery]) -> Sequence[Outcome]:
        """Send the mails, one after the other."""
        return [await self._send(delivery) for delivery in deliveries]

    async def close(self) -> None:
        """Close all connections."""
        await self._connections.close()

    async def _send(self, delivery: Delivery) -> Outcome:
        try:
            mail = mail_of(delivery, self._sender, self._options.reply_to, self._link(delivery))
        except Unmailable as error:
            return Refused("unmappable", str(error))
        except UnknownWorkspace:
            return Retry("unavailable", _NO_WORKSPACE, is_receivers=False)
        kept = Exchange(self._redact(mail.shown))
        try:
            return await self._tried(mail, kept)
        except NotOpened as error:
            return _not_opened(error, kept, self._redact)
        except OSError as error:
            return _broken(error, kept, self._redact)
        except SMTPException:
            return Retry("network", "the server does not keep to SMTP", exchange=kept)

    def _link(self, delivery: Delivery) -> str | None:
        about = delivery.activation
        if about.profile_id is None:
            return None
        return self._unsubscribe_url(about.workspace, about.profile_id, self._channel, self._purpose)

    async def _tried(self, mail: WrittenMail, kept: Exchange) -> Outcome:
        async with asyncio.timeout(self._timeout_s):
            try:
                return await self._sent(mail, kept, fresh=False)
            except _Stale:
                return await self._sent(mail, kept, fresh=True)

    async def _sent(self, mail: WrittenMail, kept: Exchange, *, fresh: bool) -> Outcome:
        async with self._connections.connection(fresh=fresh) as connection:
            if not mail.is_ascii and not connection.smtp.supports_extension("smtputf8"):
                return Refused("rejected", "the server takes no address with letters beyond ASCII (SMTPUTF8)", kept)
            return await self._transaction(connection, mail, kept)

    async def _transaction(self, connection: MailConnection, mail: WrittenMail, kept: Exchange) -> Outcome:
        """Go through one transaction; after a refusal the connection is reset for the next one."""
        smtp = connection.smtp
        stage: Stage = "sender"
        options = [] if mail.is_ascii else ["SMTPUTF8"]
        if smtp.supports_extension("size"):
            options.append(f"size={len(mail.content)}")
        encoding = "ascii" if mail.is_ascii else "utf-8"
        try:
            await smtp.mail(mail.sender.address, options=options, encoding=encoding)
            stage = "recipient"
            await smtp.rcpt(mail.recipient.address, encoding=encoding)
            stage = "content"
            answer = await smtp.data(mail.content)
        except SMTPResponseException as error:
            exchange = Exchange(kept.request, self._redact(error.message), error.code)
            await _reset(smtp, is_closing=error.code == _CLOSING)
            return _of_address(outcome_of(error.code, error.message, stage, exchange), mail.recipient.address)
        except SMTPServerDisconnected:
            if stage != "content" and not connection.is_fresh:
                raise _Stale from None
            raise
        return Delivered(Exchange(kept.request, self._redact(answer.message), answer.code))


async def _reset(smtp: SMTP, *, is_closing: bool) -> None:
    """Have the server forget a mail that it has refused; one that cannot is left, and what it has said counts."""
    try:
        if not is_closing and smtp.is_connected:
            await smtp.rset()
            return
    except (SMTPException, OSError):
        pass
    smtp.close()


def _of_address(outcome: Outcome, address: str) -> Outcome:
    """Say which address does not exist, if one does not."""
    if not isinstance(outcome, Refused) or outcome.bounce is None:
        return outcome
    return msgspec.structs.replace(outcome, bounce=msgspec.structs.replace(outcome.bounce, address=address))


class _Stale(Exception):
    """A connection that had been idle was gone before a mail was on its way: another one may be tried at once."""


def _checked(key: str, text: str) -> Mailbox:
    try:
        return written_mailbox(text)
    except BadAddress as error:
        raise BadOption(f"{key}: {error}") from None


def _not_opened(error: NotOpened, kept: Exchange, redact: Redactor) -> Outcome:
    text = redact(error.text)
    if error.code is not None:
        return outcome_of(error.code, text, error.stage, Exchange(kept.request, text, error.code))
    if error.stage == "login":
        return Unauthorised(text, kept)
    return Retry("unavailable", text, exchange=kept)


def _broken(error: OSError, kept: Exchange, redact: Redactor) -> Outcome:
    # A time-out is an OSError as well, of Python's or of the client's.
    if isinstance(error, SMTPConnectTimeoutError):
        return Retry("network", "no connection in time", exchange=kept)
    if isinstance(error, TimeoutError):
        return Retry("timeout", "did not answer in time: it may have taken it", exchange=kept)
    return Retry("network", redact(f"{type(error).__name__}: {error}"), exchange=kept)
