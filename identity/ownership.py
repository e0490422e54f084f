"""Who signed in on a device, and whose its events are therefore at any time (`shared: last_login`). Pure.

Where sign-ins are kept, and what follows for profiles when they change, is left to `components` and `graph`.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from schemas.records import Claim, Identifier, Owner

MAX_HOLDERS = 1_000
KEPT_REPETITIONS = 50  # of the same person's sign-ins in a row: what a late one of somebody else may fall between

SignIns = tuple[Owner, ...]
"""Sign-ins in the order of time, the same person's in a row among them."""


def added(known: SignIns, device: Identifier, new: Owner) -> SignIns:
    """The sign-ins with one more.

    A device that would get more than MAX_HOLDERS owners is a public one: from its last sign-in on it holds its events
    itself, and no later one counts.
    """
    if new in known or (known and known[-1].identifier == device):
        return known
    sign_ins = tuple(sorted((*known, new)))
    if len(owners(sign_ins)) > MAX_HOLDERS:
        return (*known, Owner(known[-1].since + 1, device.namespace, device.value))
    repeated = [
        at for at in range(1, len(sign_ins) - 1)
        if sign_ins[at - 1].identifier == sign_ins[at].identifier == sign_ins[at + 1].identifier
    ]  # fmt: skip
    dropped = set(repeated[:-KEPT_REPETITIONS])
    return tuple(one for at, one in enumerate(sign_ins) if at not in dropped) if dropped else sign_ins


def without(known: SignIns, person: Identifier) -> SignIns:
    """The sign-ins of all others."""
    return tuple(one for one in known if one.identifier != person)


def owners(sign_ins: SignIns) -> SignIns:
    """Of each person's sign-ins in a row the first."""
    return tuple(
        one for at, one in enumerate(sign_ins) if at == 0 or sign_ins[at - 1].identifier != one.identifier
    )  # fmt: skip


def owner_at(held: Sequence[Owner], at: int) -> Identifier:
    """Whose an event of this time (ms) is; `held`: at least one, in the order of time."""
    after = bisect_right(held, at, key=lambda one: one.since)
    return held[max(after - 1, 0)].identifier


def claims(device: Identifier, held: Sequence[Owner]) -> Iterator[tuple[Identifier, Claim]]:
    """Each owner with the events of the device that are theirs."""
    for at, one in enumerate(held):
        since = None if at == 0 else one.since
        until = held[at + 1].since if at + 1 < len(held) else None
        if since != until or since is None:
            yield one.identifier, Claim(device.namespace, device.value, since, until)


def changed(
    before: Sequence[Owner], after: Sequence[Owner], until: int | None = None
) -> tuple[tuple[Identifier, Identifier], ...]:
    """Who gives events up, and to whom: those at `until` (ms) or before it, or all. Both have at least one owner."""
    sinces = {_BEGINNING, *(one.since for one in (*before, *after))}
    concerned = sorted(since for since in sinces if until is None or since <= until)
    held = [(owner_at(before, since), owner_at(after, since)) for since in concerned]
    return tuple(dict.fromkeys((was, now) for was, now in held if was != now))


_BEGINNING = -(2**63)
