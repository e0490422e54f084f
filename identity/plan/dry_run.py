"""What requests that take evidence back would do, decided on a copy of the ledger. Pure.

Reading what the copy is made of, and counting events, is left to `warehouse`.
"""

import uuid
from collections.abc import Mapping, Sequence

import msgspec

from identity.decide import decide
from identity.ownership import SignIns
from identity.plan.copies import copied_ledger
from identity.plan.simulation import MemoryStore, Present
from identity.rules import IdentityRules
from schemas.records import Claimant, Identifier, IdentityRequest


class DryRun(msgspec.Struct, frozen=True):
    """The profiles that there would be, with their claims, and the identifiers of each.

    `reasons`: GRAPH's words for what would change nothing.
    """

    claimants: tuple[Claimant, ...]
    identifiers: dict[str, tuple[Identifier, ...]]
    reasons: tuple[str, ...]


def try_requests(
    requests: Sequence[IdentityRequest],
    present: Present,
    sign_ins: Mapping[Identifier, SignIns],
    workspace_namespace: uuid.UUID,
    rules: IdentityRules,
) -> DryRun:
    """Decide requests of one workspace one after the other, on a copy of who is who that is forgotten afterwards."""
    store = MemoryStore()
    copied_ledger(store, requests[0].workspace, rules, present.links.values(), present.shared, sign_ins)
    claimants: dict[str, Claimant] = {}
    identifiers: dict[str, tuple[Identifier, ...]] = {}
    reasons: dict[str, None] = {}
    for request in requests:
        decision = decide(request, store, workspace_namespace, rules)
        for change in decision.changes:
            claimants |= {claimant.profile_id: claimant for claimant in change.claimants}
            reasons |= {change.reason: None} if change.kind == "nothing" else {}
        for command in decision.commands:
            if command.rebuild is not None:
                identifiers[command.profile_id] = command.rebuild.identifiers
    return DryRun(tuple(claimants.values()), identifiers, tuple(reasons))
