"""Who is who: decides requests one after the other. Pure but for the given store.

Reading requests in order, producing and storing are left to the agent, obeying the commands to PROFILE. The protocol
between the three: docs/decisions/0006-resolve-routes-at-once.md; taking back what was one: 0009.
"""

import uuid

from identity.applying import apply
from identity.decision import Decision, add_records
from identity.judging import JUDGES
from identity.ledger import Ledger, LedgerStore
from identity.profile_ids import ProfileIds
from identity.rules import IdentityRules
from identity.verdicts import ChangeNothing
from schemas.records import IdentityRequest

_NO_NAMESPACE = uuid.UUID(int=0)  # what is refused names no profile, and may name no workspace either


def decide(
    request: IdentityRequest, store: LedgerStore, workspace_namespace: uuid.UUID, rules: IdentityRules
) -> Decision:
    """Decide one request; `identifiers` and pairs must be usable, strongest first. Repeating one changes nothing."""
    ledger = Ledger(store, request.workspace, rules.rank)
    profiles = ProfileIds(workspace_namespace, ledger.devices)
    decision = Decision()
    for verdict in JUDGES[request.kind](request, ledger, rules):
        # The judge goes on with the ledger as this verdict leaves it.
        add_records(apply(verdict, ledger, profiles), request, rules.version, decision)
    return decision


def refuse(request: IdentityRequest, store: LedgerStore, rules: IdentityRules, reason: str) -> Decision:
    """Answer a request that cannot be judged."""
    ledger = Ledger(store, request.workspace, rules.rank)
    profiles, decision = ProfileIds(_NO_NAMESPACE, ledger.devices), Decision()
    add_records(apply(ChangeNothing(request.identifiers, reason), ledger, profiles), request, rules.version, decision)
    return decision
