"""Connections to one mail server: opened when needed, used for many mails, given up at the first trouble."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from definitions.receivers.mail import Mail
from definitions.receivers.values import Secret
from sinks.destinations.mail.outcomes import Stage
from sinks.destinations.secrets import BadOption, resolve

PORTS = {"starttls": 587, "tls": 465, "none": 25}

_IDLE_S = 30.0
"""Servers close connections that say nothing for some minutes."""
_MOST_MAILS = 100
"""Of one connection; servers count them."""


class NotOpened(Exception):
    """There is no connection that is encrypted and logged in as the options ask. `code`: of the answer, if any."""

    def __init__(self, stage: Stage, code: int | None, text: str) -> None:
        self.stage, self.code, self.text = stage, code, text
        super().__init__(stage)


class MailConnection(NamedTuple):
    """A connection that is ready for a mail. `is_fresh`: it was opened for this one."""

    smtp: SMTP
    is_fresh: bool


class Connections:
    """As many as there are mails under way: whoever sends bounds these, so none waits for a connection."""

    def __init__(self, options: Mail, timeout_s: float) -> None:
        """Raises MissingSecret, BadOption."""
        self._options = options
        self._timeout_s = timeout_s
        self.user = resolve(options.user) if isinstance(options.user, Secret) else options.user
        self.password = None if options.password is None else resolve(options.password)
        self._tls = _tls(options)
        self._idle: list[tuple[SMTP, float, int]] = []

    @asynccontextmanager
    async def connection(self, *, fresh: bool = False) -> AsyncIterator[MailConnection]:
        """Yield a connection; whatever is raised within closes it. Raises NotOpened, SMTPException, OSError."""
        taken = None if fresh else self._taken()
        smtp, mails = taken or (await self._opened(), 0)
        try:
            yield MailConnection(smtp, is_fresh=taken is None)
        except BaseException:
            smtp.close()
            raise
        now = asyncio.get_running_loop().time()
        if smtp.is_connected and mails + 1 < _MOST_MAILS:
            self._idle.append((smtp, now, mails + 1))
        else:
            smtp.close()
        while self._idle and now - self._idle[0][1] > _IDLE_S:
            self._idle.pop(0)[0].close()

    async def close(self) -> None:
        """Say good-bye on all that are idle."""
        idle, self._idle = self._idle, []
        for smtp, _, _ in idle:
            try:
                await smtp.quit(timeout=1)
            except (SMTPException, OSError):
                smtp.close()

    def _taken(self) -> tuple[SMTP, int] | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            smtp, since, mails = self._idle.pop()
            if smtp.is_connected and now - since < _IDLE_S:
                return smtp, mails
            smtp.close()
        return None

    async def _opened(self) -> SMTP:
        options = self._options
        smtp = SMTP(
            hostname=options.host,
            port=options.port or PORTS[options.security],
            local_hostname=options.hello or None,
            timeout=self._timeout_s,
            use_tls=options.security == "tls",
            start_tls=False,
            tls_context=self._tls,
        )
        stage: Stage = "connection"
        try:
            await smtp.connect()
            if options.security == "starttls":
                await smtp.starttls()
            if self.password is not None:
                stage = "login"
                await smtp.login(self.user, self.password)
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()  # says what the server offers
        except BaseException as error:
            smtp.close()
            if isinstance(error, SMTPResponseException):
                raise NotOpened(stage, error.code, error.message) from None
            if isinstance(error, SMTPException) and not isinstance(error, OSError):
                raise NotOpened(stage, None, _unsupported(stage)) from None
            raise
        return smtp


def _unsupported(stage: Stage) -> str:
    if stage == "login":
        return "the server offers no login that is known here"
    return "the server offers no STARTTLS, without which nothing is sent"


def _tls(options: Mail) -> ssl.SSLContext | None:
    if options.security == "none":
        return None
    try:
        return ssl.create_default_context(cafile=options.ca_file or None)
    except (OSError, ValueError) as error:
        raise BadOption(f"ca_file: it cannot be read: {type(error).__name__}") from None
