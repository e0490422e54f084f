"""Reviews of pairs that wait because they are too much: accept and reject."""

from collections.abc import Iterator

from identity.judging.limits import ProposedMerge, refusal
from identity.judging.standing import standing
from identity.ledger import Evidence, Ledger
from identity.rules import IdentityRules
from identity.verdicts import ChangeNothing, RejectPair, ReleasePair, Verdict
from schemas.records import Identifier, IdentityRequest

_NOTHING_WAITS = ChangeNothing("nothing of this waits for a review")


def judge_acceptance(request: IdentityRequest, ledger: Ledger, rules: IdentityRules) -> Iterator[Verdict]:
    """Link what waits for a review, over caps and fan-in; limits and vetoes still hold."""
    waiting = _waiting(request, ledger)
    if not waiting:
        yield _NOTHING_WAITS
    for left, right, evidence in waiting:
        at = min(single.occurred_at for single in evidence)
        primary, other = standing(ledger, left, at), standing(ledger, right, at)
        merge = ProposedMerge(primary, rules, at, is_reviewed=True)
        if merge.holds(other.component):
            reason = "forbidden" if other.component.is_apart(left, right) else ""
            yield ReleasePair(left, right, evidence, reason, ())
        else:
            reason = refusal(merge, primary, other, rules)
            yield ReleasePair(left, right, evidence, reason, () if reason else (primary.component, other.component))


def judge_rejection(request: IdentityRequest, ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    """Refuse what waits for a review, for good."""
    waiting = _waiting(request, ledger)
    if not waiting:
        yield _NOTHING_WAITS
    for left, right, evidence in waiting:
        yield RejectPair(left, right, evidence)


def _waiting(request: IdentityRequest, ledger: Ledger) -> list[tuple[Identifier, Identifier, tuple[Evidence, ...]]]:
    pairs = []
    for pair in request.pairs:
        left, right = ledger.links.pair(pair.left, pair.right)
        waiting = tuple(single for single in ledger.links.evidence(left, right) if single.status == "waiting")
        if waiting:
            pairs.append((left, right, waiting))
    return pairs
