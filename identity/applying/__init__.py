"""The only place that writes the ledger: applies verdicts to it, and writes what follows into the decision."""

from identity.applying.attributing import attribute_device, reattribute_device
from identity.applying.linking import link_pairs, reject_pair, release_pair
from identity.applying.unmerging import share_device, take_back
from identity.decision import DecisionWriter
from identity.ledger import Ledger
from identity.verdicts import (
    AttributeDevice,
    ChangeNothing,
    LinkPairs,
    ReattributeDevice,
    RejectPair,
    ReleasePair,
    RememberSignIns,
    ShareDevice,
    TakeBack,
    Verdict,
)


def apply(verdict: Verdict, ledger: Ledger, writer: DecisionWriter) -> None:
    """Apply one verdict; `writer` has a number for it, which `takes_number` says if it needs."""
    match verdict:
        case ChangeNothing(reason=reason):
            writer.nothing(reason)
        case RememberSignIns(device=device, sign_ins=sign_ins):
            ledger.devices.keep_sign_ins(device, sign_ins)
        case LinkPairs():
            link_pairs(verdict, ledger, writer)
        case ShareDevice():
            share_device(verdict, ledger, writer)
        case TakeBack():
            take_back(verdict, ledger, writer)
        case ReleasePair():
            release_pair(verdict, ledger, writer)
        case RejectPair():
            reject_pair(verdict, ledger, writer)
        case AttributeDevice():
            attribute_device(verdict, ledger, writer)
        case ReattributeDevice():
            reattribute_device(verdict, ledger, writer)


def takes_number(verdict: Verdict) -> bool:
    """Tell whether a verdict is a decision with a number of its own."""
    return not isinstance(verdict, ChangeNothing | RememberSignIns)
