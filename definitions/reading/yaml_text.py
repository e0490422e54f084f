"""The text of one file to trees of nodes; refuses the parts of YAML that hide or multiply content.

Grammar and positions are ruamel.yaml's. Trees are built here from its events, so that a hostile file is refused before
anything of its size exists: no anchors, aliases or tags, limited depth. Scalars stay text: `scalars` reads them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from definitions.reading.nodes import FileReport, ListNode, MappingNode, Node, ScalarNode
from definitions.reading.syntax import comment_behind, mistake, mistaken_text, undivided_text

MAX_FILE_BYTES = 256 * 1024
MAX_DEPTH = 32

_ESCAPE_BEYOND_UNICODE = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Refused(Exception):
    """The file cannot be read on; what is wrong is among the findings."""


def read_documents(file: Path, report: FileReport) -> list[Node]:
    """Read the documents of a file (`---` separates them) that could be read; the rest is among the findings."""
    text = report.text = _text(file, report)
    documents: list[Node] = []
    if text is None:
        report.is_whole = False
        return documents
    try:
        events = iter(YAML(typ="safe", pure=True).parse(text))
        for event in events:
            if isinstance(event, DocumentStartEvent):
                document = _node(next(events), events, 1, report)
                if not (isinstance(document, ScalarNode) and document.text == ""):
                    documents.append(document)
    except _Refused:
        report.is_whole = False
        return documents
    except MarkedYAMLError as error:
        found = mistake(error, text)
        if found.line not in {known.line for known in report.errors}:  # what was found there is the cause
            report.add_at(*found)
        report.is_whole = False
        return documents
    except ReaderError as error:
        report.add_at(
            *_line_and_column(text, error.position), "a control character, which YAML does not allow", "remove it"
        )
        report.is_whole = False
        return documents
    except (ValueError, OverflowError):  # ruamel.yaml hands such an escape to chr() unchecked
        beyond = _ESCAPE_BEYOND_UNICODE.search(text)
        position = _line_and_column(text, beyond.start()) if beyond else (0, 0)
        report.add_at(*position, "not valid YAML: a number that is out of range", "the highest escape is \\U0010FFFF")
        report.is_whole = False
        return documents
    if not documents and not report.errors:
        report.add_whole("the file is empty", "define something in it or delete it")
    return documents


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _text(file: Path, report: FileReport) -> str | None:
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        report.add_whole(f"cannot be read: {error.strerror}")
        return None
    if len(content) > MAX_FILE_BYTES:
        report.add_whole(f"the file is larger than {MAX_FILE_BYTES // 1024} KiB", "split it into several files")
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        report.add_at(line, column, "the file is not UTF-8 text", "save it with the encoding UTF-8")
        return None


def _node(event: Event, events: Iterator[Event], depth: int, report: FileReport) -> Node:
    line, column = event.start_mark.line + 1, event.start_mark.column + 1
    _refuse_indirection(event, line, column, report)
    if depth > MAX_DEPTH:
        report.add_at(line, column, f"nested deeper than {MAX_DEPTH} levels", "flatten the conditions")
        raise _Refused
    if isinstance(event, ScalarEvent):
        if _SURROGATE.search(event.value):
            report.add_at(line, column, "half a character (\\ud800 to \\udfff)", "write the character itself")
            raise _Refused
        if event.style is None:
            _refuse_mistaken(event, line, column, report)
        return ScalarNode(line, column, event.value, event.style is None, _offset(event))
    if isinstance(event, SequenceStartEvent):
        items = []
        while not isinstance(item := next(events), SequenceEndEvent):
            if event.flow_style and isinstance(item, ScalarEvent) and item.style is None:
                _refuse_undivided(item, report)
            items.append(_node(item, events, depth + 1, report))
        return ListNode(line, column, tuple(items))
    if not isinstance(event, MappingStartEvent):
        raise TypeError(f"no event of a YAML node: {event}")
    return MappingNode(line, column, _entries(events, depth, report))


def _refuse_mistaken(event: ScalarEvent, line: int, column: int, report: FileReport) -> None:
    """Find what stands in a plain text, or behind it, and is hardly meant."""
    mistaken = mistaken_text(event.value)
    if mistaken is not None:
        report.add_at(line, column, *mistaken)
    elif comment_behind(report.text or "", event.end_mark.index):
        hint = f'quote the whole text: "{event.value} #..."; a comment has a space behind its #'
        report.add_at(line, column, "what follows ` #` is a comment, and no part of the text", hint)


def _refuse_undivided(item: ScalarEvent, report: FileReport) -> None:
    """Find a plain text between brackets that is hardly meant to be one."""
    if (undivided := undivided_text(item.value)) is not None:
        report.add_at(item.start_mark.line + 1, item.start_mark.column + 1, *undivided)


def _offset(event: ScalarEvent) -> int | None:
    """How many characters stand between the beginning of a text and its first one, if it is written as it is."""
    length = event.end_mark.index - event.start_mark.index
    quotes = 0 if event.style is None else 1
    is_as_written = event.style in {None, "'", '"'} and length == len(event.value) + 2 * quotes
    return quotes if is_as_written and "\n" not in event.value else None


def _entries(events: Iterator[Event], depth: int, report: FileReport) -> dict[str, tuple[ScalarNode, Node]]:
    entries: dict[str, tuple[ScalarNode, Node]] = {}
    while not isinstance(event := next(events), MappingEndEvent):
        key = _node(event, events, depth + 1, report)
        value = _node(next(events), events, depth + 1, report)
        if isinstance(value, ScalarNode) and value.is_plain and not value.text:
            # The parser places a value that is not there at whatever comes next.
            value = msgspec.structs.replace(value, line=key.line, column=key.column)
        if not isinstance(key, ScalarNode):
            hint = 'quote a text that begins with a bracket, such as "{{ field }}"'
            report.add(key, "a key must be a plain word, not a list or a mapping", hint)
        elif key.text in entries:
            first = entries[key.text][0].line
            report.add(key, f"the key {key.text!r} is given twice", f"first on line {first}: remove one")
        else:
            entries[key.text] = (key, value)
    return entries


def _refuse_indirection(event: Event, line: int, column: int, report: FileReport) -> None:
    if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
        report.add_at(
            line, column, "anchors and aliases (& and *) are not supported", "write the value out, or quote it"
        )
    elif getattr(event, "tag", None):
        report.add_at(line, column, "tags (a leading !) are not supported", "remove the tag, or quote the text")
    else:
        return
    raise _Refused
