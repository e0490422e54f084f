"""Whose event it is, answered at once from one entry; who belongs together is left to GRAPH (`decide`).

Why no event waits for a decision: docs/decisions/0006-resolve-routes-at-once.md.
"""

import uuid
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from identity.entries import IdentifierEntry
from schemas.identity import default_profile_id
from schemas.records import Identifier, Route

MAX_PAIRED = 1_024
_HASH_BYTES = 8
_NEVER_LINKED = IdentifierEntry()


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """`requested`: identifiers to request a decision on, with the primary. `changed`: the entry to store, or None."""

    profile_id: str
    requested: tuple[Identifier, ...] = ()
    changed: IdentifierEntry | None = None


def resolve(  # noqa: PLR0913 - the event's side and what it is judged by
    entry: IdentifierEntry | None,
    identifiers: tuple[Identifier, ...],
    source: str,
    workspace_namespace: uuid.UUID,
    *,
    request_all: bool = False,
    epoch: int = 0,
) -> Resolved:
    """Return the profile of an event now, by the entry of its primary identifier, and the pairs to be decided.

    `identifiers`: at least one, as `IdentityRules.usable` returns them; the first is the primary. A pair is requested
    anew for each source, whose evidence can be taken back alone, and for other stronger identifiers beside it, with
    which it may be tied. `request_all`: even what was requested before. `epoch`: as `IdentityRules.epoch` returns it.
    """
    primary = identifiers[0]
    stored = entry or _NEVER_LINKED
    profile_id = stored.profile_id or default_profile_id(workspace_namespace, primary)
    if len(identifiers) == 1:
        return Resolved(profile_id)
    hashes = _hashes(identifiers[1:], f"{source}\n{epoch}" if epoch else source)
    new_pairs = tuple(other for other, hashed in hashes.items() if not _contains(stored.paired, hashed))
    if not new_pairs:
        return Resolved(profile_id, identifiers[1:] if request_all else ())
    paired = stored.paired + b"".join(hashes[other] for other in new_pairs)
    # The oldest fall out: requesting a pair again is harmless, an entry without bound is not.
    changed = msgspec.structs.replace(stored, paired=paired[-MAX_PAIRED * _HASH_BYTES :])
    return Resolved(profile_id, identifiers[1:] if request_all else new_pairs, changed)


def apply_route(entry: IdentifierEntry | None, route: Route) -> IdentifierEntry:
    """Return the entry after a route: a higher decision wins, an older or equal one changes nothing.

    One that reopens, whatever its age, lets all pairs be requested again.
    """
    stored = entry or _NEVER_LINKED
    if route.reopen and stored.paired:
        stored = msgspec.structs.replace(stored, paired=b"")
    if route.decision <= stored.decision or not route.profile_id:
        return stored
    return msgspec.structs.replace(stored, profile_id=route.profile_id, decision=route.decision)


def _hashes(identifiers: Sequence[Identifier], prefix: str) -> dict[Identifier, bytes]:
    """Hash each identifier with the stronger ones before it."""
    hashes, company = {}, prefix
    for identifier in identifiers:
        company = f"{identifier}\n{company}"
        hashes[identifier] = blake2b(company.encode(), digest_size=_HASH_BYTES).digest()
    return hashes


def _contains(packed: bytes, hashed: bytes) -> bool:
    offset = packed.find(hashed)
    while offset >= 0 and offset % _HASH_BYTES:
        offset = packed.find(hashed, offset + 1)
    return offset >= 0
