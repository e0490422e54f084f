"""Whose the events of shared devices are, as their profiles and the log of changes get it."""

from collections.abc import Collection

from identity.applying.rebuilds import Rebuilds
from identity.decision import DecisionWriter
from identity.ledger import Ledger
from identity.ownership import owners
from identity.verdicts import AttributeDevice, ReattributeDevice
from schemas.records import Claim, Claimant, Disown, Identifier, Owner


def attribute_device(verdict: AttributeDevice, ledger: Ledger, writer: DecisionWriter) -> None:
    """Send a device its owners; those who lose events of it hear of that, since a replay may still hold some."""
    Rebuilds(ledger, writer).attribute(verdict.device)
    for loser in verdict.losers:
        for identifier in ledger.components.of(loser).identifiers:
            writer.command(identifier, Disown(writer.number, verdict.device, loser))
    publish_owners(verdict.device, verdict.before, ledger, writer)


def reattribute_device(verdict: ReattributeDevice, ledger: Ledger, writer: DecisionWriter) -> None:
    """Send a device its owners, and rebuild the persons who have the wrong events of it."""
    rebuilds = Rebuilds(ledger, writer)
    rebuilds.attribute(verdict.device)
    rebuilds.persons(verdict.persons)
    named = (verdict.device, *verdict.persons)
    writer.change("reattributed", named, reason="sign_in", claimants=rebuilds.claimants)


def publish_owners(device: Identifier, before: Collection[Owner], ledger: Ledger, writer: DecisionWriter) -> None:
    """Publish who owns the events of a device from when on, but for the owners of before."""
    new = [owner for owner in owners(ledger.devices.sign_ins(device)) if owner not in before]
    claimants = tuple(
        Claimant(writer.profile_id(owner.identifier), (Claim(device.namespace, device.value, owner.since),))
        for owner in new
    )
    named = (device, *(owner.identifier for owner in new))
    writer.change("attributed", named, profile_id=writer.profile_id(device), claimants=claimants)
