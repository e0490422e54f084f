"""Reads rows of a delimited file with their positions, line and column. What the cells mean is `conversion`'s."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

from collectors.sources.files.mapping import Format
from identity.blanks import stripped

MAX_LINE_LENGTH = 1024 * 1024

_GZIP_MAGIC = b"\x1f\x8b"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and other zip files; xls
# The longest first: UTF-32's begins as UTF-16's does.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_SEPARATOR_LINE = re.compile(r'\ufeff?"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
# What Python's reader says, and what a person can do about it.
_CSV_ERRORS = {
    "field larger": "a cell has more than {} characters; is the quote missing that ends it?",
    "unexpected end": "the quote is missing that ends a cell",
    "expected after": "a quoted cell goes on behind its quote; a quote within it is written twice",
}


class Row(NamedTuple):
    """`text` is the row as it is written, without its line end: more than one line where a quoted cell has some.

    `cells` are without the blanks around them.
    """

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
    """A file of rows, plain or gzip. `read_bytes` says how far the reading is, of `size` bytes.

    `form` is the format as the file itself says it, as far as it does.
    """

    def __init__(self, path: Path, form: Format) -> None:
        self.form = form
        self._file = path.open("rb")
        self._text: io.TextIOWrapper | None = None  # closes the file when it is forgotten
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
        """Yield all rows but those of blanks alone, the header's too. Raises RowError."""
        lines = self._lines()
        rows = _spaced(lines) if self.form.kind == "spaces" else self._delimited(lines)
        return (row for row in rows if any(row.cells))

    def _lines(self) -> Iterator[str]:
        """Yield lines with their ends, whichever of CR, LF or both these are."""
        number = 1
        try:
            self._text = self._decoded()
            while line := self._text.readline(MAX_LINE_LENGTH):
                self._check(line, number)
                yield line.removeprefix("\ufeff") if number == 1 else line
                number += 1
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise RowError(number, 1, f"the gzip file is damaged: {error}") from None
        except UnicodeDecodeError as error:
            raise RowError(number, 1, f"the text is not {error.encoding}: {error.reason}") from None

    def _decoded(self) -> io.TextIOWrapper:
        binary: BinaryIO = self._file
        if self._file.peek(2)[:2] == _GZIP_MAGIC:
            binary = cast("BinaryIO", io.BufferedReader(gzip.GzipFile(fileobj=self._file)))
        start = cast("io.BufferedReader", binary).peek(4)[:4]
        if start in _WORKBOOKS:
            raise RowError(1, 1, "the file is a workbook or an archive; export it as CSV")
        marked = (encoding for mark, encoding in _BYTE_ORDER_MARKS if start.startswith(mark))
        self.form = msgspec.structs.replace(self.form, encoding=next(marked, self.form.encoding))
        return io.TextIOWrapper(binary, self.form.encoding, errors="surrogateescape", newline="")

    def _check(self, line: str, number: int) -> None:
        if len(line) == MAX_LINE_LENGTH and not line.endswith("\n"):
            raise RowError(number, 1, f"the line has more than {MAX_LINE_LENGTH} characters")
        if number == 1 and "\x00" in line:
            raise RowError(1, 1, "the file has NUL characters; if it is UTF-16, say so as encoding under format")
        if not line.isascii() and (escaped := _ESCAPED_BYTE.search(line)):
            byte = ord(escaped[0]) - 0xDC00
            message = f"the byte {byte:#04x} is not {self.form.encoding}; say the encoding under format, such as cp1252"
            raise RowError(number, escaped.start() + 1, message)

    def _delimited(self, lines: Iterator[str]) -> Iterator[Row]:
        number = 1
        first = next(lines, "")
        if said := _SEPARATOR_LINE.fullmatch(first):
            self.form = msgspec.structs.replace(self.form, delimiter=said[1])
            number = 2
        else:
            lines = chain([first], lines)
        consumed: list[str] = []

        def recorded() -> Iterator[str]:
            for line in lines:
                consumed.append(line)
                yield line

        source = recorded()
        reader = _reader(source, self.form.delimiter)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                cells = _without_blanks_behind_quotes(chain(list(consumed), source), self.form.delimiter)
                if cells is None:
                    raise RowError(number, 1, f"the row is not CSV: {_said(error)}") from None
            if cells is None:
                return
            yield Row(number, "".join(consumed).rstrip("\r\n"), [stripped(cell) for cell in cells])
            number += len(consumed)
            consumed.clear()


def position_of(row: Row, form: Format, index: int) -> tuple[int, int]:
    """Return line and column where a cell begins; for one that is not there, where the row ends."""
    cells = re.finditer(r"\S+", row.text) if form.kind == "spaces" else _quoted_cells(form.delimiter).finditer(row.text)
    start = next((cell.start() for number, cell in enumerate(cells) if number == index), len(row.text))
    ends = [end.end() for end in _LINE_END.finditer(row.text, 0, start)]
    return row.line + len(ends), start - (ends[-1] if ends else 0) + 1


def _spaced(lines: Iterator[str]) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        yield Row(number, line.rstrip("\r\n"), line.split())


def _reader(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def _without_blanks_behind_quotes(lines: Iterable[str], delimiter: str) -> list[str] | None:
    """Return the cells of a row that Python's reader refuses, if blanks between a quote and a delimiter are why."""
    separator = re.escape(delimiter)
    pattern = re.compile(rf'(?<=[^"\s{separator}])"[ \t]+(?={separator}|[\r\n]*$)')
    try:
        return next(_reader((pattern.sub('"', line) for line in lines), delimiter), None)
    except csv.Error:
        return None


def _said(error: csv.Error) -> str:
    explained = (text for begin, text in _CSV_ERRORS.items() if begin in str(error))
    return next(explained, str(error)).format(csv.field_size_limit())


def _quoted_cells(delimiter: str) -> re.Pattern[str]:
    """Return the pattern of a cell, quoted or not, right after the row's begin or a delimiter."""
    separator = re.escape(delimiter)
    return re.compile(rf'(?:^|(?<={separator}))(?: *"(?:[^"]|"")*"|[^{separator}]*)', re.DOTALL)
