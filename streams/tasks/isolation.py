"""Isolation of poison: folds a batch again without the records whose effects are too large for Kafka.

Needed only after a topic has refused something of the batch: until then nothing is measured. What a topic takes is
known when it refuses, not before, and not for long: the broker's own settings decide, and may change.
"""

from collections.abc import Callable

from runtime.errors import TerminalError
from schemas.codec import DecodeError
from streams.phases import Effects, Folded, Item, Received, RefusedRecord, Stage, decode, fold
from streams.state.view import StateView


class DoesNotFit(TerminalError):
    """A state or an output is too large, and no record of the batch is the cause: there is nothing to dead-letter."""


class RefusedSizes:
    """The sizes that topics have refused for one batch. `changelog` names the topic that takes the states."""

    def __init__(self, changelog: str) -> None:
        self._changelog = changelog
        self._smallest: dict[str, int] = {}  # topic -> the smallest size (key and value, bytes) that was refused

    def note(self, topic: str, size: int) -> None:
        """Note that a topic has refused a record of this size."""
        self._smallest[topic] = min(size, self._smallest.get(topic, size))

    def excess_of(self, effects: Effects) -> str | None:
        """Describe what would be refused of these effects; None when nothing would."""
        for output in effects.outputs:
            if self._is_refused(output.topic, output.key, output.value):
                return f"a record of {record_bytes(output.key, output.value)} bytes for {output.topic}"
        if self._changelog in self._smallest:
            for key, value in effects.view.changes.items():
                if self._is_refused(self._changelog, key, value):
                    return f"a state of {record_bytes(key, value)} bytes"
        return None

    def _is_refused(self, topic: str, key: bytes, value: bytes | None) -> bool:
        limit = self._smallest.get(topic)
        return limit is not None and record_bytes(key, value) >= limit


def isolate(stage: Stage[Item], received: Received, view: Callable[[], StateView], sizes: RefusedSizes) -> Folded[Item]:
    """Fold what the broker takes, and dead-letter the rest. Raises DoesNotFit where no record is the cause."""
    folded = fold(stage, decode(stage, received), view())
    while (excess := sizes.excess_of(folded.effects)) is not None:
        culprit = _first_culprit(stage, received, view, sizes)
        error = DecodeError("too_large", f"it would lead to {excess}, more than the broker takes")
        received = _without(received, culprit, error)
        folded = fold(stage, decode(stage, received), view())
    return folded


def _first_culprit(stage: Stage[Item], received: Received, view: Callable[[], StateView], sizes: RefusedSizes) -> int:
    """Find a record with which the records before it do not fit and without which they do, by halving: its number."""

    def excess_of_first(count: int) -> str | None:
        beginning = received._replace(records=received.records[:count])
        return sizes.excess_of(stage.fold(decode(stage, beginning), view()))

    fits, fits_not = 0, len(received.records)
    without_any = excess_of_first(0)
    if without_any is not None:
        raise DoesNotFit(f"{stage.name}: {without_any}, and no record of the batch is the cause")
    while fits_not - fits > 1:
        middle = (fits + fits_not) // 2
        if excess_of_first(middle) is None:
            fits = middle
        else:
            fits_not = middle
    return fits


def _without(received: Received, culprit: int, error: DecodeError) -> Received:
    """Return the batch with one of its records refused."""
    records = list(received.records)
    refused = RefusedRecord(records.pop(culprit), error)
    return received._replace(records=records, refused=[*received.refused, refused])


def record_bytes(key: bytes, value: bytes | None) -> int:
    """Return the size of a record as limits count it: its key and its value."""
    return len(key) + len(value or b"")
