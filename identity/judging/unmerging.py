"""Operators' requests that take evidence back: unmerge and retract."""

from collections.abc import Iterator

from identity.judging.evidence import is_retractable, retracted
from identity.ledger import Ledger
from identity.rules import IdentityRules
from identity.verdicts import ChangeNothing, RetractEvidence, Verdict
from schemas.records import Identifier, IdentityRequest, Pair


def judge_unmerge(request: IdentityRequest, ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    """Unmerge all identifiers but the first from the first one's person.

    What only they tie to it goes with them, and links among them stay.
    """
    anchor, *split = request.identifiers
    component = ledger.components.of(anchor)
    strangers = [other for other in split if ledger.components.canonical_of(other) != component.canonical]
    if strangers:
        yield ChangeNothing(request.identifiers, f"{', '.join(map(str, strangers))} and {anchor} are not one person")
        return
    if not split or anchor in split:
        yield ChangeNothing(request.identifiers, "nothing is to be unmerged")
        return
    stays = ledger.links.reached(anchor, without=split)
    tied = [(member, other) for member in split for other in ledger.links.near(member) if other in stays]
    pairs = [Pair(left, right) for left, right in tied]
    yield RetractEvidence(
        component,
        retracted(pairs, "forbidden" if request.forbid else "unmerged", request, ledger),
        forbidden=(*tied, *((member, anchor) for member in split)) if request.forbid else (),
        at=request.occurred_at,
        named=request.identifiers,
        reason=request.reason,
    )


def judge_retraction(request: IdentityRequest, ledger: Ledger, _rules: IdentityRules) -> Iterator[Verdict]:
    """Take the evidence of pairs back; every component that comes apart does so under a number of its own."""
    by_component: dict[Identifier, list[Pair]] = {}
    for pair in request.pairs:
        if is_retractable(pair, ledger):
            by_component.setdefault(ledger.components.canonical_of(pair.left), []).append(pair)
    if not by_component:
        yield ChangeNothing(request.identifiers, _nothing_retractable(request.pairs))
    for canonical, pairs in by_component.items():
        ends = tuple((pair.left, pair.right) for pair in pairs)
        yield RetractEvidence(
            ledger.components.of(canonical),
            retracted(pairs, "forbidden" if request.forbid else "retracted", request, ledger),
            forbidden=ends if request.forbid else (),
            at=request.occurred_at,
            named=tuple(dict.fromkeys(end for pair in ends for end in pair)),
            reason=request.reason,
        )


def _nothing_retractable(pairs: tuple[Pair, ...]) -> str:
    if len(pairs) != 1:
        return "no such evidence is in force or waits"
    (pair,) = pairs
    of_source = f" of source {pair.source!r}" if pair.source else ""
    return f"no evidence{of_source} ties {pair.left} and {pair.right}, and none waits"
