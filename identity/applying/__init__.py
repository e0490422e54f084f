"""The only place that writes the ledger: applies verdicts to it, and returns what follows for everybody else."""

from identity.applying.attributing import attribute_device, reattribute_device
from identity.applying.linking import link_pairs, merge_pair, reject_pair, release_pair
from identity.applying.rebuilds import Rebuilds
from identity.applying.reversing import allow_pairs, unshare_device
from identity.applying.unmerging import retract_evidence, share_device
from identity.decision import DecisionEffects, NewChange
from identity.ledger import Ledger
from identity.profile_ids import ProfileIds
from identity.verdicts import (
    AllowPairs,
    AttributeDevice,
    ChangeNothing,
    LinkPairs,
    MergePair,
    ReattributeDevice,
    Recount,
    RejectPair,
    ReleasePair,
    RememberSignIns,
    RetractEvidence,
    ShareDevice,
    UnshareDevice,
    Verdict,
)


def apply(verdict: Verdict, ledger: Ledger, profiles: ProfileIds) -> DecisionEffects:
    """Apply one verdict under a number of its own; what decides nothing has the number of the decision before it."""
    decides_nothing = isinstance(verdict, ChangeNothing | RememberSignIns)
    effects = DecisionEffects(ledger.last_decision() if decides_nothing else ledger.next_decision(), profiles)
    match verdict:
        case ChangeNothing(named=named, reason=reason):
            effects.changes.append(NewChange("nothing", named, reason))
        case RememberSignIns(device=device, sign_ins=sign_ins):
            ledger.devices.keep_sign_ins(device, sign_ins)
        case LinkPairs():
            link_pairs(verdict, ledger, effects)
        case ShareDevice():
            share_device(verdict, ledger, effects)
        case RetractEvidence():
            retract_evidence(verdict, ledger, effects)
        case ReleasePair():
            release_pair(verdict, ledger, effects)
        case RejectPair():
            reject_pair(verdict, ledger, effects)
        case MergePair():
            merge_pair(verdict, ledger, effects)
        case AllowPairs():
            allow_pairs(verdict, ledger, effects)
        case UnshareDevice():
            unshare_device(verdict, ledger, effects)
        case AttributeDevice():
            attribute_device(verdict, ledger, effects)
        case ReattributeDevice():
            reattribute_device(verdict, ledger, effects)
        case Recount(identifier=identifier):
            rebuilds = Rebuilds(ledger, effects)
            rebuilds.persons((identifier,))
            effects.changes.append(NewChange("recounted", (identifier,), "repeated", claimants=rebuilds.claimants))
    return effects
