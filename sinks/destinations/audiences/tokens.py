"""Access tokens: a secret as it stands, or one that an OAuth 2.0 server gives for a secret (RFC 6749, RFC 7523).

A token is kept until it is about to expire or a receiver does not accept it. It never stands in a text.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from definitions.receivers.values import Secret
from sinks.destinations.audiences.answers import outcome_of, text_at
from sinks.destinations.contract import Refused, Retry, Unauthorised
from sinks.destinations.http.session import Answer
from sinks.destinations.secrets import MissingSecret, resolve

EARLY_S = 60.0
"""A token is renewed so long before it expires."""

ASSERTION_S = 600
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"

Form = Callable[[], dict[str, str]]
"""Makes the body of a request for a token. Raises MissingSecret."""
Post = Callable[[str, Mapping[str, str]], Awaitable[Answer | Retry | Refused]]
"""Posts a form to an address."""


class NoToken(Exception):
    """There is no access token now; `outcome` says why."""

    def __init__(self, outcome: Retry | Unauthorised | Refused) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class Tokens(Protocol):
    """Where the access token of a destination comes from."""

    async def token(self) -> str:
        """Return the token to use now. Raises NoToken."""
        ...

    def reject(self, token: str) -> None:
        """Do not use a token again: the receiver does not accept it."""
        ...


class WrittenToken:
    """A token that is a secret itself. A rejected one is read again: somebody may have renewed it."""

    def __init__(self, secret: Secret) -> None:
        """Raises MissingSecret."""
        self._secret = secret
        self._token = resolve(secret)

    async def token(self) -> str:
        """Return the secret's text. Raises NoToken."""
        if not self._token:
            try:
                self._token = resolve(self._secret)
            except MissingSecret as error:
                raise NoToken(Unauthorised(str(error))) from None
        return self._token

    def reject(self, token: str) -> None:
        """Read the secret again next time."""
        if token == self._token:
            self._token = ""


class GrantedToken:
    """A token that an OAuth 2.0 server grants."""

    def __init__(self, post: Post, url: str, form: Form) -> None:
        """Raises MissingSecret."""
        form()
        self._post = post
        self._url = url
        self._form = form
        self._token = ""
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def token(self) -> str:
        """Return the token of before, or a new one. Raises NoToken."""
        async with self._lock:
            if not self._token or time.monotonic() >= self._until:
                await self._renew()
            return self._token

    def reject(self, token: str) -> None:
        """Ask for a new one next time; unless that has happened already."""
        if token == self._token:
            self._token = ""

    async def _renew(self) -> None:
        try:
            form = self._form()
        except MissingSecret as error:
            raise NoToken(Unauthorised(str(error))) from None
        answer = await self._post(self._url, form)
        if isinstance(answer, Retry | Refused):
            raise NoToken(answer)
        outcome = outcome_of(answer)
        if isinstance(outcome, Retry):
            raise NoToken(outcome)
        granted = answer.json()
        token = text_at(granted, "access_token")
        if isinstance(outcome, Refused | Unauthorised) or not token:
            reason = text_at(granted, "error") or f"status {answer.status}"
            raise NoToken(Unauthorised(f"no access token was granted: {reason}"))
        lifetime = granted.get("expires_in") if isinstance(granted, dict) else None
        lasts_s = float(lifetime) if isinstance(lifetime, int | float) else float("inf")
        # One that lives less than EARLY_S is used as well, for half of its time.
        self._token, self._until = token, time.monotonic() + max(lasts_s - EARLY_S, lasts_s / 2)


def refreshing(client_id: str, client_secret: Secret, refresh_token: Secret) -> Form:
    """Return the form that exchanges a refresh token."""

    def form() -> dict[str, str]:
        return {
            "grant_type": "refresh_token",
            "client_id": client_id,
            "client_secret": resolve(client_secret),
            "refresh_token": resolve(refresh_token),
        }

    return form


def client_credentials(client_id: str, client_secret: Secret) -> Form:
    """Return the form by which an app speaks for itself."""

    def form() -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": resolve(client_secret),
        }

    return form


def service_account(key: Secret, audience: str, scope: str, clock: Callable[[], float] = time.time) -> Form:
    """Return the form with which a Google service account asks for a token: signed by its key, ten minutes valid."""

    def form() -> dict[str, str]:
        try:
            account = msgspec.json.decode(resolve(key), type=ServiceAccount)
            now = int(clock())
            claims: dict[str, str | int] = {
                "iss": account.client_email,
                "scope": scope,
                "aud": audience,
                "iat": now,
                "exp": now + ASSERTION_S,
            }
            return {"grant_type": JWT_BEARER, "assertion": assertion_of(account, claims)}
        except (msgspec.DecodeError, ValueError, TypeError):
            raise MissingSecret(f"{place_of(key)} is not the JSON key of a service account") from None

    return form


class ServiceAccount(msgspec.Struct, frozen=True):
    """What is used of the JSON key of a Google service account."""

    client_email: str
    private_key: str
    private_key_id: str = ""


def assertion_of(account: ServiceAccount, claims: Mapping[str, str | int]) -> str:
    """Return claims as a JSON Web Token (RFC 7519), signed by RS256. Raises ValueError, TypeError for no RSA key."""
    header = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    signed = b".".join(_base64(msgspec.json.encode(part)) for part in (header, claims))
    private_key = load_pem_private_key(account.private_key.encode(), password=None)
    if not isinstance(private_key, RSAPrivateKey):
        raise TypeError("not an RSA key")
    return b".".join((signed, _base64(private_key.sign(signed, PKCS1v15(), hashes.SHA256())))).decode()


def is_given(secret: Secret) -> bool:
    """Return whether a definition says where a secret is."""
    return bool(secret.env or secret.file)


def place_of(secret: Secret) -> str:
    """Return where a secret is, for an error's text."""
    return f"the environment variable {secret.env}" if secret.env else f"the file {secret.file}"


def _base64(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
