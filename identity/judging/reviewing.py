"""Reviews of pairs that wait because they are too much: accept and refuse."""

from collections.abc import Iterator

from identity.judging.evidence import decided
from identity.judging.merging import judge_reviewed_pair
from identity.ledger import Ledger
from identity.rules import IdentityRules
from identity.verdicts import AcceptPair, ChangeNothing, PairEvidence, RefusePair, Verdict
from schemas.records import IdentityRequest, LinkStatus

_NOTHING_WAITS = "nothing of this waits for a review"


def judge_acceptance(request: IdentityRequest, ledger: Ledger, rules: IdentityRules) -> Iterator[Verdict]:
    """Link what waits for a review, over caps and fan-in; limits and vetoes still hold."""
    waiting = _waiting(request, ledger)
    if not waiting:
        yield ChangeNothing(request.identifiers, _NOTHING_WAITS)
    for pair in waiting:
        at = min(single.occurred_at for single in pair.evidence)
        reason, components = judge_reviewed_pair(pair.identifier, pair.other, at, ledger, rules)
        accepted = _reviewed(pair, "refused" if reason else "active", reason, request)
        yield AcceptPair(accepted, reason, components)


def judge_refusal(request: IdentityRequest, ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    """Refuse what waits for a review, for good."""
    waiting = _waiting(request, ledger)
    if not waiting:
        yield ChangeNothing(request.identifiers, _NOTHING_WAITS)
    for pair in waiting:
        yield RefusePair(_reviewed(pair, "refused", "forbidden", request), request.occurred_at, request.reason)


def _waiting(request: IdentityRequest, ledger: Ledger) -> list[PairEvidence]:
    pairs = []
    for pair in request.pairs:
        left, right = ledger.links.pair(pair.left, pair.right)
        waiting = tuple(single for single in ledger.links.evidence(left, right) if single.status == "waiting")
        if waiting:
            pairs.append(PairEvidence(left, right, waiting))
    return pairs


def _reviewed(pair: PairEvidence, status: LinkStatus, reason: str, request: IdentityRequest) -> PairEvidence:
    evidence = tuple(decided(request, single, status, reason) for single in pair.evidence)
    return PairEvidence(pair.identifier, pair.other, evidence)
