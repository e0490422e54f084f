"""Of every change and trigger that a destination was to hear, what became of it: said so in `deliveries`, or it waits.

What moves goes one way: from `activation.NAME` into the lines of a deliverer, and from there to `deliveries`. So both
sides are read in this order, and what is in none of them is lost.
"""

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from definitions.destinations import Destination
from definitions.sets import DefinitionSet
from onefold.fates.expected import Names, expected_changes, expected_triggers, names_by_destination
from runtime.kafka.offsets import Offsets
from runtime.kafka.reading import read_to_end
from runtime.kafka.waiting import await_committed, ends_of
from schemas.activation_reader import ActivationReader
from schemas.activations import Activation
from schemas.codec import Codec, DecodeError
from schemas.groups import DELIVERER, SINK
from schemas.records.deliveries import UNFINISHED
from schemas.topics import DELIVERIES, activation
from sinks.delivery.unfinished import unfinished
from warehouse.queries.fates import Counted, Decided, Fates, Unsaid

MOST_NAMED = 20
SECOND_LOOK_S = 1.0


class LostActivation(msgspec.Struct, frozen=True):
    """A change or trigger that has no delivery, and does not wait. `decided_at`: ms."""

    id: str
    name: str
    profile_id: str
    decided_at: int


class DestinationFates(msgspec.Struct, frozen=True):
    """How what a destination was to hear has ended. `waiting`: nothing has come of it yet; `due_at`: the next, in ms.

    `reasons`: of what was refused and suppressed, and of what is tried again. `lost`: the first of those missing.
    """

    destination: str
    delivered: int = 0
    suppressed: int = 0
    superseded: int = 0
    refused: int = 0
    waiting: int = 0
    due_at: int | None = None
    missing: int = 0
    reasons: dict[str, int] = {}
    lost: tuple[LostActivation, ...] = ()


class Account(NamedTuple):
    """Where to look: the topics, and what ClickHouse has of one workspace."""

    kafka: str
    codec: Codec
    fates: Fates
    workspace: str


def activation_fates(
    account: Account, sets: Sequence[DefinitionSet], since: int, give_up_at: float
) -> list[DestinationFates]:
    """Account for what was decided since a time (ms). Raises OnefoldError, also if ClickHouse lacks it by `give_up_at`.

    What seems to be missing is looked for once more: it may have been published while both sides were read.
    """
    names = names_by_destination(sets)
    found = _look(account, sets, names, since, give_up_at)
    if any(unsaid for unsaid, _ in found.values()):
        time.sleep(SECOND_LOOK_S)
        again = _look(account, sets, names, since, give_up_at)
        found = {destination: _both(found[destination], again[destination]) for destination in names}
    return [
        of_destination(destination, *found[destination], account.fates.counted(names[destination], since))
        for destination in sorted(names)
    ]


_Looked = tuple[list[Unsaid], Collection[str]]
"""Of what nothing is said, and which of it waits."""


def _look(
    account: Account, sets: Sequence[DefinitionSet], names: Names, since: int, give_up_at: float
) -> dict[str, _Looked]:
    waiting = waiting_activations(account.kafka, account.codec, names, account.workspace)
    offsets = Offsets(account.kafka)
    await_committed(offsets, SINK.name, ends_of(offsets, [DELIVERIES]), give_up_at)
    return {
        destination: (list(_unsaid(account.fates, sets, own, since)), waiting[destination])
        for destination, own in names.items()
    }


def _both(first: _Looked, second: _Looked) -> _Looked:
    """Return what nothing is said of now; what is new since the first look is on its way, and counts as waiting."""
    unsaid, waiting = second
    before = {each.id for each in first[0]} - set(first[1])
    return unsaid, {*waiting, *(each.id for each in unsaid if each.id not in before)}


def of_destination(
    destination: str, unsaid: Sequence[Unsaid], waiting: Collection[str], counted: Sequence[Counted]
) -> DestinationFates:
    """Return the fates of one, by what was counted of it. Pure.

    Of what nothing is said, what does not wait is missing.
    """
    numbers = {"delivered": 0, "suppressed": 0, "superseded": 0, "refused": 0, "waiting": 0}
    reasons: dict[str, int] = {}
    for each in counted:
        numbers["waiting" if each.outcome in UNFINISHED else each.outcome] += each.number
        if each.reason:
            reasons[each.reason] = reasons.get(each.reason, 0) + each.number
    lost = [each for each in unsaid if each.id not in waiting]
    numbers["waiting"] += len(unsaid) - len(lost)
    due = [each.due_at for each in counted if each.outcome in UNFINISHED and each.due_at is not None]
    return DestinationFates(
        destination=destination,
        **numbers,
        due_at=min(due, default=None),
        missing=len(lost),
        reasons=reasons,
        lost=tuple(LostActivation(*each) for each in lost[:MOST_NAMED]),
    )


def waiting_activations(kafka: str, codec: Codec, names: Names, workspace: str | None) -> dict[str, set[str]]:
    """Return by destination the ids of what lies on its topics unread, and of what waits in lines.

    `workspace`: None for those of every one.
    """
    found: dict[str, set[str]] = {}
    for destination, own in names.items():
        unread = (value for name in own for value in _unread(kafka, name))
        found[destination] = {each.activation_id for each in _read(codec, unread, workspace)}
    current = {name: destination for destination, own in names.items() for name in own}
    for each in unfinished(kafka):
        if each.kept_as in current:
            found[current[each.kept_as]].update(read.activation_id for read in _read(codec, [each.record], workspace))
    return found


def waiting_of(kafka: str, codec: Codec, destination: Destination, workspace: str) -> Iterator[Activation]:
    """Yield what lies on the topics of a destination unread, and what waits in its lines. Raises OnefoldError."""
    yield from unread_of(kafka, codec, destination, workspace)
    lines = (each.record for each in unfinished(kafka) if each.kept_as == destination.kept_as)
    yield from _read(codec, lines, workspace)


def unread_of(kafka: str, codec: Codec, destination: Destination, workspace: str) -> Iterator[Activation]:
    """Yield what lies on the topics of a destination and was not admitted yet. Raises OnefoldError."""
    for name in destination.names:
        yield from _read(codec, _unread(kafka, name), workspace)


def _unread(kafka: str, destination: str) -> Iterator[bytes]:
    """Yield the values that the deliverer has not committed."""
    offsets, topic = Offsets(kafka), activation(destination)
    if not offsets.has_topic(topic):
        return
    committed = offsets.committed(DELIVERER.name, offsets.partitions([topic]))
    for message in read_to_end(kafka, [topic], committed):
        if (value := message.value()) is not None:
            yield value


def _read(codec: Codec, values: Iterable[bytes], workspace: str | None) -> Iterator[Activation]:
    """Yield what records of `activation.NAME` say; what is none becomes a dead letter there."""
    reader = ActivationReader(codec)
    for value in values:
        try:
            read = reader.read(value)
        except DecodeError:
            continue
        if workspace is None or read.workspace == workspace:
            yield read


def _unsaid(fates: Fates, sets: Sequence[DefinitionSet], names: Sequence[str], since: int) -> Iterator[Unsaid]:
    changes = [
        Decided(each.segment, 0, each.until, each.version, each.changes)
        for each in expected_changes(sets)
        if each.destination in names
    ]
    yield from fates.unsaid_changes(names, changes, since)
    triggers = [
        Decided(each.trigger, each.since, each.until) for each in expected_triggers(sets) if each.destination in names
    ]
    yield from fates.unsaid_triggers(names, triggers, since)
