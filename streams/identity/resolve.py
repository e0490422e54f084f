"""Whose event it is, answered at once from one entry; who belongs together is left to GRAPH (`graph.py`).

Why no event waits for a decision: docs/decisions/0006-resolve-routes-at-once.md.
"""

import uuid
from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from schemas.identity import default_profile_id
from schemas.records import Identifier, Route
from streams.identity.entries import IdentifierEntry

MAX_PAIRED = 1_024
_HASH_BYTES = 8
_NEVER_LINKED = IdentifierEntry()


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """`asked`: identifiers to ask GRAPH about, each with the primary. `changed`: the entry to store, or None."""

    profile_id: str
    asked: tuple[Identifier, ...] = ()
    changed: IdentifierEntry | None = None


def resolve(
    entry: IdentifierEntry | None,
    identifiers: tuple[Identifier, ...],
    source: str,
    workspace_namespace: uuid.UUID,
    again: Sequence[Identifier] = (),
) -> Resolved:
    """The profile of an event now, by the entry of its primary identifier, and the pairs not yet asked about.

    `identifiers`: at least one, as `IdentityRules.usable` returns them; the first is the primary. Each source is asked
    about by itself: its evidence can be taken back alone. `again`: those of them to ask about in any case.
    """
    primary = identifiers[0]
    known = entry or _NEVER_LINKED
    profile_id = known.profile_id or default_profile_id(workspace_namespace, primary)
    if len(identifiers) == 1:
        return Resolved(profile_id)
    hashes = {other: _hash(other, source) for other in identifiers[1:]}
    new_pairs = tuple(other for other, hashed in hashes.items() if not _contains(known.paired, hashed))
    if not new_pairs:
        return Resolved(profile_id, tuple(other for other in identifiers[1:] if other in again))
    paired = known.paired + b"".join(hashes[other] for other in new_pairs)
    # The oldest fall out: asking about a pair again is harmless, an entry without bound is not.
    changed = msgspec.structs.replace(known, paired=paired[-MAX_PAIRED * _HASH_BYTES :])
    asked = tuple(other for other in identifiers[1:] if other in new_pairs or other in again) if again else new_pairs
    return Resolved(profile_id, asked, changed)


def apply_route(entry: IdentifierEntry | None, route: Route) -> IdentifierEntry:
    """The entry after a route: a higher decision wins, an older or equal one changes nothing.

    One that reopens, whatever its age, lets GRAPH be asked about all pairs again.
    """
    known = entry or _NEVER_LINKED
    if route.reopen and known.paired:
        known = msgspec.structs.replace(known, paired=b"")
    if route.decision <= known.decision or not route.profile_id:
        return known
    return msgspec.structs.replace(known, profile_id=route.profile_id, decision=route.decision)


def _hash(identifier: Identifier, source: str) -> bytes:
    return blake2b(f"{identifier}\n{source}".encode(), digest_size=_HASH_BYTES).digest()


def _contains(packed: bytes, hashed: bytes) -> bool:
    found = packed.find(hashed)
    while found >= 0 and found % _HASH_BYTES:
        found = packed.find(hashed, found + 1)
    return found >= 0
