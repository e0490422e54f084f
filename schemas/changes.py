"""What a change of who is who requires, and what has become of a request. Pure; decision 0009 is the protocol."""

import re
from collections.abc import Iterable
from typing import Literal

from schemas.records import IdentityChange
from settings import OPERATOR_SOURCE

RequestState = Literal["unanswered", "unchanged", "rebuilding", "done"]
"""unanswered: not decided yet, or no such request. unchanged: decided, and nothing is different. rebuilding: decided,
profiles are being rebuilt. done: decided, and every profile that it concerns is rebuilt."""

PLANS = "rules-"
"""How the ids of requests begin that carry out a plan: such a decision is the rules', not an operator's."""

OPERATOR = OPERATOR_SOURCE
"""The source of what operators request, and of the evidence by which they merge by hand. No sender may have it."""

RETENTION = "retention"
"""Of rebuilt: retention:DAY, when events before this day were dropped, so that the profiles lack what there was."""

_REBUILDING = frozenset({"unmerged", "shared", "unshared", "reattributed", "recounted"})
_NUMBERED = re.compile(r"-\d+of(\d+)$")


def requires_rebuild(change: IdentityChange) -> bool:
    """Return whether profiles are to be rebuilt because of a change."""
    return change.kind in _REBUILDING and bool(change.claimants)


def dropped_before(changes: Iterable[IdentityChange]) -> str:
    """Return the day before which events were dropped that rebuilt profiles may have had; empty if there is none."""
    reasons = (change.reason.partition(":") for change in changes if change.kind == "rebuilt")
    return max((day for kind, _, day in reasons if kind == RETENTION), default="")


def numbered(request_id: str, count: int) -> tuple[str, ...]:
    """Return the ids of the requests that a person's request is sent as: ID itself, or ID-1of3, ID-2of3, ID-3of3."""
    if count == 1:
        return (request_id,)
    return tuple(f"{request_id}-{number}of{count}" for number in range(1, count + 1))


def state(changes: Iterable[IdentityChange]) -> RequestState:
    """Return what has become of a request, from all changes that were published about it.

    The last request of a plan changes nothing by design: once it is answered, all before it is decided.
    """
    published = list(changes)
    answers = [change for change in published if change.kind != "rebuilt"]
    answered = {change.request_id for change in answers}
    counts = [int(number[1]) for request_id in answered if (number := _NUMBERED.search(request_id))]
    if len(answered) < max(counts, default=1):
        return "unanswered"
    if all(change.kind == "nothing" for change in answers):
        return "done" if any(request_id.startswith(PLANS) for request_id in answered) else "unchanged"
    rebuilt = {change.decision for change in published if change.kind == "rebuilt"}
    if all(change.decision in rebuilt for change in answers if requires_rebuild(change)):
        return "done"
    return "rebuilding"
