"""Whose event it is, answered at once from one entry; who belongs together is left to GRAPH (`graph.py`).

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
    """`asked`: identifiers to ask GRAPH about, each with the primary. `changed`: the entry to store, or None."""

    profile_id: str
    asked: tuple[Identifier, ...] = ()
    changed: IdentifierEntry | None = None


def resolve(  # noqa: PLR0913 - the event's side and what it is judged by
    entry: IdentifierEntry | None,
    identifiers: tuple[Identifier, ...],
    source: str,
    workspace_namespace: uuid.UUID,
    *,
    asks_all: bool = False,
    epoch: int = 0,
) -> Resolved:
    """The profile of an event now, by the entry of its primary identifier, and the pairs not yet asked about.

    `identifiers`: at least one, as `IdentityRules.usable` returns them; the first is the primary. Each source is asked
    about by itself: its evidence can be taken back alone; and so is each company of stronger identifiers, since what
    was not followed in one may be in another. `asks_all`: those known as well. `epoch`: a number that changes
    when what was asked about may be answered otherwise because time has passed.
    """
    primary = identifiers[0]
    known = entry or _NEVER_LINKED
    profile_id = known.profile_id or default_profile_id(workspace_namespace, primary)
    if len(identifiers) == 1:
        return Resolved(profile_id)
    hashes = _hashes(identifiers[1:], f"{source}\n{epoch}" if epoch else source)
    new_pairs = tuple(other for other, hashed in hashes.items() if not _contains(known.paired, hashed))
    if not new_pairs:
        return Resolved(profile_id, identifiers[1:] if asks_all else ())
    paired = known.paired + b"".join(hashes[other] for other in new_pairs)
    # The oldest fall out: asking about a pair again is harmless, an entry without bound is not.
    changed = msgspec.structs.replace(known, paired=paired[-MAX_PAIRED * _HASH_BYTES :])
    return Resolved(profile_id, identifiers[1:] if asks_all else new_pairs, changed)


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


def _hashes(identifiers: Sequence[Identifier], asking: str) -> dict[Identifier, bytes]:
    """Of each identifier with the stronger ones before it."""
    hashes, company = {}, asking
    for identifier in identifiers:
        company = f"{identifier}\n{company}"
        hashes[identifier] = blake2b(company.encode(), digest_size=_HASH_BYTES).digest()
    return hashes


def _contains(packed: bytes, hashed: bytes) -> bool:
    found = packed.find(hashed)
    while found >= 0 and found % _HASH_BYTES:
        found = packed.find(hashed, found + 1)
    return found >= 0
