"""Evidence that is taken back, and the components that come of it (docs/decisions/0009)."""

from collections.abc import Iterable

from identity.applying.attributing import name_owners
from identity.applying.linking import record
from identity.applying.rebuilds import Rebuilds
from identity.decision import DecisionEffects, NewChange, NewRoute
from identity.ledger import Component, Ledger
from identity.verdicts import PairEvidence, RetractEvidence, ShareDevice
from schemas.records import Identifier


def retract_evidence(verdict: RetractEvidence, ledger: Ledger, effects: DecisionEffects) -> None:
    """Take the evidence of pairs back, and forbid those that must stay apart."""
    for pair in verdict.retracted:
        record(pair, ledger, effects)
        _forget_sign_ins(pair, ledger)
    rebuilds = Rebuilds(ledger, effects)
    _unmerge(verdict.component, verdict.retracted, rebuilds, ledger, effects)
    for left, right in verdict.forbidden:
        ledger.components.forbid(left, right, verdict.at)
    profile_id = effects.profiles.of(verdict.component.canonical)
    effects.changes.append(
        NewChange("unmerged", verdict.named, verdict.reason, profile_id=profile_id, claimants=rebuilds.claimants)
    )


def share_device(verdict: ShareDevice, ledger: Ledger, effects: DecisionEffects) -> None:
    """Take all links of a device back; if its events are attributed, rebuild whoever has signed in on it."""
    device = verdict.device
    was_shared = ledger.devices.is_shared(device)
    untied = [pair.other if pair.identifier == device else pair.identifier for pair in verdict.retracted]
    ledger.devices.share(device, effects.number, verdict.is_attributed, untied)
    for pair in verdict.retracted:
        record(pair, ledger, effects)
    rebuilds = Rebuilds(ledger, effects)
    came_apart = _unmerge(verdict.component, verdict.retracted, rebuilds, ledger, effects)
    if not (was_shared or came_apart):
        # It stood alone as a person's profile, and gets one of its own kind.
        rebuilds.persons((device,))
        effects.routes.append(NewRoute(device, effects.profiles.of(device)))
    if verdict.is_attributed:
        rebuilds.persons((device, *(sign_in.identifier for sign_in in ledger.devices.sign_ins(device))))
    effects.changes.append(NewChange("shared", (device, *verdict.persons), "shared", claimants=rebuilds.claimants))
    if verdict.is_attributed:
        name_owners(device, (), ledger, effects)


def _forget_sign_ins(pair: PairEvidence, ledger: Ledger) -> None:
    if any(evidence.status == "active" for evidence in ledger.links.evidence(pair.identifier, pair.other)):
        return
    for device, person in ((pair.identifier, pair.other), (pair.other, pair.identifier)):
        if device in ledger.devices.used_by(person) and not ledger.devices.is_shared(device):
            ledger.devices.forget_sign_ins(device, person)


def _unmerge(
    component: Component,
    retracted: tuple[PairEvidence, ...],
    rebuilds: Rebuilds,
    ledger: Ledger,
    effects: DecisionEffects,
) -> bool:
    """Make the pieces that the remaining links hold together components of their own; tell if there are several."""
    reopened = {end for pair in retracted for end in (pair.identifier, pair.other)}
    # Evidence that waited has an end in another component.
    effects.routes += (NewRoute(end, reopen=True) for end in sorted(reopened - set(component.identifiers)))
    pieces = ledger.links.pieces(component.identifiers)
    if len(pieces) < 2:
        # Whatever did not come apart stays routed as it is: the state of a merge may still be on its way.
        effects.routes += (NewRoute(member, reopen=True) for member in component.identifiers if member in reopened)
        return False
    whole = component.identifiers
    unmerged = ledger.components.unmerge(component, pieces)
    reopened |= reopen_refused(component.identifiers, ledger, effects)
    for piece in unmerged:
        rebuilds.component(piece, whole)
        profile_id = effects.profiles.of(piece.canonical)
        effects.routes += (NewRoute(member, profile_id, member in reopened) for member in piece.identifiers)
    return True


def reopen_refused(members: Iterable[Identifier], ledger: Ledger, effects: DecisionEffects) -> set[Identifier]:
    """Let pairs be seen anew that were refused with these members; return the members of such pairs."""
    refused = {member: ledger.links.refused(member) for member in members}
    others = dict.fromkeys(other for pairs in refused.values() for other in pairs if other not in refused)
    effects.routes += (NewRoute(other, reopen=True) for other in others)
    return {member for member, pairs in refused.items() if pairs}
