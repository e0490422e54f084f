"""Mappings from YAML. Every error names the file, the line and the column of what is wrong."""

import codecs
from pathlib import Path
from typing import TypeVar, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from collectors.sources.files.mapping import (
    NAME,
    ColumnKind,
    DecimalSign,
    FileKind,
    FixedValue,
    Format,
    FromColumn,
    Header,
    Mapping,
    Time,
)
from collectors.sources.files.problems import MappingError
from collectors.sources.files.time_formats import why_no_format
from identity.blanks import stripped
from settings import why_no_source_name

Choice = TypeVar("Choice", bound=str)

_TAG = "tag:yaml.org,2002:"
_FORMAT = ("type", "delimiter", "header", "encoding", "decimal", "thousands", "missing")
_THOUSANDS = (".", ",", " ", "'", "\u2019", "_")
_REQUIRED = ("name", "workspace", "source", "columns", "event", "occurred_at", "identifiers")


def read_mapping(path: Path) -> Mapping:
    """Read the mapping in a YAML file. Raises MappingError."""
    try:
        root = YAML(typ="safe", pure=True).compose(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}:1:1: cannot be read: {error}") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        raise MappingError(f"{path}:{line}:{column}: {error.problem}") from None
    except YAMLError as error:
        raise MappingError(f"{path}:1:1: {error}") from None
    if root is None:
        raise MappingError(f"{path}:1:1: the mapping is empty")
    return _Reader(path).mapping(root)


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: dict[str, ColumnKind] = {}

    def mapping(self, root: Node) -> Mapping:
        fields = self._fields(root, _REQUIRED, ("format", "properties", "context"))
        self._columns = {
            name: self._choice(node, get_args(ColumnKind)) for name, node in self._entries(fields["columns"]).items()
        }
        if not self._columns:
            raise self._refusal(fields["columns"], "expected at least one column")
        return Mapping(
            name=self._name(fields["name"]),
            workspace=self._name(fields["workspace"]),
            source=self._source(fields["source"]),
            format=self._format(fields["format"]) if "format" in fields else Format(),
            columns=self._columns,
            event=self._event(fields["event"]),
            occurred_at=self._time(fields["occurred_at"]),
            identifiers=self._identifiers(fields["identifiers"]),
            properties=self._properties(fields.get("properties")),
            context=self._context(fields.get("context")),
        )

    def _format(self, node: Node) -> Format:
        fields = self._fields(node, (), _FORMAT)
        kind: FileKind = self._choice(fields["type"], get_args(FileKind)) if "type" in fields else "csv"
        header: Header = self._choice(fields["header"], get_args(Header)) if "header" in fields else "names"
        delimiter = self._text(fields["delimiter"]) if "delimiter" in fields else ","
        if len(delimiter) != 1 or delimiter in '"\r\n':
            raise self._refusal(fields["delimiter"], 'expected one character, but no quote or line end; "\\t" is a tab')
        encoding = self._text(fields["encoding"]) if "encoding" in fields else "utf-8"
        if not _is_encoding(encoding):
            raise self._refusal(fields["encoding"], f"{encoding!r} is no known encoding such as utf-8 or cp1252")
        decimal: DecimalSign = self._choice(fields["decimal"], get_args(DecimalSign)) if "decimal" in fields else "."
        thousands = self._thousands(fields["thousands"], decimal) if "thousands" in fields else None
        missing = self._missing(fields["missing"]) if "missing" in fields else frozenset[str]()
        return Format(kind, delimiter, header, encoding, decimal, thousands, missing)

    def _thousands(self, node: Node, decimal: str) -> str:
        sign = " " if isinstance(node, ScalarNode) and node.value.isspace() else self._text(node)
        if sign == decimal or sign not in _THOUSANDS:
            signs = ", ".join(repr(other) for other in _THOUSANDS if other != decimal)
            raise self._refusal(node, f"{sign!r}: expected one of {signs}, and another sign than that of decimal")
        return sign

    def _missing(self, node: Node) -> frozenset[str]:
        """Read what says that there is no value, as it is written: NULL, which is nothing in YAML, is a text here."""
        members = node.value if isinstance(node, SequenceNode) else [node]
        for member in members:
            if not isinstance(member, ScalarNode):
                raise self._refusal(member, 'expected texts, such as [N/A, NULL, "-"]')
        return frozenset(stripped(member.value) for member in members) - {""}

    def _event(self, node: Node) -> str | FromColumn:
        if isinstance(node, MappingNode):
            return FromColumn(self._column(self._fields(node, ("column",), ())["column"]))
        return self._text(node)

    def _time(self, node: Node) -> Time:
        fields = self._fields(node, ("column",), ("format", "zone"))
        form = self._text(fields["format"]) if "format" in fields else "iso"
        if (reason := why_no_format(form)) is not None:
            raise self._refusal(fields["format"], reason)
        zone = self._text(fields["zone"]) if "zone" in fields else "UTC"
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise self._refusal(fields["zone"], f"{zone!r} is no time zone such as UTC or Europe/Berlin") from None
        return Time(self._column(fields["column"]), form, zone)

    def _identifiers(self, node: Node) -> dict[str, str]:
        identifiers = {name: self._column(column) for name, column in self._entries(node).items()}
        if not identifiers:
            raise self._refusal(node, "expected at least one identifier, such as user_id: COLUMN")
        return identifiers

    def _properties(self, node: Node | None) -> dict[str, FromColumn | FixedValue]:
        return {} if node is None else {name: self._property(each) for name, each in self._entries(node).items()}

    def _context(self, node: Node | None) -> dict[str, FromColumn | FixedValue]:
        """Read what stands at which path; a path has one dot at most, and does not lead through another one."""
        context = self._properties(node)
        for path in context:
            parent, dot, _ = path.partition(".")
            if path.count(".") > 1 or (dot and parent in context) or not all(path.split(".")):
                assert node is not None
                raise self._refusal(node, f"{path!r}: expected paths such as ip, userAgent, page.url, campaign.source")
        return context

    def _property(self, node: Node) -> FromColumn | FixedValue:
        if not isinstance(node, MappingNode):
            return FromColumn(self._column(node))
        constant = self._fields(node, ("constant",), ())["constant"]
        if not isinstance(constant, ScalarNode):
            raise self._refusal(constant, "a constant must be a text, a number, true or false")
        if constant.tag == f"{_TAG}str":
            return FixedValue(msgspec.json.encode(constant.value).decode())
        try:
            return FixedValue(msgspec.json.encode(msgspec.json.decode(constant.value)).decode())
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            raise self._refusal(constant, f"{constant.value!r} is no JSON value; put a text in quotes") from None

    def _column(self, node: Node) -> str:
        name = self._text(node)
        if name not in self._columns:
            raise self._refusal(node, f"{name!r} is not under columns; there are: {', '.join(self._columns)}")
        return name

    def _name(self, node: Node) -> str:
        name = self._text(node)
        if not NAME.fullmatch(name):
            raise self._refusal(node, f"{name!r}: expected 1 to 64 letters, digits, dots, dashes or underscores")
        return name

    def _source(self, node: Node) -> str:
        name = self._name(node)
        if (reason := why_no_source_name(name)) is not None:
            raise self._refusal(node, f"{name!r}: {reason}")
        return name

    def _choice(self, node: Node, choices: tuple[Choice, ...]) -> Choice:
        text = self._text(node)
        for choice in choices:
            if choice == text:
                return choice
        raise self._refusal(node, f"{text!r}: expected one of {', '.join(choices)}")

    def _text(self, node: Node) -> str:
        if not isinstance(node, ScalarNode) or node.tag == f"{_TAG}null" or node.value == "":
            raise self._refusal(node, "expected a text")
        return str(node.value)

    def _fields(self, node: Node, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Node]:
        entries = self._entries(node, required + optional)
        for name in required:
            if name not in entries:
                raise self._refusal(node, f"{name!r} is missing")
        return entries

    def _entries(self, node: Node, allowed: tuple[str, ...] = ()) -> dict[str, Node]:
        if not isinstance(node, MappingNode):
            raise self._refusal(node, "expected NAME: VALUE entries")
        entries: dict[str, Node] = {}
        for key, value in node.value:
            name = self._text(key)
            if allowed and name not in allowed:
                raise self._refusal(key, f"unknown entry {name!r}; there are: {', '.join(allowed)}")
            if name in entries:
                raise self._refusal(key, f"{name!r} is there twice")
            entries[name] = value
        return entries

    def _refusal(self, node: Node, message: str) -> MappingError:
        mark = node.start_mark
        return MappingError(f"{self._path}:{mark.line + 1}:{mark.column + 1}: {message}")


def _is_encoding(name: str) -> bool:
    try:
        codecs.lookup(name)
        return "a\n".encode(name).decode(name) == "a\n"
    except (LookupError, ValueError):  # the latter is also what a codec of bytes leads to
        return False
