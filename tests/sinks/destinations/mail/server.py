"""A mail server on a real socket, which a test tells how to answer, and that remembers what it took."""

import asyncio
import ssl
from types import TracebackType
from typing import NamedTuple, Self

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "onefold", "correct horse battery"


class Taken(NamedTuple):
    """A mail as it arrived."""

    sender: str
    recipients: list[str]
    content: bytes
    user: object


class MailServer:
    """Serves while the block lasts, in the event loop of the test.

    `answers`: by command (MAIL, RCPT, RSET, DATA), instead of taking it; `hangs`: the command that it does not answer.
    `together`: mails are taken as soon as so many are on their way. `tls`: from the first byte; `starttls`: when the
    client asks. `port`: 0 for any that is free.
    """

    def __init__(
        self,
        *,
        authority: trustme.CA | None = None,
        tls: bool = False,
        login: bool = False,
        smtputf8: bool = True,
        port: int = 0,
    ) -> None:
        self.answers: dict[str, str] = {}
        self.hangs = ""
        self.together: asyncio.Barrier | None = None
        self.taken: list[Taken] = []
        self.connections = 0
        self.port = port
        self._login, self._smtputf8, self._tls = login, smtputf8, tls
        self._context: ssl.SSLContext | None = None
        self._open: list[SMTP] = []
        if authority is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(self._context)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        context = self._context if self._tls else None
        self._server = await loop.create_server(self._session, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    def drop(self) -> None:
        """Close all connections without a word."""
        for session in self._open:
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()
        self._open.clear()

    def _session(self) -> SMTP:
        self.connections += 1
        session = SMTP(
            self,
            hostname="mail.test",
            enable_SMTPUTF8=self._smtputf8,
            tls_context=None if self._tls else self._context,
            require_starttls=self._context is not None and not self._tls,
            auth_required=self._login and not self._tls,
            auth_require_tls=self._context is not None and not self._tls,
            authenticator=_authenticated,
            loop=asyncio.get_running_loop(),
        )
        self._open.append(session)
        return session

    async def _answer(self, command: str) -> str | None:
        if self.hangs == command:
            await asyncio.sleep(3_600)
        return self.answers.get(command)

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a sender."""
        if (answer := await self._answer("MAIL")) is not None:
            return answer
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient."""
        if (answer := await self._answer("RCPT")) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_RSET(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:
        """Forget what was begun."""
        return await self._answer("RSET") or "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail."""
        if (answer := await self._answer("DATA")) is not None:
            return answer
        if self.together is not None:
            await self.together.wait()
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append(Taken(envelope.mail_from or "", list(envelope.rcpt_tos), content, session.auth_data))
        return "250 2.0.0 OK"


def _authenticated(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
) -> AuthResult:
    is_right = data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=is_right, auth_data=USER, handled=False)
