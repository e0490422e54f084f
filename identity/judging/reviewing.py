"""Reviews of pairs that wait because they are too much: accept and refuse."""

from collections.abc import Iterator

from identity.judging.evidence import decided
from identity.judging.merging import judge_reviewed_pair
from identity.ledger import Ledger
from identity.rules import IdentityRules
from identity.verdicts import AcceptPair, ChangeNothing, PairEvidence, RefusePair, Verdict
from schemas.records import IdentityRequest, LinkStatus


def judge_acceptance(request: IdentityRequest, ledger: Ledger, rules: IdentityRules) -> Iterator[Verdict]:
    """Link what waits for a review, over caps and fan-in; limits and vetoes still hold."""
    for pair in _reviewed_pairs(request, ledger):
        if isinstance(pair, ChangeNothing):
            yield pair
            continue
        at = min(single.occurred_at for single in pair.evidence)
        reason, components = judge_reviewed_pair(pair.identifier, pair.other, at, ledger, rules)
        accepted = _reviewed(pair, "refused" if reason else "active", reason, request)
        yield AcceptPair(accepted, reason, components)


def judge_refusal(request: IdentityRequest, ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    """Refuse what waits for a review, for good."""
    for pair in _reviewed_pairs(request, ledger):
        if isinstance(pair, ChangeNothing):
            yield pair
            continue
        yield RefusePair(_reviewed(pair, "refused", "forbidden", request), request.occurred_at, request.reason)


def _reviewed_pairs(request: IdentityRequest, ledger: Ledger) -> Iterator[PairEvidence | ChangeNothing]:
    """Yield what waits of each pair of the request; or, where nothing does, the answer that says so."""
    if not request.pairs:
        yield ChangeNothing(request.identifiers, "nothing is to be reviewed")
    for pair in request.pairs:
        left, right = ledger.links.pair(pair.left, pair.right)
        waiting = tuple(single for single in ledger.links.evidence(left, right) if single.status == "waiting")
        if waiting:
            yield PairEvidence(left, right, waiting)
        else:
            yield ChangeNothing((left, right), f"no link of {left} and {right} waits for a review")


def _reviewed(pair: PairEvidence, status: LinkStatus, reason: str, request: IdentityRequest) -> PairEvidence:
    evidence = tuple(decided(request, single, status, reason) for single in pair.evidence)
    return PairEvidence(pair.identifier, pair.other, evidence)
