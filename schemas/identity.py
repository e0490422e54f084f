"""Identifiers, profile ids and keys: pure functions, see docs/decisions/0002-profile-ids.md and 0016."""

import hashlib
import uuid

from schemas.records import Identifier, ProfileKind

_PERSON_VERSION = "5"
_OTHER_KINDS: dict[str, ProfileKind] = {"8d": "device", "8a": "account"}
_MARKS = {kind: mark for mark, kind in _OTHER_KINDS.items()}
PROFILE_ID_LENGTH = 36
NOBODY = "00000000-0000-0000-0000-000000000000"
"""Whom a trial of a destination is about if nobody is named: no profile has this id."""
_OF_NOTHING = hashlib.blake2b(digest_size=16)  # a copy of it takes half as long as a new one


def default_profile_id(namespace: uuid.UUID, identifier: Identifier) -> str:
    """Return the profile id of an identifier that stands alone: UUID version 5 in its workspace (RFC 9562, 5.5)."""
    digest = bytearray(hashlib.sha1(namespace.bytes + str(identifier).encode(), usedforsecurity=False).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def device_profile_id(namespace: uuid.UUID, device: Identifier) -> str:
    """Return the profile id of a shared device: its default id as UUID version 8, marked `d` (RFC 9562, 5.8)."""
    default = default_profile_id(namespace, device)
    return f"{default[:14]}{_MARKS['device']}{default[16:]}"


def kind_of(profile_id: str) -> ProfileKind:
    """Return the kind that an id says. Raises ValueError for what is no profile id."""
    if len(profile_id) == PROFILE_ID_LENGTH:
        if profile_id[14] == _PERSON_VERSION:
            return "person"
        kind = _OTHER_KINDS.get(profile_id[14:16])
        if kind is not None:
            return kind
    raise ValueError(f"{profile_id!r} is no profile id")


def identifier_key(workspace: str, identifier: Identifier) -> bytes:
    """Return the Kafka key of an event with this primary identifier, and the key of its entry in `identifiers`."""
    return f"{workspace}|{identifier.namespace}:{identifier.value}".encode()


def profile_key(workspace: str, profile_id: str) -> bytes:
    """Return the Kafka key of everything about one profile: WORKSPACE|KIND|PROFILE_ID. Raises as `kind_of`."""
    return f"{workspace}|{kind_of(profile_id)}|{profile_id}".encode()


def across_key(workspace: str, trigger: str, value: str) -> bytes:
    """Return the Kafka key of what a trigger across persons says of a value: WORKSPACE|across|TRIGGER|VALUE."""
    return f"{workspace}|across|{trigger}|{value}".encode()


def stable_id(cause: str) -> str:
    """Return the same id for the same cause, whoever computes it and however often."""
    hashed = _OF_NOTHING.copy()
    hashed.update(cause.encode())
    return hashed.hexdigest()


def split_profile_key(key: bytes | None) -> tuple[str, str]:
    """Return workspace and profile id of a key made by `profile_key`. Raises ValueError on anything else."""
    workspace, *address = (key or b"").decode().rsplit("|", 2)
    if not workspace or len(address) != 2 or address[0] != kind_of(address[1]):
        raise ValueError("the key is not WORKSPACE|KIND|PROFILE_ID")
    return workspace, address[1]
