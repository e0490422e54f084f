"""Isolation of poison: folds a batch again without the records whose effects are too large for Kafka.

Needed only after a topic has refused something of the batch: until then nothing is measured. What a topic takes is
known when it refuses, not before, and not for long: the broker's own settings decide, and may change.
"""

from collections.abc import Callable
from typing import NamedTuple

from runtime.errors import TerminalError
from schemas.codec import DecodeError
from state.outputs import record_bytes
from state.view import StateView
from streams.phases import Effects, Folded, Item, Received, RefusedRecord, Stage, decode, fold


class DoesNotFit(TerminalError):
    """A state or an output is too large, and no record of the batch is the cause: there is nothing to dead-letter."""


SAME_SIZE = 0.999
"""How much of its size a state has at least in a fold that ends at another time, compressed: seen were some bytes."""


class Excess(NamedTuple):
    """What would be refused of a batch's effects: a record for `topic` with this key."""

    topic: str
    key: bytes
    description: str


class RefusedSizes:
    """The sizes that topics have refused for one batch. `changelog` names the topic that takes the states."""

    def __init__(self, changelog: str) -> None:
        self._changelog = changelog
        self._smallest: dict[str, int] = {}  # topic -> the smallest size (key and value, bytes) that was refused

    def note(self, topic: str, size: int) -> None:
        """Note that a topic has refused a record of this size."""
        self._smallest[topic] = min(size, self._smallest.get(topic, size))

    def excess_of(self, effects: Effects) -> Excess | None:
        """Return what would be refused of these effects; None when nothing would."""
        for output in effects.outputs:
            if self._is_refused(output.topic, size := record_bytes(output.key, output.value)):
                return Excess(output.topic, output.key, f"a record of {size} bytes for {output.topic}")
        if self._changelog in self._smallest:
            for key, value in effects.view.changes.items():
                if self._is_refused(self._changelog, size := record_bytes(key, value)):
                    return Excess(self._changelog, key, f"a state of {size} bytes")
        return None

    def leads_to(self, effects: Effects, excess: Excess) -> bool:
        """Return whether these effects of the beginning of a batch have what is refused of those of the whole batch.

        A beginning ends at another time, which is in the states: a little less is the same.
        """
        limit = self._smallest[excess.topic] * SAME_SIZE
        if excess.topic == self._changelog:
            return record_bytes(excess.key, effects.view.changes.get(excess.key)) >= limit
        sent = (output for output in effects.outputs if (output.topic, output.key) == (excess.topic, excess.key))
        return any(record_bytes(output.key, output.value) >= limit for output in sent)

    def _is_refused(self, topic: str, size: int) -> bool:
        limit = self._smallest.get(topic)
        return limit is not None and size >= limit


def isolate(stage: Stage[Item], received: Received, view: Callable[[], StateView], sizes: RefusedSizes) -> Folded[Item]:
    """Fold what the broker takes, and dead-letter the rest. Raises DoesNotFit where no record is the cause."""
    folded = fold(stage, decode(stage, received), view())
    while (excess := sizes.excess_of(folded.effects)) is not None:
        culprit = _first_culprit(stage, received, view, sizes, excess)
        error = DecodeError("too_large", f"it would lead to {excess.description}, more than the broker takes")
        received = _without(received, culprit, error)
        folded = fold(stage, decode(stage, received), view())
    return folded


def _first_culprit(
    stage: Stage[Item], received: Received, view: Callable[[], StateView], sizes: RefusedSizes, excess: Excess
) -> int:
    """Find a record with which the records before it lead to the excess and without which not, by halving: its number.

    Of the whole batch is known that it does.
    """

    def leads_to_it(count: int) -> bool:
        beginning = received._replace(records=received.records[:count])
        return sizes.leads_to(stage.fold(decode(stage, beginning), view()), excess)

    fits, fits_not = 0, len(received.records)
    if leads_to_it(0):
        raise DoesNotFit(f"{stage.name}: {excess.description}, and no record of the batch is the cause")
    while fits_not - fits > 1:
        middle = (fits + fits_not) // 2
        if leads_to_it(middle):
            fits_not = middle
        else:
            fits = middle
    return fits


def _without(received: Received, culprit: int, error: DecodeError) -> Received:
    """Return the batch with one of its records refused."""
    records = list(received.records)
    refused = RefusedRecord(records.pop(culprit), error)
    return received._replace(records=records, refused=[*received.refused, refused])
