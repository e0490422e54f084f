"""Whose the events of shared devices are, as their profiles and the log of changes get it."""

from collections.abc import Sequence

from identity.applying.rebuilds import Rebuilds
from identity.decision import DecisionEffects, NewChange
from identity.ledger import Ledger
from identity.ownership import difference, owners
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


def name_owners(device: Identifier, before: Sequence[Owner], ledger: Ledger, effects: DecisionEffects) -> None:
    """Say who owns the events of a device from when on, and which of the owners of before does so no more."""
    after = owners(ledger.devices.sign_ins(device)) if ledger.devices.is_attributed(device) else ()
    new, gone = difference(before, after)
    named = [*((owner, None) for owner in new), *((owner, owner.since) for owner in gone)]
    claimants = tuple(
        Claimant(effects.profiles.of(owner.identifier), (Claim(device.namespace, device.value, owner.since, until),))
        for owner, until in named
    )
    identifiers = (device, *(owner.identifier for owner, _ in named))
    profile_id = effects.profiles.of(device)
    effects.changes.append(NewChange("attributed", identifiers, profile_id=profile_id, claimants=claimants))
