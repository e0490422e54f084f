"""One statement about being sent things, as a profile remembers it; which one counts is `consent`'s."""

import msgspec

from schemas.consent import ConsentStatement, Status

STATUSES: tuple[Status, ...] = ("granted", "unknown", "denied")
"""From the least restrictive on."""


class SaidOnce(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """One statement; the greatest is the last, so the order of the fields matters (docs/decisions/0018).

    `restriction`: the index of the status; decides where one event says two things.
    """

    occurred_at: int
    priority: int
    ordinal: int
    message_id: str
    restriction: int
    source: str
    text: str = ""
    reason: str = ""

    @property
    def severity(self) -> tuple[int, "SaidOnce"]:
        """What orders statements of several identifiers: the most restrictive, and of those the last."""
        return self.restriction, self

    @property
    def is_denial(self) -> bool:
        """Return whether it denies."""
        return STATUSES[self.restriction] == "denied"

    def statement(self) -> ConsentStatement:
        """Return what others see of it."""
        status = STATUSES[self.restriction]
        return ConsentStatement(status, self.occurred_at, self.message_id, self.source, self.text, self.reason)


Denials = dict[str, SaidOnce]
"""What was denied for one identifier, by PURPOSE|CHANNEL."""

encode_denials = msgspec.msgpack.Encoder().encode
decode_denials = msgspec.msgpack.Decoder(Denials).decode
"""Raises msgspec.DecodeError, a ValueError, for other bytes."""
