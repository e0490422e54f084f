"""Evidence that ties identifiers, or does not, and components that become one."""

from collections.abc import Iterable, Sequence

from identity.decision import DecisionWriter
from identity.ledger import Component, Evidence, Ledger
from identity.verdicts import LinkPairs, RejectPair, ReleasePair
from schemas.records import ChangeKind, Identifier, LinkStatus, Transfer

_DROPPED: tuple[tuple[LinkStatus, ChangeKind], ...] = (("refused", "refused"), ("waiting", "quarantined"))


def link_pairs(verdict: LinkPairs, ledger: Ledger, writer: DecisionWriter) -> None:
    """Record the evidence of each pair, unite what it ties, and publish what was dropped."""
    primary = verdict.primary
    for pair in verdict.pairs:
        reason = "forbidden" if pair.forbidden_by else pair.reason
        record(primary, pair.other, [writer.evidence(pair.status, reason, pair.forbidden_by)], ledger, writer)
    tied = (pair.other for pair in verdict.pairs if pair.status == "active")
    unite(verdict.components, (primary, *tied), ledger, writer)
    for status, kind in _DROPPED:
        dropped = [pair for pair in verdict.pairs if pair.status == status]
        if dropped:
            profile_id = writer.profile_id(ledger.components.canonical_of(primary))
            named = (primary, *(pair.other for pair in dropped))
            writer.change(kind, named, reason=dropped[0].reason, profile_id=profile_id)


def release_pair(verdict: ReleasePair, ledger: Ledger, writer: DecisionWriter) -> None:
    """Record what became of a pair that was accepted, and unite what it ties."""
    left, right, refusal = verdict.left, verdict.right, verdict.refusal
    status: LinkStatus = "refused" if refusal else "active"
    record(left, right, [writer.decided(waiting, status, refusal) for waiting in verdict.waiting], ledger, writer)
    writer.change("refused" if refusal else "released", (left, right), reason=refusal)
    unite(verdict.components, (left, right), ledger, writer)


def reject_pair(verdict: RejectPair, ledger: Ledger, writer: DecisionWriter) -> None:
    """Record that a pair was rejected, and keep the two apart."""
    left, right = verdict.left, verdict.right
    record(
        left, right, [writer.decided(waiting, "refused", "forbidden") for waiting in verdict.waiting], ledger, writer
    )
    ledger.components.forbid(left, right, writer.request.occurred_at)
    writer.change("rejected", (left, right), reason=writer.request.reason)


def record(
    identifier: Identifier, other: Identifier, evidence: Iterable[Evidence], ledger: Ledger, writer: DecisionWriter
) -> None:
    """Record evidence of a pair, and publish it."""
    evidence = tuple(evidence)
    left, right = ledger.links.pair(identifier, other)
    ledger.links.record(left, right, evidence)
    writer.links(left, right, evidence)


def unite(
    components: Sequence[Component], named: tuple[Identifier, ...], ledger: Ledger, writer: DecisionWriter
) -> None:
    """Make one component of several, if there are, and send the states of their profiles to the one that stays."""
    if len(components) < 2:
        return
    united = ledger.components.unite(components)
    target = writer.profile_id(united.canonical)
    retiring = [component for component in components if component.canonical != united.canonical]
    for component in retiring:
        writer.command(component.canonical, Transfer(writer.number, target, component.identifiers))
    writer.merged(len(retiring))
    retired = tuple(writer.profile_id(component.canonical) for component in retiring)
    writer.change("merged", named, retired=retired, profile_id=target)
