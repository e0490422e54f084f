"""What every fault test does around its fault: a stream in pieces, rest, and the statements of design section 10."""

from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

from schemas.records import Reason
from tests.oracle.ledger import (
    assert_every_pair_was_requested,
    assert_everything_is_accounted_for,
    assert_evidence_explains_persons,
)
from tests.oracle.scene import Scene
from tests.oracle.stream import PHASE_ENDS, Delivery, deliveries

Item = TypeVar("Item")
Phase = tuple[int, Sequence[Delivery]]


def phases(scene: Scene, seed: int, number: int, visitors: int = 20) -> list[Phase]:
    """The first phases of a stream for the scene's workspace: each with the time at which it ends."""
    stream = deliveries(seed, scene.workspace.name, visitors)
    return [
        (PHASE_ENDS[phase], [delivery for delivery in stream if delivery.phase == phase]) for phase in range(number)
    ]


def pieces(items: Sequence[Item], number: int) -> Iterator[Sequence[Item]]:
    """Cut into so many pieces of about the same length, in order."""
    for piece in range(number):
        yield items[len(items) * piece // number : len(items) * (piece + 1) // number]


def assert_sound(
    scene: Scene,
    played: Sequence[Phase],
    dead: Sequence[tuple[Reason, bytes | None]] = (),
    may_repeat: bool = False,
    dead_ids: Collection[str] = (),
) -> None:
    """All that the oracle can say of a workspace at rest after these phases.

    `dead`: the dead letters that belong there. `may_repeat`: senders came again without an answer. `dead_ids`: ids of
    messages that became dead letters when the warehouse had them already.
    """
    end = played[-1][0]
    scene.assert_as_reference(end, dead_ids)
    scene.assert_accepted([delivery for _, sent in played for delivery in sent], may_repeat)
    ledger = scene.ledger()
    assert_everything_is_accounted_for(ledger, dead)
    assert_every_pair_was_requested(ledger)
    assert_evidence_explains_persons(ledger)
