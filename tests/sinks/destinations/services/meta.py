"""The users edge of Meta's custom audiences, as the Marketing API v25.0 describes it."""

import hashlib
import hmac
import re
from urllib.parse import parse_qs

import msgspec
from aiohttp import web

from tests.sinks.destinations.services.service import Sent, Service, answer

HASHED = {"EMAIL", "PHONE", "FN", "LN"}
KNOWN = HASHED | {"EXTERN_ID", "MADID"}
_HEX = re.compile(r"[0-9a-f]{64}")


class Meta(Service):
    """`audiences`: the hashes of e-mail addresses in each. `invalid`: those that it holds for invalid, named or not."""

    def __init__(self, app_secret: str = "") -> None:
        path = r"/v25.0/{audience:\d+}/users"
        super().__init__(("POST", path, self._change), ("DELETE", path, self._change))
        self.audiences: dict[str, set[str]] = {}
        self.invalid: set[str] = set()
        self.names_invalid = True
        self.sessions: set[int] = set()
        self.app_secret = app_secret

    async def _change(self, sent: Sent) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(sent.body.decode()).items()}
        token = form.get("access_token", "")
        if token not in self.tokens or "?" in sent.path:
            return error(400, 190, "Error validating access token: Session has expired", 463)
        proof = hmac.new(self.app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        if self.app_secret and form.get("appsecret_proof") != proof:
            return error(400, 100, "Invalid appsecret_proof provided in the API argument")
        session, payload = msgspec.json.decode(form["session"]), msgspec.json.decode(form["payload"])
        schema, data = payload["schema"], payload["data"]
        if not set(schema) <= KNOWN or len(data) > 10_000 or any(len(row) != len(schema) for row in data):
            return error(400, 100, "Invalid parameter")
        if session["session_id"] in self.sessions or not 0 < session["session_id"] < 2**63:
            return error(400, 100, "The session has ended")
        self.sessions.add(session["session_id"])
        audience = self.audiences.setdefault(sent.path.split("/")[2], set())
        emails = [row[schema.index("EMAIL")] for row in data]
        invalid = [email for email in emails if email in self.invalid or not _HEX.fullmatch(email)]
        taken = set(emails) - set(invalid)
        if sent.method == "POST":
            audience |= taken
        else:
            audience -= taken
        return answer(
            200,
            {
                "audience_id": sent.path.split("/")[2],
                "session_id": str(session["session_id"]),
                "num_received": len(data),
                "num_invalid_entries": len(invalid),
                "invalid_entry_samples": dict.fromkeys(invalid, "invalid") if self.names_invalid else {},
            },
        )


def error(status: int, code: int, message: str, subcode: int | None = None, **headers: str) -> web.Response:
    """Return an error of the Graph API."""
    said = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbC123"}
    if subcode is not None:
        said["error_subcode"] = subcode
    return answer(status, {"error": said}, {name.replace("_", "-"): value for name, value in headers.items()})
