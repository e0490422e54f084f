"""Folds a batch again without the records whose effects are too large for Kafka; those become dead letters.

Asked only after a topic has refused something of the batch: until then nobody measures anything. What a topic takes is
known when it refuses (`Limits.learn`), not before, and not for long: the broker's own settings decide, and may change.
"""

from collections.abc import Callable

from schemas.codec import DecodeError
from streams.phases import Folded, Received, Refused, Stage, fold
from streams.state.view import StateView


class DoesNotFit(Exception):
    """A state or an output is too large, and no record of the batch is the cause: nothing could be put aside."""


class Limits:
    """What topics have refused of one batch. `changelog` names the topic that takes the states."""

    def __init__(self, changelog: str) -> None:
        self._changelog = changelog
        self._refused: dict[str, int] = {}  # topic -> the smallest size (key and value, bytes) that was refused

    def __bool__(self) -> bool:
        """Whether anything was ever refused."""
        return bool(self._refused)

    def learn(self, topic: str, size: int) -> None:
        """A topic has refused a record of this size."""
        self._refused[topic] = min(size, self._refused.get(topic, size))

    def exceeded_by(self, folded: Folded) -> str | None:
        """What of a batch would be refused, in words; None when nothing would."""
        for output in folded.outputs:
            if self._is_refused(output.topic, output.key, output.value):
                return f"a record of {_size(output.key, output.value)} bytes for {output.topic}"
        if self._changelog in self._refused:
            for key, value in folded.view.changes.items():
                if self._is_refused(self._changelog, key, value):
                    return f"a state of {_size(key, value)} bytes"
        return None

    def _is_refused(self, topic: str, key: bytes, value: bytes | None) -> bool:
        limit = self._refused.get(topic)
        return limit is not None and _size(key, value) >= limit


def fold_fitting(stage: Stage, received: Received, view: Callable[[], StateView], limits: Limits) -> Folded:
    """Fold what can be folded and put the rest aside. Raises DoesNotFit where putting records aside does not help."""
    folded = fold(stage, received, view())
    while (excess := limits.exceeded_by(folded)) is not None:
        culprit = _first_too_much(stage, received, view, limits)
        error = DecodeError("too_large", f"it would lead to {excess}, more than the broker takes")
        refused = [*received.refused, Refused(received.records[culprit], error)]
        records = [record for number, record in enumerate(received.records) if number != culprit]
        received = received._replace(records=records, refused=refused)
        folded = fold(stage, received, view())
    return folded


def _first_too_much(stage: Stage, received: Received, view: Callable[[], StateView], limits: Limits) -> int:
    """Number of a record with which the records before it do not fit and without which they do, by halving."""

    def excess(count: int) -> str | None:
        return limits.exceeded_by(stage.fold(received._replace(records=received.records[:count]), view()))

    fits, fits_not = 0, len(received.records)
    without_any = excess(0)
    if without_any is not None:
        raise DoesNotFit(f"{stage.name}: {without_any}, and no record of the batch is the cause")
    while fits_not - fits > 1:
        middle = (fits + fits_not) // 2
        if excess(middle) is None:
            fits = middle
        else:
            fits_not = middle
    return fits


def _size(key: bytes, value: bytes | None) -> int:
    return len(key) + len(value or b"")
