"""The only place that writes the ledger: applies verdicts to it, and returns what follows for everybody else."""

from collections.abc import Callable, Mapping
from typing import Any

from identity.applying.attributing import attribute_device, reattribute_device
from identity.applying.linking import accept_pair, link_pairs, merge_pair, refuse_pair
from identity.applying.rebuilds import Rebuilds
from identity.applying.reversing import allow_pairs, unshare_device
from identity.applying.unmerging import retract_evidence, share_device
from identity.decision import DecisionEffects, NewChange
from identity.ledger import Ledger
from identity.profile_ids import ProfileIds
from identity.verdicts import (
    AcceptPair,
    AllowPairs,
    AttributeDevice,
    ChangeNothing,
    LinkPairs,
    MergePair,
    ReattributeDevice,
    Recount,
    RefusePair,
    RememberSignIns,
    RetractEvidence,
    ShareDevice,
    UnshareDevice,
    Verdict,
)


def _change_nothing(verdict: ChangeNothing, _: Ledger, effects: DecisionEffects) -> None:
    effects.changes.append(NewChange("nothing", verdict.named, verdict.reason))


def _remember_sign_ins(verdict: RememberSignIns, ledger: Ledger, _: DecisionEffects) -> None:
    ledger.devices.keep_sign_ins(verdict.device, verdict.sign_ins)


def _recount(verdict: Recount, ledger: Ledger, effects: DecisionEffects) -> None:
    rebuilds = Rebuilds(ledger, effects)
    rebuilds.persons((verdict.identifier,))
    effects.changes.append(NewChange("recounted", (verdict.identifier,), "repeated", claimants=rebuilds.claimants))


_APPLIED_BY: Mapping[type, Callable[[Any, Ledger, DecisionEffects], None]] = {
    ChangeNothing: _change_nothing,
    RememberSignIns: _remember_sign_ins,
    LinkPairs: link_pairs,
    ShareDevice: share_device,
    RetractEvidence: retract_evidence,
    AcceptPair: accept_pair,
    RefusePair: refuse_pair,
    MergePair: merge_pair,
    AllowPairs: allow_pairs,
    UnshareDevice: unshare_device,
    AttributeDevice: attribute_device,
    ReattributeDevice: reattribute_device,
    Recount: _recount,
}


def apply(verdict: Verdict, ledger: Ledger, profiles: ProfileIds) -> DecisionEffects:
    """Apply one verdict under a number of its own; what decides nothing has the number of the decision before it."""
    decides_nothing = isinstance(verdict, ChangeNothing | RememberSignIns)
    effects = DecisionEffects(ledger.last_decision() if decides_nothing else ledger.next_decision(), profiles)
    _APPLIED_BY[type(verdict)](verdict, ledger, effects)
    return effects
