"""Evidence that is taken back, and the components that come of it (docs/decisions/0009)."""

from collections.abc import Iterable

from identity.applying.attributing import publish_owners
from identity.applying.linking import record
from identity.applying.rebuilds import Rebuilds
from identity.decision import DecisionWriter
from identity.ledger import Component, Ledger
from identity.verdicts import ShareDevice, TakeBack
from schemas.records import Identifier, Pair


def take_back(verdict: TakeBack, ledger: Ledger, writer: DecisionWriter) -> None:
    """Take the evidence of pairs back, and forbid those that must stay apart."""
    rebuilds = Rebuilds(ledger, writer)
    reopened = _retract(verdict.pairs, verdict.reason, ledger, writer)
    _unmerge(verdict.component, reopened, rebuilds, ledger, writer)
    for left, right in verdict.forbidden:
        ledger.components.forbid(left, right, writer.request.occurred_at)
    writer.change(
        "unmerged", verdict.named, profile_id=writer.profile_id(verdict.component.canonical),
        reason=writer.request.reason, claimants=rebuilds.claimants,
    )  # fmt: skip


def share_device(verdict: ShareDevice, ledger: Ledger, writer: DecisionWriter) -> None:
    """Take all links of a device back; if its events are attributed, rebuild whoever has signed in on it."""
    device = verdict.device
    ledger.devices.share(device, writer.number, verdict.is_attributed)
    rebuilds = Rebuilds(ledger, writer)
    component = ledger.components.of(device)
    reopened = _retract([Pair(device, other) for other in ledger.links.near(device)], "shared", ledger, writer)
    _unmerge(component, reopened, rebuilds, ledger, writer)
    if verdict.is_attributed:
        rebuilds.persons((device, *(sign_in.identifier for sign_in in ledger.devices.sign_ins(device))))
    writer.change("shared", (device, *verdict.persons), reason="shared", claimants=rebuilds.claimants)
    if verdict.is_attributed:
        publish_owners(device, (), ledger, writer)


def _retract(pairs: Iterable[Pair], reason: str, ledger: Ledger, writer: DecisionWriter) -> set[Identifier]:
    """Take the active evidence of pairs back, of one source or (empty) of all; return whose pairs may be seen anew."""
    reopened = set()
    for pair in pairs:
        retracted = [
            writer.decided(evidence, "retracted", reason)
            for evidence in ledger.links.evidence(pair.left, pair.right)
            if evidence.status == "active" and pair.source in ("", evidence.source)
        ]
        if not retracted:
            continue
        record(pair.left, pair.right, retracted, ledger, writer)
        if reason != "shared":
            _forget_sign_ins(pair.left, pair.right, ledger)
        reopened |= {pair.left, pair.right}
    return reopened


def _forget_sign_ins(left: Identifier, right: Identifier, ledger: Ledger) -> None:
    if any(evidence.status == "active" for evidence in ledger.links.evidence(left, right)):
        return
    for device, person in ((left, right), (right, left)):
        if device in ledger.devices.used_by(person):
            ledger.devices.forget_sign_ins(device, person)


def _unmerge(
    component: Component, reopened: set[Identifier], rebuilds: Rebuilds, ledger: Ledger, writer: DecisionWriter
) -> None:
    """Make the pieces that the remaining links hold together components of their own, if there are several."""
    pieces = ledger.links.pieces(component.identifiers)
    if len(pieces) < 2:
        # Whatever did not come apart stays routed as it is: the state of a merge may still be on its way.
        for identifier in component.identifiers:
            if identifier in reopened:
                writer.route(identifier, "", reopen=True)
        return
    unmerged = ledger.components.unmerge(component, pieces)
    reopened |= _reopen_refused(component, ledger, writer)
    for piece in unmerged:
        rebuilds.component(piece)
        profile_id = writer.profile_id(piece.canonical)
        for identifier in piece.identifiers:
            writer.route(identifier, profile_id, reopen=identifier in reopened)


def _reopen_refused(component: Component, ledger: Ledger, writer: DecisionWriter) -> set[Identifier]:
    """Let pairs be followed when they are seen again that were refused because the component was one.

    Return its members of such pairs.
    """
    refused = {member: ledger.links.refused(member) for member in component.identifiers}
    others = dict.fromkeys(other for pairs in refused.values() for other in pairs if other not in refused)
    for other in others:
        writer.route(other, "", reopen=True)
    return {member for member, pairs in refused.items() if pairs}
