"""`python -m tests.deliveries.receiver HTTP_PORT SMTP_PORT FILE SEED`: receivers that misbehave, and remember on disk.

A webhook, an advertising service and a mail server. By the seed they throttle some requests, fail at some, and take
some without ever answering; some deliveries they refuse as often as they come. What they have taken is in the SQLite
file before they answer: they may be killed at any moment. `/storm?s=N` has them throttle everything for N seconds,
`/calm` answer all that comes, `/mercy` refuse nothing any more.
"""

import asyncio
import random
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from email import message_from_bytes, policy
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.deliveries.taken import is_refused, key_of
from tests.sinks.destinations.mail.server import MailServer
from tests.sinks.destinations.services.meta import Meta, error
from tests.sinks.destinations.services.service import Sent

THROTTLED, FAILED, UNANSWERED = 0.02, 0.02, 0.01
UNNAMED = 0.2  # of the answers that refuse some: they do not say whom
UNANSWERED_FOR_S = 30.0
TABLE = "CREATE TABLE IF NOT EXISTS taken (number INTEGER PRIMARY KEY, destination TEXT, said TEXT)"


class Mood(Enum):
    """What becomes of a request."""

    THROTTLE = "throttle"
    FAIL = "fail"
    TAKE = "take"
    TAKE_SILENTLY = "take silently"


class Moods:
    """What all receivers are like at the moment."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.throttles_until = 0.0
        self.is_calm = False
        self.is_merciful = False

    def next(self) -> Mood:
        """Say what becomes of the next request."""
        if time.monotonic() < self.throttles_until:
            return Mood.THROTTLE
        drawn = 1.0 if self.is_calm else self.chance.random()
        for mood, part in ((Mood.THROTTLE, THROTTLED), (Mood.FAIL, FAILED), (Mood.TAKE_SILENTLY, UNANSWERED)):
            if drawn < part:
                return mood
            drawn -= part
        return Mood.TAKE

    def refuses(self, key: str) -> bool:
        """Return whether something is refused, however often it comes."""
        return not self.is_merciful and is_refused(key)


class Memory:
    """What was taken, by destination, in order."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")  # a kill of the process loses nothing of it
        self._database.execute(TABLE)

    def keep(self, destination: str, several: Iterable[str]) -> None:
        """Keep what deliveries have said, all or nothing."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO taken (destination, said) VALUES (?, ?)", ((destination, said) for said in several)
        )
        self._database.execute("COMMIT")


class Hook:
    """Takes webhooks."""

    def __init__(self, moods: Moods, memory: Memory) -> None:
        self._moods, self._memory = moods, memory

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Take one, or not."""
        mood = self._moods.next()
        if mood is Mood.THROTTLE:
            return web.Response(status=429, headers={"Retry-After": "1"})
        if mood is Mood.FAIL:
            return web.Response(status=503)
        said = (await request.json())["said"]
        key = key_of(said)
        if request.headers["webhook-id"] != key or self._moods.refuses(key):
            return web.Response(status=400)
        self._memory.keep("hook", [said])
        if mood is Mood.TAKE_SILENTLY:
            await asyncio.sleep(UNANSWERED_FOR_S)
        return web.Response(status=204)


class Ads(Meta):
    """Takes people into audiences, but those whom it holds for invalid: it does not always say who they are."""

    def __init__(self, moods: Moods, memory: Memory) -> None:
        super().__init__()
        self._moods, self._memory = moods, memory

    async def _change(self, sent: Sent) -> web.Response:
        self.sent.clear()
        mood = self._moods.next()
        if mood is Mood.THROTTLE:
            return error(400, 17, "User request limit reached", None, Retry_After="1")
        if mood is Mood.FAIL:
            return error(500, 2, "Service temporarily unavailable")
        payload = msgspec.json.decode(parse_qs(sent.body)[b"payload"][0])
        email, said = (payload["schema"].index(name) for name in ("EMAIL", "EXTERN_ID"))
        self.invalid = {row[email] for row in payload["data"] if self._moods.refuses(row[email])}
        self.names_invalid = self._moods.chance.random() >= UNNAMED
        response = await super()._change(sent)
        if response.status == 200:
            self._memory.keep("ads", (row[said] for row in payload["data"] if row[email] not in self.invalid))
        if mood is Mood.TAKE_SILENTLY:
            await asyncio.sleep(UNANSWERED_FOR_S)
        return response


class Mailbox(MailServer):
    """Takes mails of anybody."""

    def __init__(self, port: int, moods: Moods, memory: Memory) -> None:
        super().__init__(port=port)
        self._moods, self._memory = moods, memory

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a sender, or not now."""
        if time.monotonic() < self._moods.throttles_until:
            return "451 4.3.2 slow down"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a mail, or not."""
        mood = self._moods.next()
        if mood is Mood.THROTTLE:
            return "451 4.3.2 slow down"
        if mood is Mood.FAIL:
            return "454 4.3.0 not now"
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        said = mail.get_content().strip()
        key = key_of(said)
        if not mail["Message-ID"].startswith(f"<{key}@") or self._moods.refuses(key):
            return "550 5.7.1 refused"
        self._memory.keep("mail", [said])
        if mood is Mood.TAKE_SILENTLY:
            await asyncio.sleep(UNANSWERED_FOR_S)
        return "250 2.0.0 OK"


def control(moods: Moods) -> list[web.RouteDef]:
    """Return the routes by which a test says what receivers are like."""

    async def storm(request: web.Request) -> web.StreamResponse:
        moods.throttles_until = time.monotonic() + float(request.query["s"])
        return web.Response()

    async def calm(_request: web.Request) -> web.StreamResponse:
        moods.is_calm = True
        return web.Response()

    async def mercy(_request: web.Request) -> web.StreamResponse:
        moods.is_merciful = True
        return web.Response()

    handlers: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
        "/storm": storm,
        "/calm": calm,
        "/mercy": mercy,
    }
    return [web.get(path, handler) for path, handler in handlers.items()]


async def serve(http_port: int, smtp_port: int, file: Path, seed: int) -> None:
    """Serve until killed."""
    moods, memory = Moods(seed), Memory(file)
    application = web.Application(client_max_size=64_000_000)
    application.add_routes([web.post("/hook", Hook(moods, memory).take), *Ads(moods, memory).routes()])
    application.add_routes(control(moods))
    async with Mailbox(smtp_port, moods, memory):
        runner = web.AppRunner(application, shutdown_timeout=0, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", http_port).start()
        await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    http_port, smtp_port, file, seed = sys.argv[1:]
    asyncio.run(serve(int(http_port), int(smtp_port), Path(file), int(seed)))


if __name__ == "__main__":
    main()
