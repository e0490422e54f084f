"""Signatures of Standard Webhooks.

Source: spec/standard-webhooks.md of https://github.com/standard-webhooks/standard-webhooks.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sinks.destinations.secrets import BadOption

Sign: TypeAlias = Callable[[bytes], str]
"""Makes one signature, with its version, of what is signed."""

SYMMETRIC, PRIVATE = "whsec_", "whsk_"
_SEED_BYTES = 32
_SHORTEST_KEY, _LONGEST_KEY = 24, 64


class BadSecret(BadOption):
    """A secret cannot sign; the text does not repeat it."""


def signer(secret: str) -> Sign:
    """Return what signs by a secret: `whsec_` and base64 for HMAC-SHA256, `whsk_` and base64 for ed25519.

    Raises BadSecret.
    """
    if secret.startswith(PRIVATE):
        key = _decoded(secret.removeprefix(PRIVATE))
        if len(key) not in {_SEED_BYTES, 2 * _SEED_BYTES}:  # libsodium writes the public key behind the seed
            raise BadSecret(f"a secret that begins with {PRIVATE} must hold 32 or 64 bytes, not {len(key)}")
        private = Ed25519PrivateKey.from_private_bytes(key[:_SEED_BYTES])
        return lambda signed: "v1a," + base64.b64encode(private.sign(signed)).decode()
    if not secret.startswith(SYMMETRIC):
        raise BadSecret(f"a secret of a webhook begins with {SYMMETRIC} or {PRIVATE}, followed by base64")
    shared = _decoded(secret.removeprefix(SYMMETRIC))
    if not _SHORTEST_KEY <= len(shared) <= _LONGEST_KEY:
        raise BadSecret(f"a secret that begins with {SYMMETRIC} must hold 24 to 64 bytes, not {len(shared)}")
    return lambda signed: "v1," + base64.b64encode(hmac.digest(shared, signed, hashlib.sha256)).decode()


def signature_headers(signers: Sequence[Sign], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of a webhook; one signature of each signer, so that a receiver may change its secret."""
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    if signers:
        signed = f"{message_id}.{timestamp_s}.".encode() + body
        headers["webhook-signature"] = " ".join(sign(signed) for sign in signers)
    return headers


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadSecret("what follows the beginning of a webhook's secret is no base64") from None
