"""Imports a file: checks and converts every row, sorts them by time, gives message ids, sends. In this order."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

import definitions
from admission.facts.events import FactReaders
from admission.identifiers import UnusedReason
from collectors.sources.files.cells import without_missing
from collectors.sources.files.conversion import CellError, Converter, Oddities
from collectors.sources.files.delivery import send
from collectors.sources.files.mapping import Format, Mapping
from collectors.sources.files.problems import FileProblems
from collectors.sources.files.rows import Row, RowError, RowFile, position_of
from collectors.sources.files.sorting import Timed, TimeSorter
from identity.rules import IdentityRules
from runtime.clock import now_ms
from runtime.kafka.deliveries import ProducerRecord
from schemas.contracts import establish
from schemas.identity import identifier_key
from schemas.ordinals import microsecond_of
from schemas.records import Event
from schemas.topics import EVENTS
from settings import Settings

MAX_PROBLEMS = 10

_REPORT_EVERY = 1_000
_DELIMITERS = (";", "\t", "|", ",")


class ImportProgress(Protocol):
    """Hears how far an import is."""

    def checked(self, read_bytes: int, size: int, events: int) -> None:
        """Hear how many bytes of the file were read, and how many events were right."""

    def sent(self, events: int, total: int) -> None:
        """Hear how many of all events were acknowledged."""


class Summary(msgspec.Struct, frozen=True):
    """What an import did. Times are in ms; `repeated` counts rows that repeat an earlier one exactly.

    `unused_identifiers`: how many are unusable, by reason; they stay on their events, as `repairs` do.
    """

    file: str
    mapping: str
    workspace: str
    source: str
    events: int
    sent: int
    repeated: int
    unused_identifiers: dict[UnusedReason, int]
    repairs: dict[str, int]
    first_at: int | None
    last_at: int | None
    seconds: float
    events_per_s: float


class Tally:
    """What `numbered` sees of the events that pass."""

    def __init__(self) -> None:
        self.repeated = 0
        self.first_at: int | None = None
        self.last_at: int | None = None


def import_file(path: Path, mapping: Mapping, settings: Settings, progress: ImportProgress, dry_run: bool) -> Summary:
    """Import a file, or with `dry_run` only check it.

    Raises FileProblems, DefinitionErrors or SettingsError before anything is sent, NotSent when only some of it was;
    those of `contracts.establish`; OSError.
    """
    started = time.monotonic()
    rules = definitions.load(settings.definitions).identity
    facts = FactReaders({name: workspace.facts for name, workspace in settings.workspaces.items()})
    tally = Tally()
    sent = 0
    with tempfile.TemporaryDirectory(prefix="onefold-import-") as folder:
        sorter = TimeSorter(Path(folder))
        oddities = check(path, mapping, rules, sorter, progress)
        events = map(facts.with_facts, numbered(sorter.in_order(), mapping.name, tally))
        if dry_run:
            for _ in events:
                pass
        else:
            encode = establish(settings).event
            records = (ProducerRecord(EVENTS, _key(event), encode(event)) for event in events)
            sent = send(settings.kafka, records, sorter.records, progress.sent)
    seconds = time.monotonic() - started
    return Summary(
        file=str(path),
        mapping=mapping.name,
        workspace=mapping.workspace,
        source=mapping.source,
        events=sorter.records,
        sent=sent,
        repeated=tally.repeated,
        unused_identifiers=dict(oddities.unused),
        repairs=dict(oddities.repairs),
        first_at=tally.first_at,
        last_at=tally.last_at,
        seconds=round(seconds, 3),
        events_per_s=round(sorter.records / seconds, 1),
    )


def check(path: Path, mapping: Mapping, rules: IdentityRules, sorter: TimeSorter, progress: ImportProgress) -> Oddities:
    """Convert every row into the sorter; return what is odd in them.

    Raises FileProblems with the first few rows that do not fit.
    """
    oddities = Oddities(Counter(), Counter())
    problems: list[str] = []
    received_at = now_ms()
    pack = msgspec.msgpack.Encoder().encode
    with RowFile(path, mapping.format) as file:
        try:
            rows = file.rows()
            layout = _layout(rows, mapping, file)
            converter = Converter(mapping, layout.positions, received_at, rules)
            oddities = converter.oddities
            for number, row in enumerate(_with_values(rows, mapping.format.missing), 1):
                if number % _REPORT_EVERY == 1:
                    progress.checked(file.read_bytes, file.size, number - 1)
                try:
                    event = converter.convert(layout.fitted(row), number)
                except CellError as error:
                    line, column = position_of(row, file.form, error.index)
                    problems.append(f"{path}:{line}:{column}: {layout.named(error)}")
                    if len(problems) == MAX_PROBLEMS:
                        break
                else:
                    sorter.add(event.occurred_at * 1_000 + microsecond_of(event.ordinal), pack(event))
        except RowError as error:
            problems.append(f"{path}:{error.line}:{error.column}: {error.message}")
        progress.checked(file.read_bytes, file.size, sorter.records)
    if problems:
        raise FileProblems(problems)
    return oddities


def numbered(records: Iterable[Timed], name: str, tally: Tally) -> Iterator[Event]:
    """Yield events with their final message ids: mapping, digest of the row, and how many equal rows came before.

    Equal rows have equal times, so counting within one time is enough, and needs memory for one time only.
    """
    unpack = msgspec.msgpack.Decoder(Event).decode
    before: dict[str, int] = {}
    last_us: int | None = None
    for time_us, _, record in records:
        event = unpack(record)
        if time_us != last_us:
            before.clear()
            last_us = time_us
            tally.last_at = event.occurred_at
            if tally.first_at is None:
                tally.first_at = event.occurred_at
        digest = event.message_id
        earlier = before.get(digest, 0)
        before[digest] = earlier + 1
        tally.repeated += earlier > 0
        yield msgspec.structs.replace(event, message_id=f"{name}:{digest}:{earlier}")


def _key(event: Event) -> bytes:
    return identifier_key(event.workspace, event.identifiers[0])


def _with_values(rows: Iterator[Row], missing: frozenset[str]) -> Iterator[Row]:
    """Yield the rows that have a value, with empty cells where one only says that there is none."""
    if not missing:
        yield from rows
        return
    for row in rows:
        cells = without_missing(row.cells, missing)
        if any(cells):
            yield row._replace(cells=cells)


class _Layout(NamedTuple):
    """At which cell each column of the mapping is, and what the file calls its cells."""

    positions: dict[str, int]
    names: list[str]

    def fitted(self, row: Row) -> Row:
        """Return the row without empty cells behind the last column. Raises CellError: it has too few or too many."""
        width, found = len(self.names), len(row.cells)
        if found == width:
            return row
        if found < width:
            raise CellError(found, f"expected {width} cells, found {found}; this one is missing")
        if any(row.cells[width:]):
            raise CellError(width, f"expected {width} cells, found {found}; the last column is {self.names[-1]!r}")
        return row._replace(cells=row.cells[:width])

    def named(self, error: CellError) -> str:
        """Return what is wrong, behind the name of the column."""
        is_named = error.index < len(self.names) and self.names[error.index]
        return f"{self.names[error.index]}: {error.message}" if is_named else error.message


def _layout(rows: Iterator[Row], mapping: Mapping, file: RowFile) -> _Layout:
    """Take the header away; return where the columns are. Raises RowError."""
    columns = list(mapping.columns)
    positions = {name: index for index, name in enumerate(columns)}
    if mapping.format.header == "none":
        return _Layout(positions, columns)
    header = next(rows, None)
    if header is None:
        raise RowError(1, 1, "the file is empty, not even a header is there")
    if mapping.format.header == "skip":
        return _Layout(positions, columns)
    names = list(header.cells)
    while not names[-1]:
        names.pop()
    for name in positions:
        if names.count(name) != 1:
            count = "twice" if name in names else "not"
            message = f"the column {name!r} is {count} in the header: {', '.join(names)}"[:500]
            raise RowError(header.line, 1, message + _delimiter_hint(header, file.form))
    return _Layout({name: names.index(name) for name in positions}, names)


def _delimiter_hint(header: Row, form: Format) -> str:
    others = [delimiter for delimiter in _DELIMITERS if delimiter in header.text]
    if form.kind != "csv" or len(header.cells) > 1 or not others:
        return ""
    return f"; the delimiter may be {others[0]!r}, under format"
