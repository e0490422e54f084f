"""Merges that an operator decides on: of pairs that wait, and of pairs that no event shows."""

from collections.abc import Iterator

import msgspec

from identity.judging.evidence import decided, shown
from identity.judging.limits import ProposedMerge, refusal
from identity.judging.standing import standing
from identity.ledger import Component, Ledger
from identity.rules import IdentityRules
from identity.verdicts import ChangeNothing, MergePair, PairEvidence, Verdict
from schemas.changes import OPERATOR
from schemas.records import Identifier, IdentityRequest, Pair


def judge_merge_by_hand(request: IdentityRequest, ledger: Ledger, rules: IdentityRules) -> Iterator[Verdict]:
    """Tie the identifiers of each pair by evidence of the operator; what is against it is the answer, and not kept.

    A pair that is refused is judged again after others were tied: in which order they are named makes no difference.
    """
    if not request.pairs:
        yield ChangeNothing(request.identifiers, "nothing is to be merged")
    pending = list(dict.fromkeys(request.pairs))
    while pending:
        refused: dict[Pair, ChangeNothing] = {}
        for pair in pending:
            verdict = _judge(pair, request, ledger, rules)
            if isinstance(verdict, ChangeNothing):
                refused[pair] = verdict
            else:
                yield verdict
        if len(refused) == len(pending):
            yield from refused.values()
            return
        pending = list(refused)


def _judge(pair: Pair, request: IdentityRequest, ledger: Ledger, rules: IdentityRules) -> MergePair | ChangeNothing:
    left, right = ends = ledger.links.pair(pair.left, pair.right)
    if left == right:
        return ChangeNothing(ends, f"{left} is one person with itself")
    if any(earlier.source == OPERATOR and earlier.status == "active" for earlier in ledger.links.evidence(*ends)):
        return ChangeNothing(ends, f"{left} and {right} were merged by hand already")
    reason, components = judge_reviewed_pair(left, right, request.occurred_at, ledger, rules)
    if reason:
        return ChangeNothing(ends, reason)
    by_hand = msgspec.structs.replace(shown(request, rules.version, "active", "", ""), source=OPERATOR)
    evidence = decided(request, by_hand, "active", "")
    return MergePair(PairEvidence(left, right, (evidence,)), components, request.reason)


def judge_reviewed_pair(
    left: Identifier, right: Identifier, at: int, ledger: Ledger, rules: IdentityRules
) -> tuple[str, tuple[Component, ...]]:
    """Return why a pair must not be tied though its size and fan-in are accepted, or the components that become one.

    `at`: time (ms) that sliding limits are counted back from.
    """
    primary, other = standing(ledger, left, at), standing(ledger, right, at)
    merge = ProposedMerge(primary, rules, at, is_reviewed=True)
    if merge.holds(other.component):
        return "forbidden" if other.component.is_apart(left, right) else "", ()
    reason = refusal(merge, primary, other, rules)
    return reason, () if reason else (primary.component, other.component)
