"""Evidence that ties identifiers, or does not, and components that become one."""

from collections.abc import Sequence

import msgspec

from identity.decision import DecisionEffects, NewChange, NewLink
from identity.ledger import Component, Ledger
from identity.verdicts import AcceptPair, LinkPairs, MergePair, PairEvidence, RefusePair
from schemas.records import ChangeKind, Identifier, LinkStatus, Transfer

_DROPPED: tuple[tuple[LinkStatus, ChangeKind], ...] = (("refused", "refused"), ("waiting", "quarantined"))


def link_pairs(verdict: LinkPairs, ledger: Ledger, effects: DecisionEffects) -> None:
    """Record the evidence of each pair, unite what it ties, and say what was dropped."""
    primary = verdict.primary
    for pair in verdict.pairs:
        record(PairEvidence(primary, pair.other, (pair.evidence,)), ledger, effects)
    tied = (pair.other for pair in verdict.pairs if pair.evidence.status == "active")
    unite(verdict.components, (primary, *tied), ledger, effects)
    for status, kind in _DROPPED:
        dropped = [pair for pair in verdict.pairs if pair.evidence.status == status]
        if dropped:
            profile_id = effects.profiles.of(ledger.components.canonical_of(primary))
            named = (primary, *(pair.other for pair in dropped))
            effects.changes.append(NewChange(kind, named, dropped[0].reason, profile_id=profile_id))


def accept_pair(verdict: AcceptPair, ledger: Ledger, effects: DecisionEffects) -> None:
    """Record what became of a pair that was accepted, and unite what it ties."""
    named = (verdict.accepted.identifier, verdict.accepted.other)
    record(verdict.accepted, ledger, effects)
    effects.changes.append(NewChange("refused" if verdict.refusal else "accepted", named, verdict.refusal))
    unite(verdict.components, named, ledger, effects)


def merge_pair(verdict: MergePair, ledger: Ledger, effects: DecisionEffects) -> None:
    """Record what ties a pair because an operator says so, and unite it; a change says so in any case."""
    named = (verdict.merged.identifier, verdict.merged.other)
    record(verdict.merged, ledger, effects)
    if verdict.components:
        unite(verdict.components, named, ledger, effects, verdict.reason)
    else:
        profile_id = effects.profiles.of(ledger.components.canonical_of(named[0]))
        effects.changes.append(NewChange("merged", named, verdict.reason, profile_id=profile_id))


def refuse_pair(verdict: RefusePair, ledger: Ledger, effects: DecisionEffects) -> None:
    """Record that an operator refused a pair, and keep the two apart."""
    named = (verdict.refused.identifier, verdict.refused.other)
    record(verdict.refused, ledger, effects)
    ledger.components.forbid(*named, verdict.at)
    effects.changes.append(NewChange("refused", named, verdict.reason))


def record(pair: PairEvidence, ledger: Ledger, effects: DecisionEffects) -> None:
    """Record evidence of a pair under the number of the decision, in the ledger and for others."""
    numbered = [msgspec.structs.replace(evidence, decision=effects.number) for evidence in pair.evidence]
    left, right = ledger.links.record(pair.identifier, pair.other, numbered)
    effects.links += [NewLink(left, right, evidence) for evidence in numbered]


def unite(
    components: Sequence[Component],
    named: tuple[Identifier, ...],
    ledger: Ledger,
    effects: DecisionEffects,
    reason: str = "",
) -> None:
    """Make one component of several, if there are, and send the states of their profiles to the one that stays.

    `reason`: the operator's words.
    """
    if len(components) < 2:
        return
    united = ledger.components.unite(components)
    target = effects.profiles.of(united.canonical)
    retiring = [component for component in components if component.canonical != united.canonical]
    retired = tuple(effects.profiles.of(component.canonical) for component in retiring)
    for profile_id, component in zip(retired, retiring, strict=True):
        transfer = Transfer(effects.number, target, component.identifiers, canonical=united.canonical)
        effects.commands.append((profile_id, transfer))
    effects.merged += len(retiring)
    effects.changes.append(NewChange("merged", named, reason, retired=retired, profile_id=target))
