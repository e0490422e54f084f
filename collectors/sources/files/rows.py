"""Reads rows of a delimited file with their positions, line and column. What the cells mean is `conversion`'s."""

import csv
import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from collectors.sources.files.mapping import Format

MAX_LINE_BYTES = 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b"


class Row(NamedTuple):
    """`text` is the row as it is written, without its line end: more than one line where a quoted cell has some."""

    line: int
    text: str
    cells: list[str]


class RowError(Exception):
    """A row that cannot be read. `line` and `column` count from 1."""

    def __init__(self, line: int, column: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.column = column
        self.message = message


class RowFile:
    """A file of rows, plain or gzip. `read_bytes` says how far the reading is, of `size` bytes."""

    def __init__(self, path: Path, form: Format) -> None:
        self._form = form
        self._file = path.open("rb")
        self.size = path.stat().st_size

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def read_bytes(self) -> int:
        """Count the bytes of the file that were read, before unpacking."""
        return self._file.tell()

    def rows(self) -> Iterator[Row]:
        """Yield all rows but blank ones, the header's too. Raises RowError."""
        lines = self._lines(self._unpacked())
        return self._spaced(lines) if self._form.kind == "spaces" else self._delimited(lines)

    def _unpacked(self) -> BinaryIO:
        is_packed = self._file.peek(2)[:2] == _GZIP_MAGIC
        return cast("BinaryIO", io.BufferedReader(gzip.GzipFile(fileobj=self._file))) if is_packed else self._file

    def _lines(self, file: BinaryIO) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            try:
                line = file.readline(MAX_LINE_BYTES)
            except (EOFError, gzip.BadGzipFile) as error:
                raise RowError(number, 1, f"the gzip file is damaged: {error}") from None
            if not line:
                return
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                raise RowError(number, 1, f"the line has more than {MAX_LINE_BYTES} bytes")
            try:
                text = line.decode(self._form.encoding)
            except UnicodeDecodeError as error:
                message = f"the byte {line[error.start]:#04x} is not {self._form.encoding}"
                raise RowError(number, error.start + 1, message) from None
            yield text.removeprefix("\ufeff") if number == 1 else text

    @staticmethod
    def _spaced(lines: Iterator[str]) -> Iterator[Row]:
        for number, line in enumerate(lines, 1):
            cells = line.split()
            if cells:
                yield Row(number, line.rstrip("\r\n"), cells)

    def _delimited(self, lines: Iterator[str]) -> Iterator[Row]:
        consumed: list[str] = []

        def recorded() -> Iterator[str]:
            for line in lines:
                consumed.append(line)
                yield line

        reader = csv.reader(recorded(), delimiter=self._form.delimiter, strict=True)
        number = 1
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise RowError(number, 1, f"the row is not CSV: {error}") from None
            if cells is None:
                return
            if cells:
                yield Row(number, "".join(consumed).rstrip("\r\n"), cells)
            number += len(consumed)
            consumed.clear()


def position_of(row: Row, form: Format, index: int) -> tuple[int, int]:
    """Return line and column where a cell begins; for one that is not there, where the row ends."""
    cells = re.finditer(r"\S+", row.text) if form.kind == "spaces" else _quoted_cells(form.delimiter).finditer(row.text)
    start = next((cell.start() for number, cell in enumerate(cells) if number == index), len(row.text))
    before = row.text[:start]
    return row.line + before.count("\n"), start - (before.rfind("\n") + 1) + 1


def _quoted_cells(delimiter: str) -> re.Pattern[str]:
    """Return the pattern of a cell, quoted or not, right after the row's begin or a delimiter."""
    separator = re.escape(delimiter)
    return re.compile(rf'(?:^|(?<={separator}))(?:"(?:[^"]|"")*"|[^{separator}]*)', re.DOTALL)
