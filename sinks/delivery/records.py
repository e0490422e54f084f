"""How a task reads and writes records: with one time and one view, what a round chooses with."""

from collections.abc import Collection
from functools import cache, partial

from runtime.clock import now_ms
from schemas.activation_reader import ActivationReader
from schemas.codec import Codec
from schemas.records import ConsentChange, DeadLetter, DeliveryAttempt, Event, ProfileCommand
from sinks.delivery.bounced import BouncedDeliveries
from sinks.delivery.choosing import Choice
from sinks.delivery.notes import Notes
from sinks.delivery.reaffirming import Reaffirmations
from state.view import StateView


class TaskRecords:
    """For one thread. `event_clocks`: the workspaces that go by the time of their events."""

    def __init__(self, codec: Codec, event_clocks: Collection[str]) -> None:
        self.encode_letter = codec.encoder(DeadLetter)
        self._activations = ActivationReader(codec)
        self._decode_consent = partial(codec.decode, ConsentChange)
        self._encode_attempt = codec.encoder(DeliveryAttempt)
        self._reaffirmations = Reaffirmations(codec.encoder(ProfileCommand))
        self._bounced = BouncedDeliveries(codec.encoder(Event), event_clocks)

    def choice(self, view: StateView) -> Choice:
        """Return what a round that begins now chooses with."""
        now = now_ms()
        notes = Notes(self._encode_attempt, now)
        # What is admitted and begins in one round, and what several destinations hear, is the same bytes.
        read, follows = cache(self._activations.read), self._reaffirmations
        return Choice(view, read, self._decode_consent, now, notes, self._bounced, follows)
