"""Evidence as a request decides it; the number of the decision follows when it is applied."""

from collections.abc import Iterable

import msgspec

from identity.ledger import Evidence, Ledger
from identity.verdicts import PairEvidence
from schemas.records import Identifier, IdentityRequest, LinkStatus, Pair

_NUMBER_FOLLOWS = 0


def shown(request: IdentityRequest, rule_version: str, status: LinkStatus, reason: str, forbidden_by: str) -> Evidence:
    """Return what the event of a request shows; `forbidden_by`: id of the request that has forbidden it, or empty."""
    return Evidence(
        request.source, request.message_id, request.occurred_at, rule_version, _NUMBER_FOLLOWS, status,
        "forbidden" if forbidden_by else reason, forbidden_by,
    )  # fmt: skip


def decided(request: IdentityRequest, evidence: Evidence, status: LinkStatus, reason: str) -> Evidence:
    """Return earlier evidence as a request decides it now."""
    return msgspec.structs.replace(
        evidence, decision=_NUMBER_FOLLOWS, status=status, reason=reason, request_id=request.request_id
    )


def is_retractable(pair: Pair, ledger: Ledger) -> bool:
    """Tell whether there is evidence of a pair, of one source or (empty) of any, that is in force or waits."""
    return any(_is_meant(pair, evidence) for evidence in ledger.links.evidence(pair.left, pair.right))


def retracted(pairs: Iterable[Pair], reason: str, request: IdentityRequest, ledger: Ledger) -> tuple[PairEvidence, ...]:
    """Return the evidence of pairs that is in force or waits, as it is taken back, each once."""
    taken: set[tuple[Identifier, Identifier, str]] = set()
    verdicts = []
    for pair in pairs:
        left, right = ledger.links.pair(pair.left, pair.right)
        evidence = [
            decided(request, single, "retracted", reason)
            for single in ledger.links.evidence(left, right)
            if _is_meant(pair, single) and (left, right, single.source) not in taken
        ]
        if evidence:
            taken |= {(left, right, single.source) for single in evidence}
            verdicts.append(PairEvidence(left, right, tuple(evidence)))
    return tuple(verdicts)


def _is_meant(pair: Pair, evidence: Evidence) -> bool:
    return evidence.status in {"active", "waiting"} and pair.source in ("", evidence.source)
