"""ClickHouse's format RowBinary, as far as the rebuilder asks for it, read as it arrives.

https://clickhouse.com/docs/interfaces/formats/RowBinary
"""

from collections.abc import Iterator


class Truncated(Exception):
    """The bytes end within a row."""


class Reader:
    """Values one after the other from pieces of any size; keeps no more than a piece and a value."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = b""
        self._at = 0

    def is_at_end(self) -> bool:
        """Whether no byte is left; waits for the next piece."""
        while self._at == len(self._buffer):
            piece = next(self._pieces, None)
            if piece is None:
                return True
            self._buffer, self._at = piece, 0
        return False

    def take(self, size: int) -> bytes:
        """The next bytes. Raises Truncated when there are fewer."""
        missing = size - (len(self._buffer) - self._at)
        if missing > 0:
            gathered = [self._buffer[self._at :]]
            while missing > 0:
                piece = next(self._pieces, None)
                if piece is None:
                    raise Truncated
                gathered.append(piece)
                missing -= len(piece)
            self._buffer, self._at = b"".join(gathered), 0
        start, self._at = self._at, self._at + size
        return self._buffer[start : self._at]

    def int64(self) -> int:
        return int.from_bytes(self.take(8), "little", signed=True)

    def uint64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def varuint(self) -> int:
        """A length: LEB128."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def string(self) -> bytes:
        return self.take(self.varuint())

    def strings(self) -> tuple[str, ...]:
        """An Array(String)."""
        return tuple(self.string().decode(errors="replace") for _ in range(self.varuint()))
