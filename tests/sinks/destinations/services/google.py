"""Google's Data Manager API v1 and its token server, as their public contracts describe them."""

import base64
import re
from urllib.parse import parse_qs

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from tests.sinks.destinations.services.service import Sent, Service, answer

_HEX = re.compile(r"[0-9a-f]{64}")
_ACCOUNT_TYPES = {"GOOGLE_ADS", "DISPLAY_VIDEO_PARTNER", "DISPLAY_VIDEO_ADVERTISER", "DATA_PARTNER"}


class Google(Service):
    """`audiences`: the identifiers in each. `rejected`: those that it takes for invalid."""

    def __init__(self, key: RSAPrivateKey | None = None) -> None:
        super().__init__(
            ("POST", "/v1/audienceMembers:ingest", self._change),
            ("POST", "/v1/audienceMembers:remove", self._change),
            ("POST", "/token", self._grant),
        )
        self.audiences: dict[str, set[str]] = {}
        self.rejected: set[str] = set()
        self.names_rejected = True
        self.key = key
        self.granted = 0
        self.lifetime_s = 3_600

    async def _grant(self, sent: Sent) -> web.Response:
        form = {name: values[0] for name, values in parse_qs(sent.body.decode()).items()}
        if not (self._is_signed(form) or form.get("refresh_token") == "of the client"):
            return answer(400, {"error": "invalid_grant", "error_description": "Bad Request"})
        self.granted += 1
        return answer(
            200,
            {"access_token": f"token-{self.granted}", "expires_in": self.lifetime_s, "token_type": "Bearer"},
        )

    def _is_signed(self, form: dict[str, str]) -> bool:
        if self.key is None or form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return False
        header, claims, signature = form["assertion"].split(".")
        self.key.public_key().verify(_decoded(signature), f"{header}.{claims}".encode(), PKCS1v15(), hashes.SHA256())
        said = msgspec.json.decode(_decoded(claims))
        return bool(
            msgspec.json.decode(_decoded(header)) == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
            and said["iss"] == "cdp@shop.example"
            and said["aud"] == f"{self.url}/token"
            and said["scope"] == "https://www.googleapis.com/auth/datamanager"
            and 0 < said["exp"] - said["iat"] <= 3_600
        )

    async def _change(self, sent: Sent) -> web.Response:
        if not self.is_authorised(sent):
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        said = msgspec.json.decode(sent.body)
        verb = sent.path.partition(":")[2]
        allowed = {"destinations", "audienceMembers", "encoding", "validateOnly"}
        if verb == "ingest":
            allowed |= {"consent", "termsOfService"}
        [destination] = said["destinations"]
        is_form = set(said) <= allowed and said["encoding"] == "HEX" and 0 < len(said["audienceMembers"]) <= 10_000
        if not is_form or destination["operatingAccount"]["accountType"] not in _ACCOUNT_TYPES:
            return error(400, "INVALID_ARGUMENT", "There was a problem with the request.", {"field": "destinations[0]"})
        violations, identifiers = [], set()
        for at, member in enumerate(said["audienceMembers"]):
            for identifier in member["userData"]["userIdentifiers"]:
                [(name, value)] = identifier.items()
                if not _HEX.fullmatch(value) or value in self.rejected or name not in ("emailAddress", "phoneNumber"):
                    field = f"audience_members.audience_members[{at}].user_data.user_identifiers"
                    violations.append({"field": field, "description": "Not a hash", "reason": "INVALID_HEX_ENCODING"})
                identifiers.add(value)
        if violations:
            return error(400, "INVALID_ARGUMENT", "Invalid.", *violations if self.names_rejected else ())
        audience = self.audiences.setdefault(destination["productDestinationId"], set())
        if not said["validateOnly"]:
            self.audiences[destination["productDestinationId"]] = (
                audience | identifiers if verb == "ingest" else audience - identifiers
            )
        return answer(200, {"requestId": f"r{len(self.sent)}"})


def error(status: int, name: str, message: str, *violations: dict[str, str]) -> web.Response:
    """Return an error in the form of Google's APIs."""
    details: list[dict[str, object]] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": name}]
    if violations:
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": list(violations)})
    return answer(status, {"error": {"code": status, "message": message, "status": name, "details": details}})


def throttled(delay: str) -> web.Response:
    """Return that there were too many requests, with the time to wait."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    return answer(429, {"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED", "details": details}})


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
