"""Whose the events of shared devices are, as their profiles and the log of changes get it."""

from collections.abc import Collection

from identity.applying.rebuilds import Rebuilds
from identity.decision import DecisionEffects, NewChange
from identity.ledger import Ledger
from identity.ownership import owners
from identity.verdicts import AttributeDevice, ReattributeDevice
from schemas.records import Claim, Claimant, Disown, Identifier, Owner


def attribute_device(verdict: AttributeDevice, ledger: Ledger, effects: DecisionEffects) -> None:
    """Send a device its owners; those who lose events of it hear of that, since a replay may still hold some."""
    Rebuilds(ledger, effects).attribute(verdict.device)
    for loser in verdict.losers:
        disown = Disown(effects.number, verdict.device, loser)
        effects.commands += (
            (effects.profiles.of(member), disown) for member in ledger.components.of(loser).identifiers
        )
    name_owners(verdict.device, verdict.before, ledger, effects)


def reattribute_device(verdict: ReattributeDevice, ledger: Ledger, effects: DecisionEffects) -> None:
    """Send a device its owners, and rebuild the persons who have the wrong events of it."""
    rebuilds = Rebuilds(ledger, effects)
    rebuilds.attribute(verdict.device)
    rebuilds.persons(verdict.persons)
    named = (verdict.device, *verdict.persons)
    effects.changes.append(NewChange("reattributed", named, "sign_in", claimants=rebuilds.claimants))


def name_owners(device: Identifier, before: Collection[Owner], ledger: Ledger, effects: DecisionEffects) -> None:
    """Say who owns the events of a device from when on, but for the owners of before."""
    new = [owner for owner in owners(ledger.devices.sign_ins(device)) if owner not in before]
    claimants = tuple(
        Claimant(effects.profiles.of(owner.identifier), (Claim(device.namespace, device.value, owner.since),))
        for owner in new
    )
    named = (device, *(owner.identifier for owner in new))
    profile_id = effects.profiles.of(device)
    effects.changes.append(NewChange("attributed", named, profile_id=profile_id, claimants=claimants))
