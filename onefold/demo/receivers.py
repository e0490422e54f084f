"""The receivers of the demo: a webhook and a mailbox, real servers in the demo's own process, on free ports.

They stand for somebody else's systems: Onefold knows their addresses alone.
"""

import email
import email.policy
import json
import shutil
import threading
from collections import deque
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from embedded.layout import free_ports
from runtime.closing import Closing
from runtime.literal import literal
from runtime.loopback import LOOPBACK

REMEMBERED = 5
_MAX_BODY = 1_000_000


class ReceivedSoFar(NamedTuple):
    """How many requests and mails have come, and the latest of each, in words."""

    requests: int = 0
    mails: int = 0
    latest: tuple[str, ...] = ()

    def since(self, before: "ReceivedSoFar") -> "ReceivedSoFar":
        """Return what has come since then."""
        requests, mails = self.requests - before.requests, self.mails - before.mails
        return ReceivedSoFar(requests, mails, self.latest[-(requests + mails) :] if requests + mails else ())


class Receivers(Closing):
    """Serve from the moment they are made; `received` may be asked for from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = self._mails = 0
        self._latest: deque[str] = deque(maxlen=REMEMBERED)
        self._http = ThreadingHTTPServer((LOOPBACK, 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, name="demo-webhook", daemon=True)
        self._thread.start()
        self._smtp = Controller(_Mailbox(self), hostname=LOOPBACK, port=free_ports(1)[0])
        self._smtp.start()

    def definitions(self, folder: Path, target: Path) -> Path:
        """Copy the demo's definitions, with the ports that its receivers have; return the copy."""
        shutil.copytree(folder, target)
        for name, written, port in (
            ("ads_audience", "8099", self._http.server_port),
            ("webshop_mail", "8025", self._smtp.port),
        ):
            file = target / "destinations" / f"{name}.yaml"
            file.write_text(file.read_text(encoding="utf-8").replace(written, str(port)), encoding="utf-8")
        return target

    def received(self) -> ReceivedSoFar:
        """Return what has come so far."""
        with self._lock:
            return ReceivedSoFar(self._requests, self._mails, tuple(self._latest))

    def take_request(self, body: bytes) -> None:
        """Take what a webhook has posted: an object, or a list of them."""
        posted = json.loads(body)
        items = posted if isinstance(posted, list) else [posted]
        with self._lock:
            self._requests += len(items)
            self._latest.extend(f"webhook: {literal(str(item.get('type')))} {_about(item)}" for item in items)

    def take_mail(self, message: EmailMessage) -> None:
        """Take a mail."""
        with self._lock:
            self._mails += 1
            self._latest.append(f"mail to {literal(str(message['To']))}: {literal(str(message['Subject']))}")

    def close(self) -> None:
        """Serve no longer."""
        self._smtp.stop()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receivers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                status = 204
                try:
                    receivers.take_request(self.rfile.read(min(size, _MAX_BODY)))
                except (ValueError, AttributeError):
                    status = 400
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: the board shows what has come."""

        return Handler


class _Mailbox:
    """What aiosmtpd calls with each mail."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        encoded = content if isinstance(content, bytes) else content.encode()
        self._receivers.take_mail(BytesParser(EmailMessage, policy=email.policy.default).parsebytes(encoded))
        return "250 OK"


def _about(item: dict[str, object]) -> str:
    data = item.get("data")
    return literal(str(data.get("name", ""))) if isinstance(data, dict) else ""
