"""Who signed in on a device, and whose its events are therefore at any time (`shared: last_login`). Pure.

Where sign-ins are kept, and what follows for profiles when they change, is left to `ledger` and `applying`.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from schemas.records import Claim, Identifier, Owner

MAX_OWNERS = 1_000
KEPT_REPETITIONS = 50  # of the same person's sign-ins in a row: what a late one of somebody else may fall between
_BEGINNING = -(2**63)

SignIns = tuple[Owner, ...]
"""Sign-ins in the order of time, the same person's in a row among them."""


def added(sign_ins: SignIns, device: Identifier, new: Owner) -> SignIns:
    """Return the sign-ins with a new one.

    A device that would get more than MAX_OWNERS owners is a public one: from its last sign-in on it owns its events
    itself, and no later one counts.
    """
    if new in sign_ins or (sign_ins and sign_ins[-1].identifier == device):
        return sign_ins
    longer = tuple(sorted((*sign_ins, new)))
    if len(owners(longer)) > MAX_OWNERS:
        return (*sign_ins, Owner(sign_ins[-1].since + 1, device.namespace, device.value))
    repeated = [
        index for index in range(1, len(longer) - 1)
        if longer[index - 1].identifier == longer[index].identifier == longer[index + 1].identifier
    ]  # fmt: skip
    dropped = set(repeated[:-KEPT_REPETITIONS])
    return tuple(sign_in for index, sign_in in enumerate(longer) if index not in dropped) if dropped else longer


def without(sign_ins: SignIns, person: Identifier) -> SignIns:
    """Return the sign-ins of all others."""
    return tuple(sign_in for sign_in in sign_ins if sign_in.identifier != person)


def owners(sign_ins: SignIns) -> SignIns:
    """Return the sign-ins that change the owner: the first of each person's in a row, of several at one time the last.

    So no two have one time.
    """
    counted = tuple({sign_in.since: sign_in for sign_in in sign_ins}.values())
    return tuple(
        sign_in
        for index, sign_in in enumerate(counted)
        if index == 0 or counted[index - 1].identifier != sign_in.identifier
    )


def difference(before: Sequence[Owner], after: Sequence[Owner]) -> tuple[SignIns, SignIns]:
    """Return the owners that are new, and those of whose time there is none any more."""
    known, times = set(before), {owner.since for owner in after}
    new = tuple(owner for owner in after if owner not in known)
    return new, tuple(owner for owner in before if owner.since not in times)


def owner_at(held: Sequence[Owner], time: int) -> Identifier:
    """Return whose an event of this time (ms) is; `held`: at least one owner, in the order of time."""
    after = bisect_right(held, time, key=lambda owner: owner.since)
    return held[max(after - 1, 0)].identifier


def claims(device: Identifier, held: Sequence[Owner]) -> Iterator[tuple[Identifier, Claim]]:
    """Yield each owner with the events of the device that are theirs."""
    for index, owner in enumerate(held):
        since = None if index == 0 else owner.since
        until = held[index + 1].since if index + 1 < len(held) else None
        yield owner.identifier, Claim(device.namespace, device.value, since, until)


def changed(
    before: Sequence[Owner], after: Sequence[Owner], until: int | None = None
) -> tuple[tuple[Identifier, Identifier], ...]:
    """Return who loses events to whom when the owners change; both have at least one owner.

    `until`: only the events of this time (ms) or before it count.
    """
    starts = {_BEGINNING, *(owner.since for owner in (*before, *after))}
    concerned = sorted(start for start in starts if until is None or start <= until)
    pairs = [(owner_at(before, start), owner_at(after, start)) for start in concerned]
    return tuple(dict.fromkeys((loser, winner) for loser, winner in pairs if loser != winner))
