"""What a round of a task says of deliveries: records for the topic `deliveries`, and how many wait."""

from collections import Counter
from collections.abc import Callable

from runtime.kafka.clients import MAX_RECORD_BYTES
from schemas.activations import Activation
from schemas.attempts import Saying, Whose, delivery_attempt
from schemas.records import DeliveryAttempt
from schemas.records.deliveries import UNFINISHED
from schemas.topics import DELIVERIES
from sinks.delivery import metrics
from sinks.delivery.lines import record_key
from state.outputs import Output

MAX_ACTIVATION_BYTES = MAX_RECORD_BYTES - 300_000
"""A larger record is not admitted: with what is kept of it, it would be more than the broker takes."""

_REPLAYABLE = frozenset({"refused", "suppressed"})


class Notes:
    """Collected while a round changes its view; nothing is counted before it is committed."""

    def __init__(self, encode: Callable[[DeliveryAttempt], bytes], now: int) -> None:
        self._encode = encode
        self._now = now
        self.consents = 0
        """How many records of what people have said were read."""
        self.outputs: list[Output] = []
        self.waiting: Counter[str] = Counter()
        """By the name that a destination is kept as, how many more wait."""
        self._admitted: Counter[str] = Counter()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()

    def admit(self, whose: Whose) -> None:
        """Note that a delivery waits from now on."""
        self.waiting[whose.kept_as] += 1
        self._admitted[whose.destination] += 1

    def say(  # noqa: PLR0913, PLR0917 - a delivery, and what is said of it
        self,
        whose: Whose,
        line: bytes,
        activation: Activation,
        record: bytes,
        saying: Saying,
        waited: bool = True,
    ) -> None:
        """Note what became of a delivery; `waited`: it was admitted before."""
        is_kept = saying.outcome in _REPLAYABLE and len(record) <= MAX_ACTIVATION_BYTES
        attempt = delivery_attempt(whose, activation, saying, self._now, record if is_kept else None)
        self.outputs.append(Output(DELIVERIES, record_key(line), self._encode(attempt)))
        self._outcomes[whose.destination, saying.outcome] += 1
        if saying.reason:
            self._reasons[whose.destination, saying.reason] += 1
        if waited and saying.outcome not in UNFINISHED:
            self.waiting[whose.kept_as] -= 1

    def count(self) -> None:
        """Count what is committed."""
        for destination, number in self._admitted.items():
            metrics.ADMITTED.labels(destination).inc(number)
        for (destination, outcome), number in self._outcomes.items():
            metrics.DELIVERIES.labels(destination, outcome).inc(number)
        for (destination, reason), number in self._reasons.items():
            metrics.REASONS.labels(destination, reason).inc(number)
