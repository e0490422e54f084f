"""Reads records of `activation.NAME`: changes of segments and triggers."""

from schemas.activations import Activation, activation_of
from schemas.codec import Codec, DecodeError
from schemas.records import FiredTrigger, SegmentChange


class ActivationReader:
    """Reads what either schema says. For one thread."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._trigger = codec.prefix(FiredTrigger)
        codec.prefix(SegmentChange)

    def read(self, value: bytes | None) -> Activation:
        """Return what a record says. Raises DecodeError; the registry's own errors pass through."""
        if value is not None and value.startswith(self._trigger):
            return activation_of(self._codec.decode(FiredTrigger, value))
        try:
            return activation_of(self._codec.decode(SegmentChange, value))
        except DecodeError as error:
            if error.reason != "wrong_schema":
                raise
        return activation_of(self._codec.decode(FiredTrigger, value))
