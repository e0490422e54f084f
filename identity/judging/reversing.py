"""Ways back: what was forbidden is allowed again, and a device that was found shared is shared no more."""

from collections.abc import Iterable, Iterator

from identity.judging.evidence import decided
from identity.judging.merging import judge_reviewed_pair
from identity.ledger import Evidence, Ledger
from identity.rules import IdentityRules
from identity.verdicts import AllowPairs, ChangeNothing, MergePair, PairEvidence, UnshareDevice, Verdict
from schemas.records import Identifier, IdentityRequest


def judge_allowance(request: IdentityRequest, ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    """Allow whatever is forbidden between the persons of each pair; it ties nobody.

    Within one person only the pair itself can be meant.
    """
    if not request.pairs:
        yield ChangeNothing(request.identifiers, "nothing is to be allowed")
    for pair in request.pairs:
        allowed = tuple(ledger.components.forbidden_between(pair.left, pair.right))
        if allowed:
            evidence = tuple(_undecided(allowed, request, ledger))
            yield AllowPairs((pair.left, pair.right), allowed, evidence, request.reason)
        else:
            named = (pair.left, pair.right)
            yield ChangeNothing(named, f"nothing is forbidden between {pair.left} and {pair.right}")


def judge_unsharing(request: IdentityRequest, ledger: Ledger, rules: IdentityRules) -> Iterator[Verdict]:
    """Make a device one like any other, and put back the links that its being shared took, as far as rules let them.

    Whoever has signed in on it gives up the events of it, also who owns none any more: a replay may still hold some.
    """
    for device in request.identifiers:
        if not ledger.devices.is_shared(device):
            yield ChangeNothing((device,), f"{device} is no shared device")
            continue
        sign_ins = ledger.devices.sign_ins(device) if ledger.devices.is_attributed(device) else ()
        untied = sorted(ledger.devices.untied(device), key=rules.rank)
        yield UnshareDevice(device, sign_ins, request.reason)
        yield from _tied_again(device, untied, request, ledger, rules)
    if not request.identifiers:
        yield ChangeNothing((), "no device is named")


def _tied_again(
    device: Identifier,
    untied: Iterable[Identifier],
    request: IdentityRequest,
    ledger: Ledger,
    rules: IdentityRules,
) -> Iterator[MergePair]:
    """Yield the links that are in force again, strongest first; size and fan-in count as accepted."""
    for other in untied:
        ends = ledger.links.pair(device, other)
        evidence = tuple(
            decided(request, single, "active", "")
            for single in ledger.links.evidence(*ends)
            if single.reason == "shared" and single.status in {"retracted", "refused"}
        )
        if not evidence:
            continue
        at = min(single.occurred_at for single in evidence)
        reason, components = judge_reviewed_pair(*ends, at, ledger, rules)
        if not reason:
            yield MergePair(PairEvidence(*ends, evidence), components, request.reason)


def _undecided(
    pairs: Iterable[tuple[Identifier, Identifier]], request: IdentityRequest, ledger: Ledger
) -> Iterator[PairEvidence]:
    """Yield the evidence of pairs that is not in force, as evidence that nobody has forbidden."""
    for left, right in pairs:
        ends = ledger.links.pair(left, right)
        evidence = tuple(filter(None, (_allowed(single, request) for single in ledger.links.evidence(*ends))))
        if evidence:
            yield PairEvidence(*ends, evidence)


def _allowed(evidence: Evidence, request: IdentityRequest) -> Evidence | None:
    if evidence.status == "refused":
        return decided(request, evidence, "retracted", "allowed")
    if evidence.status == "retracted" and evidence.reason == "forbidden":
        return decided(request, evidence, "retracted", "retracted")
    return None
