"""The phases of a batch, one frozen record each, so that a phase out of order does not type-check.

    FetchedBatch -> Received -> Decoded -> Folded -> Committed -> Swept

Each phase holds the one before it. `streams.processing` carries a batch through them; docs/decisions/0003 says why.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from runtime.clock import now_ms
from schemas.codec import DecodeError
from state.outputs import Headers, Output
from state.view import StateView
from streams.metrics import Tally

Item = TypeVar("Item")
"""What a stage decodes a record to."""


class NotYet(Exception):
    """A record says something that this worker has yet to hear of, and will in a moment: decode it once more then."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class RefusedRecord(NamedTuple):
    """A record that must not be folded, and why.

    One that could not be read stands for all behind it in its record batch: its key, value and headers are not known.
    """

    record: Record
    error: DecodeError


class FetchedBatch(NamedTuple):
    """A batch as a reader hands it over: records of one task's topics, each topic in offset order.

    `positions`: topic -> offset of the next record to read. `proceed` is called once the batch is committed; no other
    one of the task comes before that. `acknowledge` is called once all that it led to is durable, due deadlines
    included; others may have come meanwhile.
    """

    records: Sequence[Record]
    positions: Mapping[str, int]
    refused: Sequence[RefusedRecord] = ()
    proceed: Callable[[], None] = lambda: None
    acknowledge: Callable[[], None] = lambda: None


class Received(NamedTuple):
    """A batch without what is committed already; empty for a sweep.

    `now`: the system's time in ms, read once for the batch. `began_s`: the same moment by `time.perf_counter`.
    `opened_at`: when the task began to read its inputs, in ms; 0 if that does not matter. `partition`: of the task.
    """

    records: Sequence[Record]
    positions: Mapping[str, int]
    now: int
    refused: Sequence[RefusedRecord] = ()
    proceed: Callable[[], None] = lambda: None
    acknowledge: Callable[[], None] = lambda: None
    began_s: float = 0.0
    opened_at: int = 0
    partition: int = 0


class Decoded(NamedTuple, Generic[Item]):
    """A batch whose records are read. `items`: what they were decoded to, in order. `refused`: those that were not."""

    received: Received
    items: Sequence[Item]
    refused: Sequence[RefusedRecord]


class Effects(NamedTuple):
    """What a stage makes of a batch: outputs in order, and the states that it changes (in the view).

    `more` requests a sweep before the input is acknowledged: deadlines are due that did not fit in. `is_walking`
    requests one as soon as nothing else is to be done: not everybody has taken over the definitions of now.
    `receipts`: workspace and time of receipt (ms) of the events that became part of a profile, to measure latency.
    `tally`: what is counted once the batch is committed.
    """

    outputs: Sequence[Output]
    view: StateView
    tally: Tally
    more: bool = False
    is_walking: bool = False
    receipts: Sequence[tuple[str, int]] = ()

    def joined(self, following: "Effects") -> "Effects":
        """Return these and those of the next fold over the same view, to be committed together."""
        return following._replace(
            outputs=[*self.outputs, *following.outputs],
            tally=Tally(self.tally) + following.tally,
            receipts=[*self.receipts, *following.receipts],
        )


class Folded(NamedTuple, Generic[Item]):
    """A batch with its effects, dead letters included; nothing of them is visible yet."""

    decoded: Decoded[Item]
    effects: Effects


class Committed(NamedTuple):
    """A batch that is durable: outputs, states and positions, all or nothing. The rest is as in its effects."""

    received: Received
    more: bool = False
    is_walking: bool = False


class Swept(NamedTuple):
    """A committed batch after which no deadline is due any more: its input may be acknowledged."""

    received: Received


class Stage(Protocol[Item]):
    """What one agent does with a batch. Implementations read the view, write the view, and touch nothing else."""

    name: str
    table: str
    topics: tuple[str, ...]
    sweeps: bool  # whether time alone can give it work
    holds_back: bool  # whether it keeps records until later; the meta record HELD says how many
    deadline_of: Callable[[bytes], int | None] | None  # deadline in ms of a stored value; None: the table has no index

    def decode(self, record: Record, now: int) -> Item:
        """Read a record. Called once for each, in order, before the fold; raises DecodeError or NotYet."""
        ...

    def fold(self, decoded: Decoded[Item], view: StateView) -> Effects:
        """Fold what was decoded. Leaves `refused` to the caller; an exception stops the worker.

        The items are its own to change: where the broker takes not all of a batch, they are decoded anew.
        """
        ...

    def dead_letter(self, record: Record, error: DecodeError, now: int, tally: Tally) -> Output:
        """Make the dead letter of a refused record, and count it in `tally`."""
        ...


AnyStage = Stage[Any]


def receive(batch: FetchedBatch, positions: Mapping[str, int], opened_at: int, partition: int = 0) -> Received:
    """Read the clocks, and drop what is committed at these positions already.

    Around a rebalance, a reader and the one that replaces it may overlap.
    """
    records = [record for record in batch.records if record.offset >= positions.get(record.topic, 0)]
    refused = [item for item in batch.refused if item.record.offset >= positions.get(item.record.topic, 0)]
    behind = {topic: max(offset, positions.get(topic, 0)) for topic, offset in batch.positions.items()}
    now, began_s = now_ms(), time.perf_counter()
    return Received(records, behind, now, refused, batch.proceed, batch.acknowledge, began_s, opened_at, partition)


def decode(stage: Stage[Item], received: Received) -> Decoded[Item]:
    """Decode each record; those that cannot be are refused. Raises NotYet."""
    items, refused = [], [*received.refused]
    for record in received.records:
        try:
            items.append(stage.decode(record, received.now))
        except DecodeError as error:
            refused.append(RefusedRecord(record, error))
    return Decoded(received, items, refused)


def fold(stage: Stage[Item], decoded: Decoded[Item], view: StateView) -> Folded[Item]:
    """Fold what was decoded, and make a dead letter of each refused record."""
    effects = stage.fold(decoded, view)
    if decoded.refused:
        now = decoded.received.now
        letters = [stage.dead_letter(record, error, now, effects.tally) for record, error in decoded.refused]
        effects = effects._replace(outputs=[*effects.outputs, *letters])
    return Folded(decoded, effects)


def proceed(committed: Committed) -> None:
    """Tell the reader that the batch is durable: it reads on."""
    committed.received.proceed()


def acknowledge(swept: Swept) -> None:
    """Tell the reader that everything the batch led to is durable."""
    swept.received.acknowledge()
