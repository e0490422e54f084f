"""What a fold is given besides state and event, and what it leaves besides the new state; no behaviour."""

import hashlib
from collections.abc import Callable

import msgspec

from definitions import Program
from identity.rules import DEFAULT_RULES, IdentityRules
from schemas.records import ProfileKind, SegmentChange, Session


class FoldContext(msgspec.Struct, frozen=True, gc=False):
    """Whose profile is folded, by which definitions; `program` is the one of the profile's workspace."""

    workspace: str
    profile_id: str
    program: Program
    source_priority: Callable[[str], int]
    rules: IdentityRules = DEFAULT_RULES
    kind: ProfileKind = "person"


class Outputs(msgspec.Struct, gc=False):
    """Records of one batch, of any number of profiles. Of a session only the last record of the batch is kept."""

    segment_changes: list[SegmentChange] = []
    sessions: dict[str, Session] = {}
    dropped_traits: int = 0


def stable_id(cause: str) -> str:
    """The same id for the same cause, whoever computes it and however often."""
    return hashlib.blake2b(cause.encode(), digest_size=16).hexdigest()
