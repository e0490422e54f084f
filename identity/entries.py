"""What RESOLVE keeps of an identifier, and its bytes; an identifier that was never linked has no entry at all."""

import msgspec


class IdentifierEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`profile_id` and `decision` come from the newest route (None, 0: still at its default profile).

    `paired` holds 8-byte hashes of the identifiers with which a decision on this one was requested already.
    New fields go to the end, with a default: stored entries stay readable.
    """

    profile_id: str | None = None
    decision: int = 0
    paired: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(IdentifierEntry)


def encode_entry(entry: IdentifierEntry) -> bytes:
    """Return bytes for the table `identifiers`."""
    return _encoder.encode(entry)


def decode_entry(stored: bytes) -> IdentifierEntry:
    """Return the entry of stored bytes. Raises msgspec.DecodeError on anything that `encode_entry` did not write."""
    return _decoder.decode(stored)
