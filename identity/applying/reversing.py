"""Pairs that are forbidden no more, and devices that are shared no more (docs/decisions/0024)."""

from identity.applying.attributing import name_owners
from identity.applying.linking import record
from identity.applying.rebuilds import Rebuilds
from identity.applying.unmerging import reopen_refused
from identity.decision import DecisionEffects, NewChange, NewRoute
from identity.ledger import Ledger
from identity.ownership import owners
from identity.verdicts import AllowPairs, UnshareDevice
from schemas.records import Transfer


def allow_pairs(verdict: AllowPairs, ledger: Ledger, effects: DecisionEffects) -> None:
    """Forbid pairs no more, and let RESOLVE request again what was refused between the two persons."""
    members = dict.fromkeys(member for named in verdict.named for member in ledger.components.of(named).identifiers)
    reopened = reopen_refused(members, ledger, effects)
    reopened |= {end for pair in verdict.evidence for end in (pair.identifier, pair.other)}
    effects.routes += (NewRoute(end, reopen=True) for end in members if end in reopened)
    for pair in verdict.evidence:
        record(pair, ledger, effects)
    for left, right in verdict.allowed:
        ledger.components.allow(left, right)
    named = tuple(end for pair in verdict.allowed for end in pair)
    effects.changes.append(NewChange("allowed", named, verdict.reason))


def unshare_device(verdict: UnshareDevice, ledger: Ledger, effects: DecisionEffects) -> None:
    """Give a device its default profile back, with all its events; who signed in on it is rebuilt without them."""
    device = verdict.device
    own_profile = effects.profiles.of(device)
    persons = dict.fromkeys(each.identifier for each in verdict.sign_ins if each.identifier != device)
    ledger.devices.unshare(device)
    profile_id = effects.profiles.of(device)
    rebuilds = Rebuilds(ledger, effects, given_up=device)
    rebuilds.persons((device, *persons))
    effects.commands.append((own_profile, Transfer(effects.number, profile_id, (device,), outdates=True)))
    reopened = reopen_refused((device,), ledger, effects)
    effects.routes.append(NewRoute(device, profile_id, reopen=bool(reopened)))
    named = (device, *persons)
    claimants = rebuilds.claimants
    effects.changes.append(NewChange("unshared", named, verdict.reason, profile_id=profile_id, claimants=claimants))
    if verdict.sign_ins:
        name_owners(device, owners(verdict.sign_ins), ledger, effects)
