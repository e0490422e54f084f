"""Plans a batch: the last change of each membership, and no person twice in one wave of requests. Pure.

How a wave is sent is left to `sending`.
"""

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from sinks.destinations.contract import Delivery

Body = TypeVar("Body")


class ReceiverChange(msgspec.Struct, Generic[Body], frozen=True):
    """What one delivery changes at the receiver.

    `at`: which of the batch's deliveries it is. `target`: what it sets, such as (profile, audience): of several with
    one target only the last is sent. `keys`: whatever names the person, such as the profile and each hash: two changes
    with a key in common never share a wave. `request`: which request it may go in, such as (verb, audience). `size`:
    how much of the receiver's limit for a request it takes.
    """

    at: int
    target: tuple[str, ...]
    keys: frozenset[str]
    request: tuple[str, ...]
    body: Body
    size: int = 1


class Plan(msgspec.Struct, Generic[Body], frozen=True):
    """`waves`: to be sent one after another. `superseded`: of a delivery that is not sent, the one that replaces it."""

    waves: tuple[tuple[ReceiverChange[Body], ...], ...]
    superseded: dict[int, int]


def upsert_of(position: int, delivery: Delivery, record: str, body: Body) -> ReceiverChange[Body]:
    """Return the change that writes a delivery's membership or trigger into a person's `record` of a CRM."""
    person = delivery.activation.profile_id or delivery.key
    return ReceiverChange(
        at=position,
        target=(person, delivery.activation.kind, delivery.activation.name),
        keys=frozenset({person, record}),
        request=("upsert",),
        body=body,
    )


def plan(changes: Sequence[ReceiverChange[Body]]) -> Plan[Body]:
    """Return the waves in which changes, given in order, reach the receiver in the same order for each key."""
    last = {change.target: change.at for change in changes}
    superseded = {change.at: last[change.target] for change in changes if last[change.target] != change.at}
    waves: list[list[ReceiverChange[Body]]] = []
    next_wave: dict[str, int] = {}
    for change in changes:
        if change.at in superseded:
            continue
        wave = max((next_wave.get(key, 0) for key in change.keys), default=0)
        if wave == len(waves):
            waves.append([])
        waves[wave].append(change)
        next_wave.update(dict.fromkeys(change.keys, wave + 1))
    return Plan(waves=tuple(map(tuple, waves)), superseded=superseded)


def requests_of(wave: Sequence[ReceiverChange[Body]], limit: int) -> list[list[ReceiverChange[Body]]]:
    """Return the requests of a wave: changes of one `request` together, at most `limit` in size."""
    requests: list[list[ReceiverChange[Body]]] = []
    open_request: dict[tuple[str, ...], tuple[list[ReceiverChange[Body]], int]] = {}
    for change in wave:
        members, size = open_request.get(change.request, ([], limit))
        if size + change.size > limit:
            members, size = [], 0
            requests.append(members)
        members.append(change)
        open_request[change.request] = (members, size + change.size)
    return requests
