"""Devices whose events are attributed: who signed in on them, and whose their events are since then."""

from collections.abc import Iterable, Iterator

from identity.judging.evidence import retracted
from identity.judging.standing import Standing, standing
from identity.ledger import Ledger
from identity.ownership import added, changed, owners
from identity.rules import IdentityRules
from identity.verdicts import AttributeDevice, ChangeNothing, ReattributeDevice, RememberSignIns, ShareDevice, Verdict
from schemas.records import Identifier, IdentityRequest, Owner, Pair


def judge_sign_ins(request: IdentityRequest, ledger: Ledger, rules: IdentityRules) -> tuple[RememberSignIns, ...]:
    """Take the event as a sign-in of its person on devices that are attributed.

    An event is one if it says so, or if it is the first of its source to show the two together.
    """
    devices = rules.attributed(request.identifiers)
    person = next((identifier for identifier in request.identifiers if rules.kind(identifier) == "person"), None)
    if person is None or not devices:
        return ()
    component = ledger.components.of(person)
    new = Owner(request.occurred_at, person.namespace, person.value)
    verdicts = []
    for device in devices:
        if component.is_apart(person, device):
            continue  # an operator has said that it is not theirs
        sources = {evidence.source for evidence in ledger.links.evidence(person, device)}
        if request.signed_in or request.source not in sources:
            before = ledger.devices.sign_ins(device)
            verdicts.append(RememberSignIns(device, before, added(before, device, new)))
    return tuple(verdicts)


def judge_owners(
    sign_ins: Iterable[RememberSignIns], request: IdentityRequest, ledger: Ledger
) -> Iterator[ShareDevice | AttributeDevice]:
    """Yield what attributes the events of shared devices anew, where sign-ins have changed the owners.

    An earlier first sign-in changes nobody's events, and yet what a later one changes.
    """
    for kept in sign_ins:
        if not ledger.devices.is_shared(kept.device):
            continue
        before, after = owners(kept.before), owners(kept.sign_ins)
        if not before or not ledger.devices.is_attributed(kept.device):
            # Its profile still folds its events: it was shared under another policy, or by somebody kept apart from it.
            device = standing(ledger, kept.device, request.occurred_at)
            yield share(device, tuple(owner.identifier for owner in after), True, request, ledger)
        elif before != after:
            losers = tuple(loser for loser, _ in changed(before, after))
            yield AttributeDevice(kept.device, before, losers)


def share(
    device: Standing, persons: tuple[Identifier, ...], is_attributed: bool, request: IdentityRequest, ledger: Ledger
) -> ShareDevice:
    """Return the verdict that takes all links of a device back."""
    pairs = [Pair(device.identifier, other) for other in ledger.links.near(device.identifier)]
    return ShareDevice(
        device.identifier, persons, is_attributed, device.component, retracted(pairs, "shared", request, ledger)
    )


def judge_reattribution(request: IdentityRequest, ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    """Rebuild persons of a device whose profile attributed events before a sign-in was known."""
    device, *persons = request.identifiers
    if ledger.devices.is_attributed(device):
        yield ReattributeDevice(device, tuple(persons))
    else:
        yield ChangeNothing(request.identifiers, f"{device} is no shared device whose events are attributed")
