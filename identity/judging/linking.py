"""Identifiers that were seen together: which become one person, and which device turns out to be shared."""

from collections.abc import Iterator, Sequence

import msgspec

from identity.judging.attributing import judge_owners, judge_sign_ins, share
from identity.judging.evidence import shown
from identity.judging.limits import ProposedMerge, contradicts, policy, refusal
from identity.judging.standing import Standing, standing
from identity.ledger import Evidence, Ledger
from identity.rules import IdentityRules
from identity.verdicts import JudgedPair, LinkPairs, ShareDevice, Verdict
from schemas.records import Identifier, IdentityRequest, LinkStatus

_WAITS_FOR_REVIEW = ("cap:", "fan_in")


def judge_links(request: IdentityRequest, ledger: Ledger, rules: IdentityRules) -> Iterator[Verdict]:
    """Link identifiers as far as the rules allow, after a device on which a second person signs in was shared.

    What came with a primary device that turns out to be shared is then linked without it.
    """
    sign_ins = judge_sign_ins(request, ledger, rules)
    yield from sign_ins
    identifiers = request.identifiers
    shared: set[Identifier] = set()
    while identifiers:
        verdict = _judge(identifiers, request, ledger, rules)
        if isinstance(verdict, ShareDevice):
            yield verdict
            shared.add(verdict.device)
            continue
        if verdict.pairs:
            yield verdict
        identifiers = identifiers[1:] if identifiers[0] in shared else ()
    yield from judge_owners([kept for kept in sign_ins if kept.device not in shared], request, ledger)


def _judge(
    identifiers: Sequence[Identifier], request: IdentityRequest, ledger: Ledger, rules: IdentityRules
) -> ShareDevice | LinkPairs:
    primary, *others = (standing(ledger, identifier, request.occurred_at) for identifier in identifiers)
    merge = ProposedMerge(primary, rules, request.occurred_at)
    judged = judge_merge(merge, primary, others, rules)
    if isinstance(judged, SecondSignIn):
        is_attributed = bool(rules.attributed((judged.device.identifier,)))
        return share(judged.device, judged.persons, is_attributed, request, ledger)
    pairs = []
    for other in others:
        evidence = ledger.links.evidence(primary.identifier, other.identifier)
        pair = judge_pair(other.identifier, judged.get(other.identifier, ""), evidence, request, rules.version)
        pairs += [] if pair is None else [pair]
    return LinkPairs(primary.identifier, tuple(pairs), tuple(merge.components))


class SecondSignIn(msgspec.Struct, frozen=True):
    """A device on which a second person signs in; `persons`: who came with it in this event."""

    device: Standing
    persons: tuple[Identifier, ...]


def judge_merge(
    merge: ProposedMerge, primary: Standing, others: Sequence[Standing], rules: IdentityRules
) -> dict[Identifier, str] | SecondSignIn:
    """Take into the merge what fits, and return why the rest does not; or the device that must be shared before. Pure.

    The first identifier is the primary, which every other is paired with. A limit that would break drops the weakest
    identifier, until the rest fits; going from the strongest until the first that does not fit is the same.
    https://segment.com/docs/unify/identity-resolution/identity-resolution-settings/
    """
    refused: dict[Identifier, str] = {}
    end = ""
    for other in others:
        pair = primary.identifier, other.identifier
        if merge.holds(other.component):
            if other.component.is_apart(*pair):
                refused[other.identifier] = "forbidden"
            continue
        if end and not (contradicts(end, rules) and policy(*pair, rules)):
            refused[other.identifier] = end
            continue
        reason = refusal(merge, primary, other, rules)
        if reason in {"first_owner", "shared"}:
            refused[other.identifier] = reason
        elif contradicts(reason, rules) and policy(*pair, rules) and merge.has_person(other.component):
            if rules.kind(primary.identifier) == "device":
                return SecondSignIn(primary, tuple(person.identifier for person in others))
            return SecondSignIn(other, (primary.identifier,))
        elif end or reason:
            refused[other.identifier] = end = end or reason
        else:
            merge.add(other)
    return refused


def judge_pair(
    other: Identifier, reason: str, evidence: Sequence[Evidence], request: IdentityRequest, rule_version: str
) -> JudgedPair | None:
    """Judge what an event shows of a pair, if it is new or decided in another way than before. Pure."""
    status: LinkStatus = "active"
    if reason:
        status = "waiting" if reason.startswith(_WAITS_FOR_REVIEW) else "refused"
    earlier = next((single for single in evidence if single.source == request.source), None)
    # What is in force stays so, even if the pair was forbidden since: only a request takes it back.
    if earlier is not None and earlier.status in (status, "active"):
        return None
    forbidding = (single.request_id for single in evidence if single.reason == "forbidden" and single.request_id)
    forbidden_by = next(forbidding, "") if status == "refused" else ""
    return JudgedPair(other, shown(request, rule_version, status, reason, forbidden_by), reason)
