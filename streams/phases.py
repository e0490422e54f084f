"""The phases of a micro-batch, one frozen record each, so that a phase out of order does not type-check.

    Received -> Folded -> Committed

A `Stage` turns what was received into what shall be true; `streams.tasks.task` carries it through
(docs/decisions/0003).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from schemas.codec import DecodeError
from streams.metrics import Tally
from streams.state.view import StateView

Headers = tuple[tuple[str, bytes | None], ...]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as it lies in Kafka."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Refused(NamedTuple):
    """A record that must not be folded, and why.

    One that could not be read stands for all behind it in its batch, and its key, value and headers are not known.
    """

    record: Record
    error: DecodeError


class Received(NamedTuple):
    """A batch of one partition number, of all topics of one stage, each topic in offset order; may be empty (a sweep).

    `now` is the system's time in ms, read once for the batch. `positions`: topic -> offset of the next record to read.
    Stages see nothing of what is `refused`: `fold` makes dead letters of it.
    """

    records: Sequence[Record]
    positions: Mapping[str, int]
    now: int
    refused: Sequence[Refused] = ()


class Output(msgspec.Struct, frozen=True, gc=False):
    """A record to be produced; its partition follows from the key, unless it is given."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers = ()


class Folded(NamedTuple):
    """What a batch comes to: outputs in order, and the states it changes (in the view).

    `more` asks for another pass before the input is acknowledged: deadlines are due that did not fit in.
    `receipts`: workspace and time of receipt (ms) of the events that became part of a profile, to measure latency.
    `tally`: what is counted once the batch is committed.
    """

    outputs: Sequence[Output]
    view: StateView
    tally: Tally
    more: bool = False
    receipts: Sequence[tuple[str, int]] = ()


class Committed(NamedTuple):
    """A batch that is durable: outputs, states and positions, all or nothing."""

    positions: Mapping[str, int]
    more: bool


class Stage(Protocol):
    """What one agent does with a batch. Implementations read the view, write the view, and touch nothing else."""

    name: str
    table: str
    topics: tuple[str, ...]
    sweeps: bool  # whether time alone can give it work
    deadline_of: Callable[[bytes], int | None] | None  # deadline in ms of a stored value; None: the table has no index

    def fold(self, received: Received, view: StateView) -> Folded:
        """Fold a batch. Errors of single records become outputs (dead letters); an exception stops the worker."""
        ...

    def bury(self, record: Record, error: DecodeError, now: int, tally: Tally) -> Output:
        """The dead letter of a record that must not be folded, counted in `tally`."""
        ...


def fold(stage: Stage, received: Received, view: StateView) -> Folded:
    """Fold a batch, and make dead letters of what was refused."""
    folded = stage.fold(received, view)
    if not received.refused:
        return folded
    letters = [stage.bury(record, error, received.now, folded.tally) for record, error in received.refused]
    return folded._replace(outputs=[*folded.outputs, *letters])
