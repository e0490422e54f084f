"""Receives webhooks to begin with: answers 401 unless the signature is right, and prints the rest.

Put your own code in place of `handle`.

    python webhook.py 9000 crm.secret

`crm.secret` is the file with the secret that the destination names, too. It needs Python alone.
"""

import base64
import hmac
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


def handle(webhook_id: str, body: bytes) -> None:
    """Do something with a delivery: what is repeated has the id that it had before."""
    print(webhook_id, body.decode(), flush=True)


def is_genuine(secret: str, headers: dict[str, str], body: bytes, tolerance_s: int = 300) -> bool:
    """headers: names in lower case. body: as it came, before anything has parsed it."""
    sent_at, given = headers.get("webhook-timestamp", ""), headers.get("webhook-signature", "")
    if not sent_at.isdecimal() or abs(time.time() - int(sent_at)) > tolerance_s:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers.get('webhook-id', '')}.{sent_at}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, "sha256"))
    return any(hmac.compare_digest(expected, each.encode()) for each in given.split())


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what is genuine, 401 to all else."""

    def do_POST(self) -> None:
        """Take one delivery."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        genuine = is_genuine(SECRET, headers, body)
        if genuine:
            handle(headers["webhook-id"], body)
        self.send_response(204 if genuine else 401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing of one's own about a request."""


if __name__ == "__main__":
    port, file = int(sys.argv[1]), Path(sys.argv[2])
    SECRET = file.read_text(encoding="utf-8").strip()
    print(f"waiting for webhooks at http://127.0.0.1:{port}/", flush=True)
    HTTPServer(("127.0.0.1", port), Receiver).serve_forever()
