"""Who is who: decides requests one after the other. Pure but for the given store.

Reading requests in order, producing and storing are left to the agent, obeying the commands to PROFILE. The protocol
between the three: docs/decisions/0006-resolve-routes-at-once.md; taking back what was one: 0009.
"""

import uuid

from identity.applying import apply, takes_number
from identity.decision import Decision, DecisionWriter, unchanged
from identity.judging import JUDGES
from identity.ledger import Ledger, LedgerStore
from identity.rules import IdentityRules
from schemas.records import IdentityRequest


def decide(
    request: IdentityRequest, store: LedgerStore, workspace_namespace: uuid.UUID, rules: IdentityRules
) -> Decision:
    """Decide one request; `identifiers` and pairs must be usable, strongest first. Repeating one changes nothing."""
    ledger = Ledger(store, request.workspace, rules.rank)
    decision = Decision()
    for verdict in JUDGES[request.kind](request, ledger, rules):
        # The judge goes on with the ledger as this verdict leaves it.
        number = ledger.next_decision() if takes_number(verdict) else ledger.last_decision()
        apply(verdict, ledger, DecisionWriter(decision, request, workspace_namespace, rules.version, number))
    return decision


def refuse(request: IdentityRequest, store: LedgerStore, rules: IdentityRules, reason: str) -> Decision:
    """Answer a request that cannot be judged."""
    number = Ledger(store, request.workspace, rules.rank).last_decision()
    return Decision(changes=[unchanged(request, number, rules.version, reason)])
