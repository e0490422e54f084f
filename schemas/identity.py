"""Identifiers and the profile ids that follow from them: pure functions, see docs/decisions/0002-profile-ids.md."""

import hashlib
import uuid

from schemas.records import Identifier


def default_profile_id(namespace: uuid.UUID, identifier: Identifier) -> str:
    """Return the profile id of an identifier that stands alone: UUID version 5 in its workspace (RFC 9562, 5.5)."""
    digest = bytearray(hashlib.sha1(namespace.bytes + str(identifier).encode(), usedforsecurity=False).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def identifier_key(workspace: str, identifier: Identifier) -> bytes:
    """Kafka key of an event with this primary identifier, and key of its entry in `identifiers`."""
    return f"{workspace}|{identifier.namespace}:{identifier.value}".encode()


def profile_key(workspace: str, profile_id: str) -> bytes:
    """Kafka key of everything about one profile."""
    return f"{workspace}|{profile_id}".encode()


def split_profile_key(key: bytes | None) -> tuple[str, str]:
    """Workspace and profile id from a key made by `profile_key`. Raises ValueError on anything else."""
    workspace, separator, profile_id = (key or b"").decode().rpartition("|")
    if not separator or not workspace or len(profile_id) != 36:
        raise ValueError("the key is not WORKSPACE|PROFILE_ID")
    return workspace, profile_id
